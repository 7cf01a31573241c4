"""Downloads one file by pooch, going on where an earlier attempt was cut off."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from vaebench.errors import DataError

OnBytes = Callable[[int, int | None], None]
ATTEMPTS = 4
_TIMEOUTS = (15.0, 60.0)
_CHUNK = 1 << 20
_BUSY = (408, 429, 500, 502, 503, 504)


class UnwritableError(DataError):
    """The file cannot be written here, wherever it comes from."""


def fetch(
    url: str, path: Path, checksum: str | None, on_bytes: OnBytes, *, pause: float = 1.0
) -> None:
    """Downloads a file, and checks it.

    Until the file is whole it lies beside `path` with the ending `.part`. If the connection
    breaks, the download goes on from there up to `ATTEMPTS` times, and so it does when it is
    called again later, provided that the server can send a part of a file (HTTP ranges) and that
    the file has not changed there meanwhile; else it begins anew.

    Args:
        url: Address, http or https.
        path: Where the file goes. One that is there is left if its checksum is right or not known,
            else replaced.
        checksum: `sha256:` or `md5:` and the digits, or None not to check.
        on_bytes: Called with the number of bytes here, and in all where the server tells.
        pause: Seconds before the second attempt; twice as long before each further one.

    Raises:
        UnwritableError: The file cannot be written.
        DataError: The server does not have the file, the connection broke too often, or what came
            is not the expected file.
    """
    pooch = import_module("pooch")
    requests = import_module("requests")
    pooch.get_logger().setLevel(logging.WARNING)
    loader = ResumingDownloader(path, on_bytes, verified=checksum is not None, pause=pause)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(
            url, checksum, fname=path.name, path=path.parent.resolve(), downloader=loader
        )
    except requests.RequestException as error:
        kept = loader.part.stat().st_size if loader.part.is_file() else 0
        more = f" {kept:,} bytes of it are kept; run it again to go on." if kept else ""
        raise DataError(f"{url} could not be downloaded: {_line(error)}.{more}") from error
    except ValueError as error:
        raise DataError(f"{url} is not the expected file: {_line(error)}.") from error
    except OSError as error:
        raise UnwritableError(
            f"{path} cannot be written: {error.strerror or _line(error)}. Make room or make its "
            "folder writable, or choose another --data-dir."
        ) from error


class ResumingDownloader:
    """What pooch calls to download: like its own, but it resumes.

    Args:
        path: Where the file goes in the end.
        on_bytes: Called with the number of bytes here and in all.
        verified: Whether the whole file will be checked, so that a file that changed at the
            server between two attempts would be noticed.
        pause: Seconds before the second attempt.
    """

    def __init__(
        self, path: Path, on_bytes: OnBytes, *, verified: bool, pause: float = 1.0
    ) -> None:
        self.part = path.with_name(f"{path.name}.part")
        self._note = path.with_name(f"{path.name}.part.json")
        self._on_bytes = on_bytes
        self._verified = verified
        self._pause = pause
        self._reason = "the file came incomplete"

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        """Downloads to `output_file`.

        Raises:
            requests.RequestException: It failed; what came is kept in `part`.
            DataError: The server sent a web page.
        """
        requests = import_module("requests")
        failures, before = 0, -1
        while not self._attempt(url):
            here = self._here()
            failures = 1 if here > before else failures + 1
            before = max(before, here)
            if failures >= ATTEMPTS:
                raise requests.ConnectionError(
                    f"{failures} attempts in a row brought nothing; the last: {self._reason}"
                )
            time.sleep(self._pause * 2 ** (failures - 1))
        self.part.replace(output_file)
        self._note.unlink(missing_ok=True)

    def _here(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _attempt(self, url: str) -> bool:
        """Asks for what is missing; returns whether the file is whole then."""
        requests = import_module("requests")
        broken = (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
            import_module("urllib3").exceptions.HTTPError,
        )
        try:
            with requests.get(
                url, headers=self._headers(url), stream=True, timeout=_TIMEOUTS
            ) as response:
                return self._receive(url, response)
        except broken as error:
            self._reason = _innermost(error)
            return False

    def _headers(self, url: str) -> dict[str, str]:
        """The request: the whole file, or its rest if it is still what was begun with."""
        # No compression on the way: sizes and ranges are those of the file itself.
        headers = {"Accept-Encoding": "identity", "User-Agent": "vaebench"}
        here = self._here()
        note = _read_note(self._note)
        if here and note.get("url") == url and (note.get("version") or self._verified):
            headers["Range"] = f"bytes={here}-"
            if note.get("version"):
                headers["If-Range"] = note["version"]
        return headers

    def _receive(self, url: str, response: Any) -> bool:
        """Writes what the server sends; returns whether the file is whole then."""
        if response.status_code in _BUSY:
            self._reason = f"the server answers {response.status_code} {response.reason}"
            return False
        if response.status_code == 416:  # nothing is left to send, or the file became shorter
            whole = response.headers.get("Content-Range", "").rpartition("/")[2]
            if whole == str(self._here()):
                return True
            self.part.unlink(missing_ok=True)
            return False
        response.raise_for_status()
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise DataError(
                f"{url} sent a web page instead of the file (often: too many downloads today). Try "
                f"again later, or download it by hand to {self.part.with_suffix('')}."
            )
        here = self._here() if response.status_code == 206 else 0
        if here and not _begins_at(response, here):
            self.part.unlink()
            return False
        length = response.headers.get("Content-Length")
        total = here + int(length) if length else None
        version = response.headers.get("ETag", "")
        if not version or version.startswith("W/"):
            version = response.headers.get("Last-Modified", "")
        self._note.write_text(json.dumps({"url": url, "version": version}))
        with self.part.open("ab" if here else "wb") as stream:
            self._on_bytes(here, total)
            # The bytes as sent: a .gz file that a server calls compressed stays a .gz file.
            for chunk in response.raw.stream(_CHUNK, decode_content=False):
                stream.write(chunk)
                here += len(chunk)
                self._on_bytes(here, total)
        return total is None or here == total


def _begins_at(response: Any, place: int) -> bool:
    """Whether a part of a file begins where it should."""
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {place}-")


def _read_note(path: Path) -> dict[str, str]:
    """What was noted of the download that a part belongs to; nothing if it cannot be read."""
    try:
        note = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _innermost(error: Exception) -> str:
    """What was wrong, without the wrappings of requests and urllib3."""
    inner = error.args[0] if error.args else error
    return _line(getattr(inner, "reason", inner)).rpartition("): ")[2] or type(error).__name__


def _line(error: Exception) -> str:
    """An error's message as one line without a full stop."""
    return " ".join(str(error).split()).rstrip(".")
