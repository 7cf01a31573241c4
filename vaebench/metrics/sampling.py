"""Drawing factors at will and having them encoded: what the BetaVAE and FactorVAE scores share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vaebench.errors import DataError
from vaebench.metrics.inputs import FloatArray, IntArray, check_codes

Represent = Callable[[IntArray], FloatArray]
"""Encodes the images of given factors: int64 [N, F] -> float [N, D]. Rows repeat often."""


def draw_factors(sizes: IntArray, rows: int, rng: np.random.Generator) -> IntArray:
    """Draws every factor uniformly and independently.

    Args:
        sizes: Number of values of each factor [F].
        rows: How many to draw.
        rng: Source of randomness.

    Returns:
        int64 [rows, F].
    """
    return rng.integers(0, sizes, size=(rows, len(sizes)), dtype=np.int64)


def draw_fixed(sizes: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    """Draws which factor each of `count` points keeps fixed, among those that vary.

    Args:
        sizes: Number of values of each factor [F].
        count: How many to draw.
        rng: Source of randomness.

    Returns:
        Factor indices, int64 [count].
    """
    varying = np.flatnonzero(sizes > 1)
    return varying[rng.integers(0, len(varying), size=count)].astype(np.int64)


def encode(represent: Represent, factors: IntArray) -> FloatArray:
    """Calls the user's encoder once and checks what it gives.

    Args:
        represent: The encoder.
        factors: int64 [N, F].

    Returns:
        Codes [N, D], finite.

    Raises:
        DataError: Another number of rows, or codes that are not a finite matrix.
    """
    codes = check_codes(represent(factors), "What represent returned")
    if len(codes) != len(factors):
        raise DataError(
            f"represent returned {len(codes)} codes for {len(factors)} rows of factors; "
            "one row each is needed."
        )
    return codes
