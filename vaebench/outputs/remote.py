"""The process that speaks to a URL by fsspec: one errand at a time, each with an answer."""

from __future__ import annotations

import contextlib
import errno
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vaebench.files import replacing
from vaebench.outputs.once import once
from vaebench.passwords import without_secrets

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

WHOLE_PUTS = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"}
"""Stores whose objects appear whole, when their upload is complete."""

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "sftp": "sftp", "ssh": "sftp"}
"""Extra of vaebench that brings the backend of a protocol."""

_GOOGLE = {"session_kwargs": {"middlewares": (once,)}}
QUICK: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"retries": {"max_attempts": 1}, "connect_timeout": 10}},
    "gs": _GOOGLE,
    "gcs": _GOOGLE,
}
"""Options of backends that would try again by themselves for long: whoever asks here decides it."""

_STAMPS = ("ETag", "etag", "size", "LastModified", "last_modified", "mtime", "created")
_NOW = {408, 425, 429}
"""HTTP statuses of a request that is refused now, and need not be later; others of 4xx last."""

_INSUFFICIENT_STORAGE = 507
_PATH_OF_URL = re.compile(r"(https?://[^/\s\"']+)[^\s\"']*")


class Fault(NamedTuple):
    """Why an errand failed.

    Attributes:
        lasting: Whether it will fail again until somebody does something about it.
        text: The reason, without the names of files, which differ from errand to errand.
        usage: Whether the URL itself is none that can be used here.
    """

    lasting: bool
    text: str
    usage: bool = False


def serve(pipe: Connection, url: str) -> None:
    """Is the process: does what it is asked until nobody is there to ask.

    An errand is the name of a method of `Remote` and its arguments; the answer is `(True, value)`
    or `(False, Fault)`.

    Args:
        pipe: To whoever asks.
        url: Where outputs lie.
    """
    remote: Remote | None = None
    with contextlib.suppress(EOFError, OSError):
        while True:
            action, arguments = pipe.recv()
            try:
                remote = remote or Remote(url)
                answer: tuple[bool, Any] = (True, getattr(remote, action)(*arguments))
            except Exception as error:  # backends have no common class of errors
                remote, answer = None, (False, fault(error, url))
            pipe.send(answer)


class Remote:
    """Files at a URL, by names such as `models/KEY.pt`.

    Raises:
        ImportError: The backend is not installed.
        ValueError: There is no such protocol.
    """

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        self.protocol = url.partition("://")[0].lower()
        options = QUICK.get(self.protocol, {})
        self.system, root = url_to_fs(url, skip_instance_cache=True, **options)
        self.root = root.rstrip("/")

    def publish(self, file: str, name: str) -> None:
        """Puts a file there, whole or not at all, and keeps its stamp beside the file here."""
        place = f"{self.root}/{name}"
        if self.protocol in WHOLE_PUTS:
            self.system.put_file(file, place)
        else:
            folder, _, last = place.rpartition("/")
            part = f"{folder}/.{last}-{secrets.token_hex(8)}.part"
            self.system.makedirs(folder, exist_ok=True)
            try:
                self.system.put_file(file, part)
                self.system.mv(part, place)
            except BaseException:
                with contextlib.suppress(Exception):
                    self.system.rm_file(part)
                raise
        write_stamp(Path(file), self._stamp(name))

    def fetch(self, name: str, file: str, known: str | None) -> str | None:
        """Gets a file, where there is one of another stamp than the one that is known.

        Returns:
            Its stamp; None where nothing was fetched.
        """
        stamp = self._stamp(name)
        if stamp is None or stamp == known:
            return None
        try:
            self.system.get_file(f"{self.root}/{name}", file)
        except FileNotFoundError:  # deleted since
            return None
        return stamp

    def forget(self, name: str) -> None:
        """Deletes a file, if it is there, with what a killed process left of publishing it."""
        gone = [f"{self.root}/{name}"]
        if self.protocol not in WHOLE_PUTS:
            self.system.invalidate_cache()
            folder, _, last = gone[0].rpartition("/")
            with contextlib.suppress(FileNotFoundError):
                there = self.system.ls(folder, detail=False)
                gone += [each for each in there if each.rpartition("/")[2].startswith(f".{last}-")]
        for place in gone:
            with contextlib.suppress(FileNotFoundError):
                self.system.rm_file(place)

    def names(self, folder: str) -> dict[str, int]:
        """Returns the sizes in bytes of a folder's files by name; none where it is not there."""
        self.system.invalidate_cache()
        try:
            found = self.system.ls(f"{self.root}/{folder}", detail=True)
        except FileNotFoundError:
            return {}
        files = {each["name"].rpartition("/")[2]: each for each in found if each["type"] == "file"}
        return {
            name: int(each["size"] or 0)
            for name, each in files.items()
            if name and not name.startswith(".")
        }

    def check(self) -> None:
        """Writes a few bytes and deletes them."""
        place = f"{self.root}/.vaebench-{secrets.token_hex(8)}"
        if self.protocol not in WHOLE_PUTS:
            self.system.makedirs(self.root, exist_ok=True)
        self.system.pipe_file(place, b"vaebench was here")
        with contextlib.suppress(Exception):  # who may write need not be let delete
            self.system.rm_file(place)

    def _stamp(self, name: str) -> str | None:
        """Returns what changes whenever a file is written anew; None where there is none."""
        self.system.invalidate_cache()
        try:
            info = self.system.info(f"{self.root}/{name}")
        except FileNotFoundError:
            return None
        return " ".join(str(info[key]) for key in _STAMPS if info.get(key) is not None)


def fault(error: Exception, url: str) -> Fault:
    """Says in a line what a backend's error means."""
    protocol = url.partition("://")[0].lower()
    if isinstance(error, ImportError):
        extra = EXTRAS.get(protocol)
        install = f"pip install 'vaebench[{extra}]'" if extra else str(error)
        return Fault(True, f"{protocol}:// needs a package that is not installed: {install}", True)
    text = " ".join(without_secrets(str(error), [url]).split()) or type(error).__name__
    if isinstance(error, ValueError) and "rotocol" in text:
        known = "s3, gs, sftp, file, and what else fsspec knows"
        return Fault(True, f"{protocol!r} is no protocol of outputs: they are {known}", True)
    text = _PATH_OF_URL.sub(r"\1", text).rstrip(".")
    if isinstance(error, FileNotFoundError) and text.startswith("http"):  # gcsfs says no more
        text = f"there is no such bucket at {text}"
    if isinstance(error, NotImplementedError):
        return Fault(True, f"nothing can be written to {protocol}://", True)
    return Fault(_lasting(error), text)


def _lasting(error: Exception) -> bool:
    """Says whether an error would come again until somebody mends what is wrong."""
    if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
        return True
    if getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
        return True
    cause = error.__cause__ or error
    answer = getattr(cause, "response", None)
    meta = answer.get("ResponseMetadata", {}) if isinstance(answer, dict) else {}
    status = meta.get("HTTPStatusCode", getattr(cause, "code", None))
    if isinstance(status, int):
        return status == _INSUFFICIENT_STORAGE or (400 <= status < 500 and status not in _NOW)
    return any(word in type(cause).__name__ for word in ("Credentials", "Authentication"))


def stamp_file(file: Path) -> Path:
    """Where the stamp is kept that a file had at the URL when it was last the same there."""
    return file.with_name(f".{file.name}-stamp")


def read_stamp(file: Path) -> str | None:
    """Returns a file's stamp; None where it has none, or is gone itself."""
    try:
        return stamp_file(file).read_text() if file.exists() else None
    except (OSError, ValueError):
        return None


def write_stamp(file: Path, stamp: str | None) -> None:
    """Keeps a file's stamp; without one the file is fetched once more than it need be."""
    with contextlib.suppress(OSError), replacing(stamp_file(file), sync=False) as stream:
        stream.write((stamp or "").encode())
