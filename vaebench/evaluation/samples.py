"""Which examples, and how many of them, an evaluation looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vaebench.data import Dataset
from vaebench.spec import JobSpec
from vaebench.training import numpy_generator, split

HELD_OUT = 10_000
"""Examples that reconstruction, KL and MIG are computed on at most, as in the study."""

HELD_OUT_SHARE = 20
"""They are this many times the job's `eval_size`, where that is less."""

SHARED = 1_000
"""Examples that every job on a data set encodes, as many as UDR's paper compares models on."""


def held_out(spec: JobSpec, data: Dataset) -> NDArray[np.int64]:
    """Chooses the examples that a job is evaluated on, in ascending order.

    They are from the test set where the data set has one, or from the fold that is held out,
    chosen at random.
    """
    _, indices = split(spec, data)
    size = min(HELD_OUT, HELD_OUT_SHARE * spec.eval_size)
    if len(indices) > size:
        rng = numpy_generator(spec.seed, "held out")
        indices = rng.choice(indices, size, replace=False)
    return np.sort(indices)


def shared_examples(data: Dataset) -> NDArray[np.int64]:
    """Chooses the examples that every job on a data set encodes, in ascending order.

    They are from the test set where the data set has one, whatever the seed or fold, so that the
    codes of two runs can be compared point by point.
    """
    indices = np.asarray(data.test_indices)
    if len(indices) > SHARED:
        rng = numpy_generator(0, "shared examples")
        indices = rng.choice(indices, SHARED, replace=False)
    return np.sort(indices)


def images_encoded(spec: JobSpec, *, factors: bool) -> int:
    """Counts the images that an evaluation encodes, were they all distinct.

    Args:
        spec: The job.
        factors: Whether the data set has ground-truth factors.
    """
    points = min(HELD_OUT, HELD_OUT_SHARE * spec.eval_size) + SHARED
    sampled = (spec.eval_size + spec.eval_size // 2) * 64 * 3
    return points + (points + sampled) * factors
