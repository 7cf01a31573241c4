"""Quantiles, ranks and Wilson's interval by the parts of SciPy and pandas that load at once.

`scipy.stats` has the same, to the bit, and takes longer to load than a small report to compute.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr, ndtri, stdtrit

FloatArray = npt.NDArray[np.float64]


def student_quantile(share: float, freedom: npt.ArrayLike) -> FloatArray:
    """Returns below which value a share of Student's t distribution lies.

    Args:
        share: The share.
        freedom: Degrees of freedom, of any shape.

    Returns:
        The quantiles, of the shape of `freedom`.
    """
    return np.asarray(stdtrit(np.asarray(freedom, dtype=np.float64), share))


def normal_quantile(share: float) -> float:
    """Returns below which value a share of the standard normal distribution lies."""
    return float(ndtri(share))


def normal_share(value: float) -> float:
    """Returns the share of the standard normal distribution that lies below a value."""
    return float(ndtr(value))


def ranks(values: FloatArray, axis: int = -1) -> FloatArray:
    """Ranks values along an axis, from 1; equal ones share their mean rank, NaN has none."""
    first = np.moveaxis(values, axis, 0)
    flat = pd.DataFrame(first.reshape(len(first), -1)).rank().to_numpy()
    return np.moveaxis(flat.reshape(first.shape), 0, axis)


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Computes the score interval of a share.

    Args:
        successes: How many of the trials succeeded.
        trials: Their number, 1 or more.
        confidence: Coverage of the interval.

    Returns:
        Both ends.

    References:
        Wilson, Probable Inference, the Law of Succession, and Statistical Inference, Journal of
        the American Statistical Association 22, 1927, https://doi.org/10.2307/2276774
    """
    z = normal_quantile(0.5 + confidence / 2)
    middle = (successes + z**2 / 2) / (trials + z**2)
    apart = z / (trials + z**2)
    half = apart * math.sqrt(successes * (trials - successes) / trials + z**2 / 4)
    low = 0.0 if successes == 0 else middle - half
    return low, 1.0 if successes == trials else middle + half
