"""Factors and codes of known kinds that several tests of the metrics use."""

from __future__ import annotations

import itertools

import numpy as np

SIZES = (3, 6, 8)
"""Factor sizes of the scores that draw their images by factors."""

SMALL = {"num_train": 400, "num_eval": 300, "batch_size": 32}
"""How many points such a score draws in a test."""


def grid(sizes, repeats=1):
    """Every combination of the factors, `repeats` times: int64 [N, F]."""
    rows = list(itertools.product(*(range(size) for size in sizes)))
    return np.array(rows * repeats, dtype=np.int64)


def drawn(sizes, rows, rng):
    """Independent uniform factors, int64 [rows, F]."""
    return np.stack([rng.integers(0, size, rows) for size in sizes], axis=1)


def spread(factors, sizes):
    """Each factor on its own dimension, evenly between -1 and 1."""
    return 2 * (factors + 0.5) / np.asarray(sizes) - 1


def rotation(dims, seed=0):
    """A random rotation [dims, dims]."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dims, dims)))[0]


def kinds(factors, sizes, rng):
    """Representations good and bad, name -> codes [N, D]."""
    plain = spread(factors, sizes)
    rows, count = plain.shape
    mixing = np.random.default_rng(3).normal(size=(count, 16)) * 1.5
    unmixing = np.random.default_rng(4).normal(size=(16, 6)) / 4
    return {
        "perfect": np.column_stack([plain, rng.normal(size=(rows, 2))]),
        "noisy": plain + 0.4 * rng.normal(size=plain.shape),
        "rotated": plain @ rotation(count),
        "entangled": np.tanh(plain @ mixing) @ unmixing,
        "doubled": np.column_stack([plain, plain]) + 0.1 * rng.normal(size=(rows, 2 * count)),
        "noise": rng.normal(size=(rows, 5)),
        "outliers": plain + 0.05 * rng.standard_t(1.5, size=plain.shape),
        "dead": np.column_stack([plain, np.full((rows, 2), 0.1), np.zeros(rows)]),
    }


def perfect(factors):
    """Codes that are the factors, of `SIZES`."""
    return spread(factors, SIZES)


def constant(factors):
    """Codes that never move."""
    return np.full((len(factors), 4), 0.1)


class Recorder:
    """An encoder that remembers what it was asked for."""

    def __init__(self, represent):
        self.represent = represent
        self.asked = []

    def __call__(self, factors):
        self.asked.append(factors.copy())
        return self.represent(factors)
