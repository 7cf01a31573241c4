"""How long the jobs that are left will take, from what jobs like them have taken."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from vaebench.digits import duration
from vaebench.spec import JobSpec

ALIKE = 1.1
"""Ratio of the ends of a range of times up to which it is written as one time."""

RECENT = 101
"""Finished jobs of a kind whose times are kept, the latest ones."""

Kind = tuple[object, ...]
Span = tuple[float, float]
"""Seconds at least and at most."""


@dataclass(frozen=True)
class TimeLeft:
    """Wall time until all is done, as far as it is known.

    Attributes:
        low: Seconds that it takes at least.
        high: Seconds that it takes at most, by what was timed; infinite where an evaluation is to
            come whose like was never timed, for which `low` counts nothing.
    """

    low: float
    high: float

    @property
    def text(self) -> str:
        """How people say it: `about 3 min 05 s`, `12 min 00 s to 20 min 30 s`, `at least 52 s`."""
        if math.isinf(self.high):
            return f"at least {duration(self.low)}"
        if self.high <= ALIKE * self.low:
            return f"about {duration((self.low + self.high) / 2)}"
        return f"{duration(self.low)} to {duration(self.high)}"


class Forecast:
    """Wall times learnt from jobs, used for those to come.

    A job's time is its steps at the step time seen for its kind (data set, network, model, its
    variant, batch size, precision), plus the evaluation time seen for its data set, network,
    precision, sample size and scores. Where the kind was not seen, the least and the greatest time
    of the others stand in for it; an evaluation is compared with those of the same sample size and
    scores only, and has no upper end where there were none.

    Args:
        trained: Keys of jobs that are only evaluated.
    """

    def __init__(self, trained: Collection[str] = ()) -> None:
        self._trained = trained
        self._steps: dict[Kind, deque[float]] = defaultdict(_recent)
        self._evaluations: dict[Kind, deque[float]] = defaultdict(_recent)
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

    def counted(self, specs: Iterable[JobSpec]) -> dict[JobSpec, int]:
        """Counts jobs by cell, for `remaining`: those of one take as long as each other."""
        first: dict[tuple[str, bool], JobSpec] = {}
        counts: dict[JobSpec, int] = {}
        for spec in specs:
            like = first.setdefault((spec.cell, spec.key in self._trained), spec)
            counts[like] = counts.get(like, 0) + 1
        return counts

    def remaining(self, waiting: Mapping[JobSpec, int], workers: int) -> TimeLeft | None:
        """Estimates the wall time until all is done.

        Args:
            waiting: Jobs not yet begun, in the order to run them, each with how many like it.
            workers: Jobs trained at once.

        Returns:
            A second at least while a job is left; None while nothing is known, and where all
            that is left is an evaluation unlike any that was timed.
        """
        steps = self._step_times()
        if not steps:
            return None
        evaluations = {kind: median(seen) for kind, seen in self._evaluations.items()}
        under_way = [self._left(steps, evaluations, *running) for running in self._running.values()]
        known: dict[Kind, Span] = {}
        groups: list[tuple[Span, int]] = []
        for spec, count in waiting.items():
            like = (_kind(spec), _evaluation(spec), spec.steps, spec.key in self._trained)
            if like not in known:
                known[like] = self._left(steps, evaluations, spec, 0, 0.0, evaluating=False)
            groups.append((known[like], count))
        low, high = (
            _last_end([span[end] for span in under_way], [(s[end], n) for s, n in groups], workers)
            for end in (0, 1)
        )
        if low == 0 and math.isinf(high):
            return None
        least = 1.0 if groups or under_way else 0.0
        return TimeLeft(max(least, low), max(least, high))

    def _step_times(self) -> dict[Kind, float]:
        """Returns the seconds of a step of each kind seen."""
        seen = {kind: list(times) for kind, times in self._steps.items()}
        for spec, _, seconds, _ in self._running.values():
            if seconds:
                seen.setdefault(_kind(spec), []).append(seconds)
        return {kind: median(times) for kind, times in seen.items()}

    def _left(
        self,
        steps: Mapping[Kind, float],
        evaluations: Mapping[Kind, float],
        spec: JobSpec,
        step: int,
        seconds: float,
        evaluating: bool,
    ) -> Span:
        """Returns the seconds that a job still takes, given those of each kind seen."""
        each = [seconds or steps.get(_kind(spec), 0.0)]
        if not each[0]:
            each = list(steps.values())
        todo = 0 if evaluating or spec.key in self._trained else spec.steps - step
        expected = (
            [evaluations[_evaluation(spec)]]
            if _evaluation(spec) in evaluations
            else [time for kind, time in evaluations.items() if kind[-1] == _sort(spec)]
        )
        share = 0.5 if evaluating else 1.0
        low = todo * min(each) + share * min(expected, default=0.0)
        return low, todo * max(each) + share * max(expected, default=math.inf)


def _recent() -> deque[float]:
    return deque(maxlen=RECENT)


def _last_end(under_way: list[float], waiting: list[tuple[float, int]], workers: int) -> float:
    """Returns when the last job ends, each begun by the worker that is free first.

    Args:
        under_way: Seconds that the running jobs still take.
        waiting: Seconds of those to come, with how many in a row take as long.
        workers: Jobs at once.
    """
    slots = under_way + [0.0] * (workers - len(under_way))
    heapq.heapify(slots)
    for seconds, count in waiting:
        if math.isinf(seconds):
            return seconds
        while count:
            if count >= len(slots) and max(slots) - slots[0] <= seconds:
                rounds, count = divmod(count, len(slots))  # a round leaves them as far apart
                slots = [slot + rounds * seconds for slot in slots]
            else:
                heapq.heapreplace(slots, slots[0] + seconds)
                count -= 1
    return max(slots)


def _kind(spec: JobSpec) -> Kind:
    kind = spec.dataset, spec.network, spec.model, spec.batch_size, spec.precision
    return (*kind, *spec.variant)


def _evaluation(spec: JobSpec) -> Kind:
    return spec.dataset, spec.network, spec.precision, _sort(spec)


def _sort(spec: JobSpec) -> Kind:
    """What of an evaluation decides most how long it takes."""
    return spec.eval_size, spec.scores, spec.dci, spec.solver
