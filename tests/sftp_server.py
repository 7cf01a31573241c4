"""A real SFTP server on loopback, made of paramiko's: one folder, one password."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "geheim"


@contextlib.contextmanager
def serving(root: Path) -> Iterator[str]:
    """Serves a folder while the block runs; yields its URL, with user and password."""
    paramiko = pytest.importorskip("paramiko", reason="paramiko is not installed")
    files, login = _classes(paramiko, root)
    key = paramiko.RSAKey.generate(2048)
    listener = socket.create_server(("127.0.0.1", 0))
    open_ones: list[Any] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                transport = paramiko.Transport(listener.accept()[0])
                transport.add_server_key(key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, files)
                transport.start_server(event=threading.Event(), server=login())
                open_ones.append(transport)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"sftp://anna:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)
    for transport in open_ones:
        transport.close()


def _classes(paramiko: Any, root: Path) -> tuple[type, type]:
    """Paramiko's two classes that say what a server does: with files, and who may log in."""
    attributes = paramiko.SFTPAttributes

    def answered(action: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(action)
        def answer(self: Any, *arguments: Any) -> Any:
            try:
                found = action(self, *arguments)
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)
            return paramiko.SFTP_OK if found is None else found

        return answer

    class Login(paramiko.ServerInterface):  # type: ignore[misc, name-defined]
        def check_auth_password(self, username: str, password: str) -> int:
            good = password == PASSWORD
            return int(paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED)

        def get_allowed_auths(self, username: str) -> str:
            return "password"

        def check_channel_request(self, kind: str, number: int) -> int:
            return int(paramiko.OPEN_SUCCEEDED)

    class Files(paramiko.SFTPServerInterface):  # type: ignore[misc, name-defined]
        def at(self, path: str) -> Path:
            return root / self.canonicalize(path).lstrip("/")

        @answered
        def list_folder(self, path: str) -> list[Any]:
            return [
                attributes.from_stat(entry.stat(), entry.name)
                for entry in os.scandir(self.at(path))
            ]

        @answered
        def stat(self, path: str) -> Any:
            return attributes.from_stat(self.at(path).stat())

        lstat = stat

        @answered
        def open(self, path: str, flags: int, attr: Any) -> Any:
            writes = flags & os.O_WRONLY
            handle = paramiko.SFTPHandle(flags)
            descriptor = os.open(self.at(path), flags, 0o666)
            handle.readfile = handle.writefile = os.fdopen(descriptor, "wb" if writes else "rb")
            handle.stat = lambda: attributes.from_stat(os.fstat(descriptor))
            return handle

        @answered
        def remove(self, path: str) -> None:
            self.at(path).unlink()

        @answered
        def posix_rename(self, old: str, new: str) -> None:
            self.at(old).replace(self.at(new))

        @answered
        def mkdir(self, path: str, attr: Any) -> None:
            self.at(path).mkdir()

        def chattr(self, path: str, attr: Any) -> int:
            return int(paramiko.SFTP_OK)

    return Files, Login
