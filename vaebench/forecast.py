"""How long the jobs that are left will take, from what jobs like them have taken."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from vaebench.spec import JobSpec


class Forecast:
    """Wall times learnt from jobs, used for those to come.

    A job's time is its steps at the step time seen for its kind (data set, network, model, batch
    size, precision), plus the evaluation time seen for its data set, sample size and scores. Where
    the kind was not seen, the median over all kinds stands in for it, and a quarter of the training
    for the evaluation.
    """

    def __init__(self) -> None:
        self._steps: dict[tuple[object, ...], list[float]] = defaultdict(list)
        self._evaluations: dict[tuple[object, ...], list[float]] = defaultdict(list)
        self._running: dict[str, tuple[JobSpec, int, float, bool]] = {}

    def finished(self, spec: JobSpec, train_seconds: float, eval_seconds: float) -> None:
        """Learns from a finished job."""
        self._running.pop(spec.key, None)
        self._steps[_kind(spec)].append(train_seconds / spec.steps)
        self._evaluations[_evaluation(spec)].append(eval_seconds)

    def running(
        self, spec: JobSpec, step: int, step_seconds: float, *, evaluating: bool = False
    ) -> None:
        """Learns from a job on its way.

        Args:
            spec: The job.
            step: Steps done.
            step_seconds: Wall time of one; 0 where it is not known, or no longer measured.
            evaluating: Whether training is done.
        """
        if spec.key in self._running:
            step_seconds = step_seconds or self._running[spec.key][2]
        self._running[spec.key] = spec, step, step_seconds, evaluating

    def gone(self, spec: JobSpec) -> None:
        """Forgets a job that is no longer on its way."""
        self._running.pop(spec.key, None)

    def remaining(self, waiting: Iterable[JobSpec], workers: int) -> float | None:
        """Estimates the wall time until all is done.

        Args:
            waiting: Jobs not yet begun.
            workers: Jobs trained at once.

        Returns:
            Seconds, 1 at least while a job is left; None while nothing is known, and where all
            that is left is an evaluation unlike any that was timed.
        """
        if not self._steps and not any(seconds for _, _, seconds, _ in self._running.values()):
            return None
        waiting = list(waiting)
        if not waiting and self._running and all(map(self._unheard_of, self._running)):
            return None
        under_way = [
            self._left(spec, step, seconds, evaluating)
            for spec, step, seconds, evaluating in self._running.values()
        ]
        slots = under_way + [0.0] * (workers - len(under_way))
        heapq.heapify(slots)
        known: dict[tuple[object, ...], float] = {}
        for spec in waiting:
            like = (_kind(spec), _evaluation(spec), spec.steps)
            if like not in known:
                known[like] = self._left(spec, 0, 0.0, evaluating=False)
            heapq.heapreplace(slots, slots[0] + known[like])
        return max(slots) if not waiting and not under_way else max(1.0, *slots)

    def _unheard_of(self, key: str) -> bool:
        """Says whether a job is in an evaluation whose like was never timed."""
        spec, _, _, evaluating = self._running[key]
        return evaluating and _evaluation(spec) not in self._evaluations

    def _left(self, spec: JobSpec, step: int, seconds: float, evaluating: bool) -> float:
        step_seconds = seconds or self._step_seconds(spec)
        training = 0.0 if evaluating else (spec.steps - step) * step_seconds
        evaluations = self._evaluations.get(_evaluation(spec))
        expected = median(evaluations) if evaluations else 0.25 * spec.steps * step_seconds
        return training + (expected / 2 if evaluating else expected)

    def _step_seconds(self, spec: JobSpec) -> float:
        now = [
            (_kind(other), seconds) for other, _, seconds, _ in self._running.values() if seconds
        ]
        own = [seconds for kind, seconds in now if kind == _kind(spec)]
        own += self._steps.get(_kind(spec), [])
        every = [seconds for _, seconds in now] + [s for seen in self._steps.values() for s in seen]
        return median(own or every)


def _kind(spec: JobSpec) -> tuple[object, ...]:
    return spec.dataset, spec.network, spec.model, spec.batch_size, spec.precision


def _evaluation(spec: JobSpec) -> tuple[object, ...]:
    chosen = spec.eval_size, spec.scores, spec.dci, spec.solver
    return spec.dataset, spec.network, spec.precision, *chosen
