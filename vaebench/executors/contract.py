"""The contract of executors: what a runner hands to one, and what it may expect back.

A *pack* is a sequence of jobs that one worker works on, one after the other. An executor takes
packs in the order in which they are submitted, runs as many at once as it says that it has
`workers`, and answers each with a future. It knows nothing of the store: it neither claims nor
records, and the figures of a job do not depend on which executor, which worker or how many of them
it had.

What comes back:

* *Outcomes*: the future's result, one `JobOutcome` a job, in the pack's order; fewer where the last
  of them says that its worker is not good for another job (`memory`, `lost` within a task). A job
  that fails is an outcome and no exception.
* *Events*: while a pack runs, `on_event` is called with `Progress`, from any thread, not after the
  pack's future is done. Events may be late or missing; nothing but the display and heartbeats'
  figures depends on them. Where workers are on other machines, events say on which (`place`).
* A *stop* (`stop`, from any thread or a signal's handler: it takes no lock and waits for nothing)
  has each worker checkpoint what it trains and hand it back as `interrupted`; packs that have not
  begun come back so at once. The executor does not serve again.
* A *lost worker*: where a worker dies, its node does, or the way to it is gone for good, the future
  of its pack gets `LostWorkerError`, and no other future does. The next pack has a new worker. What
  the job had checkpointed is where outputs lie, and whoever is given the job goes on from there: so
  that must be a folder that all of an executor's workers see, or a URL.
* *Blocked* packs: what ails is no job's fault and would ail every other (a folder that cannot be
  written, a device that fails, a cluster that is gone). The outcomes say so, and the runner ends.
* A *late answer*: a worker that was thought lost may still train, write its checkpoint, even end.
  Checkpoints and models are written whole and are the same bits whoever writes them. Nobody waits
  for its outcome, and a runner whose own claim was taken over meanwhile is refused by the claim's
  token: the store writes nothing, and the job's state is `late`.

An executor whose process is killed leaves no worker behind: a worker whose parent is gone sees the
closed pipe at its next step, checkpoints and ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from vaebench.outcome import JobOutcome, Progress
from vaebench.spec import JobSpec

Context = TypeVar("Context")

Task = Callable[
    [Sequence[JobSpec], Context, Callable[[Progress], Any], Callable[[], bool]], list[JobOutcome]
]
"""What a worker does with a pack: a function of a module, found by its name in another process.

It is called with the pack, the context (where and how to work), a function to call with signs of
life, and one that says whether to stop; asked often, that one never goes back to False. It returns
the outcomes. `vaebench.worker.run_pack` is one.
"""

Answer = Future[list[JobOutcome]]
"""The future of a pack's outcomes; its exception, if any, is `LostWorkerError`."""


class Executor(Protocol):
    """Where packs run; see the module's first lines for what its words mean."""

    @property
    def workers(self) -> int:
        """Packs that run at once, by what is known now; it changes with what there is room for.

        A runner has no more submitted than that. 0 is for a moment without any worker.
        """

    @property
    def held_up(self) -> str | None:
        """What it waits for, in words for the user; None while nothing holds it up."""

    def submit(self, pack: Sequence[JobSpec]) -> Answer:
        """Hands over a pack; an inline executor returns when it is done, others at once."""
        ...

    def stop(self) -> None:
        """Asks for what runs to be checkpointed and handed back as interrupted."""

    def shutdown(self, *, kill: bool = False) -> None:
        """Ends the workers: after their packs, or at once with `kill`; again, it does nothing.

        With `kill`, futures that are not done may stay so.
        """
