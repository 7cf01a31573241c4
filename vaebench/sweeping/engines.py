"""What trains the jobs of a sweep: worker processes, this process, or a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vaebench.errors import UsageError, unknown
from vaebench.sweeping.signals import held_back

if TYPE_CHECKING:
    from vaebench.context import WorkerContext
    from vaebench.executors import Executor
    from vaebench.outcome import Progress

    OnEvent = Callable[[Progress], Any]


@dataclass(frozen=True)
class Engine:
    """What trains the jobs of a sweep, as its user asks for it.

    Attributes:
        name: One of `ENGINES`.
        address: Of the cluster that is to train, where the engine has one; None for a Ray of
            this machine's own, which ends with the command.
    """

    name: str = "processes"
    address: str | None = None

    def __post_init__(self) -> None:
        if self.name == "slurm":
            raise UsageError(
                "slurm submits a sweep from the command line: vaebench sweep … --executor slurm. "
                f"Here are {', '.join(ENGINES)}."
            )
        if self.name not in ENGINES:
            raise unknown("executor", self.name, ENGINES)
        if self.address is not None and self.name != "ray":
            raise UsageError(
                f"--address {self.address} is of a Ray cluster: add --executor ray to it, or leave "
                f"it out for --executor {self.name}."
            )

    @property
    def trains_here(self) -> bool:
        """Whether it is this machine that trains, and not the nodes of a cluster."""
        return self.name != "ray"

    def devices(self, name: str) -> tuple[str, ...]:
        """Chooses the devices by name, as `resolve_devices`; in a cluster the workers' own.

        Raises:
            UsageError: The name is unknown, or this machine has no such device, and is to train.
        """
        from vaebench.devices import resolve_devices

        if self.name == "ray" and name.startswith("cuda"):
            return ("cuda:0",)  # Ray shows each worker the GPU that is its own, and no other
        found = resolve_devices(name)
        return ("cuda:0",) if self.name == "ray" and found[0].startswith("cuda") else found

    def precision(self, name: str, device: str) -> str:
        """Chooses the precision by name, as `resolve_precision`.

        Raises:
            UsageError: The device has none of that name, or is another machine's, unlike any here.
        """
        from vaebench.devices import resolve_devices, resolve_precision

        if self.name == "ray" and device.startswith("cuda"):
            try:
                resolve_devices("cuda")
            except UsageError as error:
                if name != "auto":
                    return name
                raise UsageError(
                    "--precision auto asks the GPU, and this machine, which only hands jobs out, "
                    "has none: name --precision bf16 or fp32."
                ) from error
        return resolve_precision(name, device)

    def executor(self, context: WorkerContext, workers: int, on_event: OnEvent) -> Executor:
        """Makes what jobs are handed to; it starts no job.

        Args:
            context: Where and how workers work.
            workers: Jobs at once.
            on_event: Called, from any thread, with the workers' signs of life.

        Raises:
            VaebenchError: It cannot be had: no thread, no cluster, no such library.
        """
        return _MAKING[self.name](self, context, workers, on_event)


def _processes(engine: Engine, context: WorkerContext, workers: int, on_event: OnEvent) -> Executor:
    del engine
    with held_back():
        from vaebench.executors import ProcessExecutor, RelayExecutor
        from vaebench.worker import run_pack, train_pack
    if context.device == "cpu":  # where a score takes the core that could train
        return ProcessExecutor(run_pack, context.bound(workers), on_event=on_event)
    beside = replace(context, holds_data=False)
    return RelayExecutor(
        ProcessExecutor(train_pack, context.bound(workers), on_event=on_event),
        ProcessExecutor(run_pack, beside.bound(workers), on_event=on_event),
    )


def _inline(engine: Engine, context: WorkerContext, workers: int, on_event: OnEvent) -> Executor:
    del engine, workers
    with held_back():
        from vaebench.executors import InlineExecutor
        from vaebench.worker import run_pack
    return InlineExecutor(run_pack, context, on_event=on_event)


def _ray(engine: Engine, context: WorkerContext, workers: int, on_event: OnEvent) -> Executor:
    with held_back():
        from vaebench.data.base import data_folder
        from vaebench.executors.ray import RayExecutor
        from vaebench.executors.ray_worker import Named

    seen_by_all = replace(
        context,
        out=context.out.absolute(),
        data_dir=data_folder(context.data_dir).absolute(),
    )
    return RayExecutor(
        Named("vaebench.worker", "run_pack"),
        seen_by_all.bound(workers),
        on_event=on_event,
        address=engine.address,
        gpus=int(context.device.startswith("cuda")),
    )


_MAKING: dict[str, Callable[[Engine, WorkerContext, int, OnEvent], Executor]] = {
    "processes": _processes,
    "inline": _inline,
    "ray": _ray,
}

ENGINES = tuple(_MAKING)
"""What `--executor` takes."""

PROCESSES = Engine()
"""This machine's: what trains where nothing else is asked for."""
