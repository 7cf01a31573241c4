"""A Ray cluster joined, or one of this machine's own: reached, watched, and left without a word."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from typing import IO, Any

from vaebench.errors import UsageError, VaebenchError

PORTS = {"": 6379, "ray://": 10001}
"""Where a head listens, by how an address begins."""

STORE_BYTES = 80 * 2**20
"""Shared memory of a Ray of our own: Ray's least; outcomes are some 100 kB."""

REACHED_SECONDS, GONE_SECONDS = 10.0, 30.0
"""How long a head may take to answer at first; and how long it may be silent later.

Ray's own patience is a minute, after which it ends the process that waits.
"""


class RayCluster:
    """This process as a driver of a Ray cluster, until `close`.

    Args:
        address: `auto`, `HOST:PORT` or `ray://HOST:PORT`; None for the one in RAY_ADDRESS, or
            that this process has joined before, or else a Ray of this machine's own.
        workers: Actors that a Ray of our own has room for.

    Raises:
        UsageError: The address is none.
        VaebenchError: Ray is not installed, or no cluster can be joined there.
    """

    def __init__(self, address: str | None, workers: int) -> None:
        try:
            import ray
        except ImportError as error:
            raise VaebenchError(
                f"--executor ray needs Ray ({error}): pip install 'vaebench[ray]'."
            ) from error
        self.ray: Any = ray
        self._theirs = bool(ray.is_initialized())
        self._head: tuple[str, int] | None = None
        self._seen = time.monotonic()
        if self._theirs:
            self.name = "the Ray cluster that this process has joined"
            return
        address = address or os.environ.get("RAY_ADDRESS") or "local"
        own = address == "local"
        self.name = "a Ray of this machine's own"
        if not own:
            address = _found(address)
            self.name = f"the Ray cluster at {address}"
            self._head = _reached(address)
        options = {"num_cpus": workers, "object_store_memory": STORE_BYTES} if own else {}
        self._join(address, {**options, **({"include_dashboard": False} if own else {})})
        if own:
            with contextlib.suppress(Exception):
                self._head = _parts(ray.get_runtime_context().gcs_address)

    def room(self) -> str:
        """Says how much room the cluster has, and how much of it is free."""
        have, free = self.ray.cluster_resources(), self.ray.available_resources()
        parts = [f"{free.get(n, 0):.0f} of {have.get(n, 0):.0f} {n}s" for n in ("CPU", "GPU")]
        return f"{parts[0]} are free" if not have.get("GPU") else f"{' and '.join(parts)} are free"

    def gone(self) -> bool:
        """Says whether the head has been silent for too long; called now and then."""
        if self._head is None:
            return False
        try:
            socket.create_connection(self._head, timeout=2.0).close()
            self._seen = time.monotonic()
        except OSError:
            pass
        return time.monotonic() - self._seen > GONE_SECONDS

    def close(self) -> None:
        """Leaves the cluster, or ends it where it is our own; its actors end with that."""
        if self._theirs:
            return
        leaving = threading.Thread(target=self.ray.shutdown, daemon=True)
        leaving.start()
        leaving.join(timeout=REACHED_SECONDS)  # a head that is gone keeps nobody

    def _join(self, address: str, options: dict[str, Any]) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        logging.getLogger("ray").setLevel(logging.ERROR)
        with _hushed() as words, _signals_kept():
            try:
                self.ray.init(address=address, **quiet, **options)
            except (Exception, SystemExit) as error:
                self.close()
                raise VaebenchError(f"{self._why(error, words)} Nothing is lost.") from error
        with contextlib.suppress(ImportError):
            from ray._private import worker

            # What raylets have to say of workers that die: Ray prints it and has no setting for it.
            worker.print_to_stdstream = lambda *_, **__: None

    def _why(self, error: BaseException, words: IO[bytes]) -> str:
        words.seek(0)
        said = words.read().decode(errors="replace")
        if "Unauthenticated" in said or "token" in str(error).lower():
            return (
                f"{self.name[0].upper()}{self.name[1:]} asks for a token: set RAY_AUTH_MODE=token "
                "and RAY_AUTH_TOKEN_PATH to the file that has it."
            )
        line = " ".join(str(error).split())
        return f"{self.name[0].upper()}{self.name[1:]} cannot be used: {line.rstrip('.')[:300]}."


def _found(address: str) -> str:
    """Returns where `auto` leads to on this machine."""
    if address != "auto":
        return address
    from ray._private import services

    try:
        return str(services.canonicalize_bootstrap_address_or_die("auto"))
    except (Exception, SystemExit) as error:
        raise VaebenchError(
            "No Ray cluster runs on this machine, as --address auto asks for: start one with "
            "`ray start --head`, name its HOST:6379, or leave --address out. Nothing is lost."
        ) from error


def _parts(address: str) -> tuple[str, int]:
    """Returns host and port of an address."""
    scheme = "ray://" if address.startswith("ray://") else ""
    host, _, port = address.removeprefix(scheme).rpartition(":")
    if not port.isdecimal():
        host, port = address.removeprefix(scheme), str(PORTS[scheme])
    if not host or "/" in host or not 0 < int(port) < 2**16:
        raise UsageError(
            f"--address {address} is none of a Ray cluster: auto, HOST:6379 or ray://HOST:10001."
        )
    return host.strip("[]"), int(port)


def _reached(address: str) -> tuple[str, int]:
    """Returns host and port of a head that answers: Ray itself would wait for minutes."""
    head = _parts(address)
    try:
        socket.create_connection(head, timeout=REACHED_SECONDS).close()
    except OSError as error:
        raise VaebenchError(
            f"No Ray cluster answers at {address} ({error.strerror or error}): look whether its "
            "head runs (`ray status` there) and the port is right. Nothing is lost."
        ) from error
    return head


@contextlib.contextmanager
def _hushed() -> Iterator[IO[bytes]]:
    """Keeps what Ray's C++ writes to standard error while it connects in a file."""
    with tempfile.TemporaryFile() as words, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = os.dup(2)
        os.dup2(words.fileno(), 2)
        try:
            yield words
        finally:
            os.dup2(ours, 2)
            os.close(ours)


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Sets SIGTERM back to what it was: Ray takes it."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGTERM, before)
