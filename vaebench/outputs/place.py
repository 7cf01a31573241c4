"""Where checkpoints and models lie: a folder, or a URL with a folder of this user's before it."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaebench.errors import AwayError, OutputError
from vaebench.files import unwritable
from vaebench.outputs.remote import read_stamp, write_stamp
from vaebench.passwords import hidden

if TYPE_CHECKING:
    from vaebench.outputs.courier import Courier

CACHE_VARIABLE = "VAEBENCH_CACHE"
"""Environment variable that names the folder of this user's caches."""

PATIENCE_SECONDS = 180.0
"""How long a file is tried to be published or fetched again while a URL cannot be reached."""

STOP_SECONDS = 15.0
"""How long what goes to a URL may still take after a stop was asked for."""

AGAIN_SECONDS = 1.0
"""Between two of these tries."""


def is_url(place: object) -> bool:
    """Says whether a place is a URL, and not a folder."""
    return "://" in str(place)


@dataclass(frozen=True)
class Outputs:
    """Where a sweep's checkpoints and trained models lie, by names such as `models/KEY.pt`.

    With a folder alone every operation does nothing: files are written there by themselves. With
    a URL the folder is a cache before it, which processes of one machine share.

    Attributes:
        folder: Where files are written and read.
        url: Where they are published for other machines, in the words of fsspec; None for nowhere.
    """

    folder: Path
    url: str | None = None

    @classmethod
    def at(cls, out: str | Path) -> Outputs:
        """Returns the outputs of `--out`: a folder or a URL."""
        if not is_url(out):
            return cls(Path(out))
        url = str(out).rstrip("/")
        return cls(
            _caches() / "outputs" / hashlib.sha256(hidden(url).encode()).hexdigest()[:16], url
        )

    @classmethod
    def of_models(cls, url: str | Path) -> Outputs:
        """Returns the outputs of a sweep's URL, or of that of `models` in it."""
        return cls.at(str(url).rstrip("/").removesuffix("/models"))

    def __str__(self) -> str:
        return str(self.folder) if self.url is None else hidden(self.url)

    def fetch(
        self,
        name: str,
        *,
        keep: Callable[[Path, Path], bool] = lambda here, there: False,
        patience: float = 0.0,
        should_stop: Callable[[], bool] = lambda: False,
        on_wait: Callable[[str], Any] = lambda reason: None,
    ) -> Path:
        """Brings a file here where another one was published than the one that is here.

        What is here is used where nothing was published, or where the URL cannot be reached now.

        Args:
            name: The file.
            keep: Asked with what is here and what was published; says whether the first is kept.
            patience: Wall time in seconds in which an unreachable URL is tried again.
            should_stop: Asked often; once true, nothing is waited for.
            on_wait: Called with the reason when it is to be tried again.

        Returns:
            Where it is, if it is anywhere.

        Raises:
            OutputError: It cannot be fetched, and there is none here.
        """
        file = self.folder / name
        if self.url is None:
            return file
        part = file.with_name(f".{file.name}-{secrets.token_hex(8)}.part")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            known = read_stamp(file)
            patience = 0.0 if file.exists() else patience
            stamp = self._ask(
                "fetch",
                name,
                str(part),
                known,
                patience=patience,
                stop=should_stop,
                on_wait=on_wait,
            )
            if stamp is not None:
                if not (file.exists() and keep(file, part)):
                    part.replace(file)
                write_stamp(file, stamp)
        except AwayError:
            if not file.exists():
                raise
        except OSError as error:
            raise unwritable(file, error, _OTHER_CACHE) from error
        finally:
            part.unlink(missing_ok=True)
        return file

    def publish(
        self,
        name: str,
        *,
        source: Path | None = None,
        patience: float = 0.0,
        should_stop: Callable[[], bool] = lambda: False,
        on_wait: Callable[[str], Any] = lambda reason: None,
    ) -> None:
        """Publishes a file that is here, and waits until it is there.

        Args:
            name: The file.
            source: Where it is; None for where it belongs.
            patience: Wall time in seconds in which an unreachable URL is tried again.
            should_stop: Asked often; once true, nothing is waited for.
            on_wait: Called with the reason when it is to be tried again.

        Raises:
            AwayError: The URL cannot be reached.
            OutputError: It was refused.
        """
        if self.url is not None:
            self._ask(
                "publish",
                str(source or self.folder / name),
                name,
                patience=patience,
                stop=should_stop,
                on_wait=on_wait,
            )

    def publish_later(self, name: str) -> None:
        """Has a file that is here published while the caller goes on; the newest wins."""
        if self.url is not None:
            self.courier.later("publish", str(self.folder / name), name)

    def publish_no_more(self, name: str) -> None:
        """Takes back what `publish_later` was asked for and has not begun yet."""
        if self.url is not None:
            self.courier.drop("publish", str(self.folder / name), name)

    def clear(self, name: str) -> None:
        """Deletes a file here, with what a killed process left of writing it."""
        file = self.folder / name
        for leftover in (file, *file.parent.glob(f".{file.name}-*")):
            leftover.unlink(missing_ok=True)

    def forget(self, name: str) -> None:
        """Has a file deleted at the URL, while the caller goes on."""
        if self.url is not None:
            self.publish_no_more(name)
            self.courier.later("forget", name)

    def finish(self, seconds: float) -> str | None:
        """Waits, no longer than this, for what was to be done while the caller goes on.

        Returns:
            Why the last of it failed, if it did.
        """
        if self.url is None:
            return None
        self.courier.finish(seconds)
        return self.courier.trouble

    def sizes(self, folder: str) -> dict[str, int]:
        """Returns the sizes in bytes of the files in a folder such as `models`, by their names.

        Raises:
            OutputError: The URL cannot be read.
        """
        if self.url is not None:
            return dict(self._ask("names", folder))
        place = self.folder / folder
        entries = os.scandir(place) if place.is_dir() else ()
        return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}

    def check(self) -> None:
        """Makes sure, with a few bytes, that files can be published.

        Raises:
            OutputError: They cannot: the line says why.
            UsageError: The URL is none that can be used here.
        """
        if self.url is not None:
            self._ask("check")

    @property
    def courier(self) -> Courier:
        """Who does errands to the URL."""
        from vaebench.outputs.courier import courier

        assert self.url is not None
        return courier(self.url)

    def _ask(
        self,
        action: str,
        *arguments: Any,
        patience: float = 0.0,
        stop: Callable[[], bool] = lambda: False,
        on_wait: Callable[[str], Any] = lambda reason: None,
    ) -> Any:
        until = time.monotonic() + patience
        while True:
            try:
                return self.courier.ask(action, *arguments, should_stop=stop)
            except AwayError as error:
                if stop() or time.monotonic() > until:
                    waited = f", not for {patience:.0f} seconds" if patience else ""
                    raise AwayError(
                        f"{self} cannot be reached{waited} ({error}). When it can, run the same "
                        "command again: it goes on where it stopped."
                    ) from error
                on_wait(str(error))
                time.sleep(AGAIN_SECONDS)
            except OutputError as error:
                raise OutputError(
                    f"{self} cannot be used ({error}). Mend that, then run the same command "
                    "again: it goes on where it stopped."
                ) from error


_OTHER_CACHE = f"Name another folder for caches in {CACHE_VARIABLE}."


def _caches() -> Path:
    """The folder of this user's caches: VAEBENCH_CACHE, or the system's place for such."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vaebench"
