"""Where and how a worker works: its folders, its device, its threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vaebench.data.own.opened import OwnData
from vaebench.outputs import PATIENCE_SECONDS, Outputs


@dataclass(frozen=True)
class WorkerContext:
    """Where and how a worker works: none of it changes a figure but the device.

    Attributes:
        out: Folder for checkpoints and trained models; with a URL a cache before that.
        devices: Resolved devices, such as `cpu` or `cuda:0`; workers take them in turn.
        data_dir: The data folder, or None for the default.
        threads: Threads within an operation.
        checkpoint_seconds: Wall time between checkpoints.
        own: The user's own data sets; jobs have their names.
        twins: By the keys of jobs, those of finished runs with the same training, whose models
            are evaluated.
        holds_data: Whether a data set is kept on the device, where it has room; the evaluation
            beside a training leaves that to it.
        url: Where other machines find checkpoints and models; None for `out` alone.
        patience_seconds: Wall time in which a URL that cannot be reached is tried again, where
            a job cannot go on without.
    """

    out: Path
    devices: tuple[str, ...] = ("cpu",)
    data_dir: Path | None = None
    threads: int = 1
    checkpoint_seconds: float = 20.0
    own: tuple[OwnData, ...] = ()
    twins: Mapping[str, str] = field(default_factory=dict, hash=False)
    holds_data: bool = True
    url: str | None = None
    patience_seconds: float = PATIENCE_SECONDS

    @classmethod
    def at(cls, out: str | Path, **rest: Any) -> WorkerContext:
        """Returns the context of an `--out`, which is a folder or a URL.

        Args:
            out: It.
            rest: Other attributes.
        """
        outputs = Outputs.at(out)
        return cls(outputs.folder, url=outputs.url, **rest)

    @property
    def device(self) -> str:
        """The one that a worker of this context uses: the first."""
        return self.devices[0]

    def bound(self, workers: int) -> list[WorkerContext]:
        """Returns what each of several workers is given: its own device, and all the rest."""
        at = [self.devices[worker % len(self.devices)] for worker in range(workers)]
        return [replace(self, devices=(device,)) for device in at]

    def here(self) -> WorkerContext:
        """Returns the same for the machine that this is called on: its own cache before a URL."""
        return self if self.url is None else replace(self, out=Outputs.at(self.url).folder)

    @property
    def outputs(self) -> Outputs:
        """Where checkpoints and trained models lie."""
        return Outputs(self.out, self.url)

    def checkpoint(self, key: str) -> Path:
        """The file that a job is gone on from."""
        return self.out / "checkpoints" / f"{key}.pt"

    def forget(self, key: str) -> None:
        """Deletes a finished job's checkpoint, with what a killed process left of writing one."""
        name = f"checkpoints/{self.checkpoint(key).name}"
        self.outputs.clear(name)
        self.outputs.forget(name)

    def model(self, key: str) -> Path:
        """The file of a job's trained model."""
        return self.out / "models" / f"{key}.pt"
