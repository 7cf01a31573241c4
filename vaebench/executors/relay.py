"""The relay: one executor trains packs, another evaluates them beside the next training."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from vaebench.executors.contract import Answer, Executor
from vaebench.spec import JobSpec


class RelayExecutor:
    """Hands packs that come back as `trained` from one executor on to a second.

    An accelerator would idle while scores are computed on the host, so another process does that.
    What the first executor answers with otherwise is the answer. A pack whose evaluation is lost
    begins again with the first, which finds it trained and evaluates it. Where memory has no room
    for both, the first evaluates all that it trains.

    Args:
        training: Runs `train_pack`.
        evaluation: Runs `run_pack`, which goes on from the checkpoint where training ended.
    """

    def __init__(self, training: Executor, evaluation: Executor) -> None:
        self._training = training
        self._evaluation = evaluation
        self._lock = threading.Lock()
        self._evaluating = 0
        self._alone = False

    @property
    def workers(self) -> int:
        """Packs that run at once: those that train, and as many evaluations as have a worker."""
        return self._training.workers + min(self._evaluating, self._evaluation.workers)

    @property
    def held_up(self) -> str | None:
        """What either of them waits for."""
        return self._training.held_up or self._evaluation.held_up

    def submit(self, pack: Sequence[JobSpec]) -> Answer:
        """Hands a pack to the next free worker; see `Executor`."""
        answer = Answer()

        def trained(found: Answer) -> None:
            if _status(found) != "trained":
                _pass_on(found, answer)
            elif self._alone:
                self._training.submit(pack).add_done_callback(lambda last: _pass_on(last, answer))
            else:
                self._count(1)
                self._evaluation.submit(pack).add_done_callback(evaluated)

        def evaluated(found: Answer) -> None:
            self._count(-1)
            if _status(found) == "memory":
                self._alone = True
                self._training.submit(pack).add_done_callback(lambda last: _pass_on(last, answer))
            else:
                _pass_on(found, answer)

        self._training.submit(pack).add_done_callback(trained)
        return answer

    def stop(self) -> None:
        """Asks for what runs to be checkpointed and handed back as interrupted."""
        self._training.stop()
        self._evaluation.stop()

    def shutdown(self, *, kill: bool = False) -> None:
        """Ends the workers: those that hand on first."""
        self._training.shutdown(kill=kill)
        self._evaluation.shutdown(kill=kill)

    def _count(self, more: int) -> None:
        with self._lock:
            self._evaluating += more


def _status(found: Answer) -> str:
    return "lost" if found.exception() else found.result()[-1].status


def _pass_on(found: Answer, answer: Answer) -> None:
    if error := found.exception():
        answer.set_exception(error)
    else:
        answer.set_result(found.result())
