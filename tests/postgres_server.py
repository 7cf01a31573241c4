"""A real PostgreSQL server on a Unix socket for tests, which can be stopped and started."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class PostgresServer:
    """A server.

    Attributes:
        url: Its database, for SQLAlchemy.
    """

    def __init__(self, binaries: Path, folder: Path, user: str | None) -> None:
        self._folder, self._user = folder, user
        self._pg_ctl, self._initdb = binaries / "pg_ctl", binaries / "initdb"
        self.url = f"postgresql+psycopg://vaebench@/postgres?host={folder}"

    def make(self) -> None:
        """Makes its files."""
        options = "-U vaebench -A trust -E UTF8 --locale=C --no-sync".split()
        self._call(self._initdb, *options, "-D", self._folder / "data")

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off"
        self._control("start", "-l", str(self._folder / "log"), "-o", options)

    def stop(self) -> None:
        """Stops it at once, as a fault does: it recovers when it starts again."""
        self._control("stop", "-m", "immediate")

    def _control(self, action: str, *words: str) -> None:
        self._call(self._pg_ctl, "-D", self._folder / "data", "-w", *words, action)

    def _call(self, *words: str | Path) -> None:
        subprocess.run(
            [str(word) for word in words],
            user=self._user,
            cwd=self._folder,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )


@contextmanager
def postgres_server() -> Iterator[PostgresServer | str]:
    """Starts a server; gives a reason instead where that cannot be."""
    found = shutil.which("initdb") or next(
        iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None
    )
    if found is None:
        yield "PostgreSQL's server is not installed (no initdb)"
        return
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="vaebench-pg-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
    except LookupError:
        shutil.rmtree(folder)
        yield "PostgreSQL does not run as root, and there is no user postgres"
        return
    server = PostgresServer(Path(found).resolve().parent, folder, user)
    try:
        server.make()
        server.start()
    except (subprocess.SubprocessError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        yield f"PostgreSQL does not start here: {error}"
        return
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
