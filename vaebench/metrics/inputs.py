"""Checks of the arrays that metrics are given: what is not allowed is named in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vaebench.errors import DataError

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]

LARGEST_CODE = 1e30
"""Codes beyond this size are refused: their squares would leave the range of a float32."""

SMALLEST_SPREAD = 1e-75
"""A dimension that varies by less is constant: its spread's fourth power would round to 0."""

LARGEST_VALUE = 2**53
"""Values of factors beyond this are refused: a float64 does not tell them from their neighbours."""


def as_array(values: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """Returns an array, of float64 where numbers hide among objects (a frame of mixed types)."""
    try:
        array = np.asarray(values)
        return array.astype(np.float64) if array.dtype == object else array
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{name} cannot be read as an array of numbers: {error}") from None


def check_codes(codes: npt.ArrayLike, name: str = "codes") -> FloatArray:
    """Returns the codes as a finite floating array [N, D].

    The floating type is kept, because the edges of bins are worked out in it: the published
    implementation does the same, and a value on an edge would otherwise change its bin.

    Args:
        codes: Numbers [N, D], one row per example.
        name: How messages call the array.

    Returns:
        Floating array [N, D]; integers become float64.

    Raises:
        DataError: Not a matrix of real numbers, empty, not finite or beyond 1e30.
    """
    array = as_array(codes, name)
    if array.ndim != 2 or 0 in array.shape:
        raise DataError(
            f"{name} has shape {array.shape}; "
            "a matrix of examples by dimensions, [N, D], is needed."
        )
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    elif array.dtype.kind != "f":
        raise DataError(f"{name} has dtype {array.dtype}; real numbers are needed.")
    bad = ~np.isfinite(array)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{name} has {int(bad.sum())} values that are NaN or infinite, the first in row {row}, "
            f"dimension {column}; only finite codes can be scored."
        )
    if float(np.abs(array).max()) > LARGEST_CODE:
        raise DataError(
            f"{name} reaches {float(np.abs(array).max()):.3g}; "
            f"at most {LARGEST_CODE:g} in size is allowed."
        )
    return array


def check_factors(factors: npt.ArrayLike, name: str = "factors") -> IntArray:
    """Returns the ground-truth factors as int64 [N, F], each column with two values or more.

    Args:
        factors: Whole numbers [N, F], one row per example. A floating array is taken when every
            value is whole. The values need not start at 0 nor follow one another.
        name: How messages call the array.

    Returns:
        int64 [N, F].

    Raises:
        DataError: Not a matrix of whole numbers, or a factor with one value.
    """
    array = whole_numbers(factors, name)
    for column in range(array.shape[1]):
        first = array[0, column]
        if np.all(array[:, column] == first):
            raise DataError(
                f"Factor {column} of {name} has one value, {int(first)}, in all {len(array)} "
                "points; at least two are needed. Leave that factor out, or draw more points."
            )
    return array


def whole_numbers(factors: npt.ArrayLike, name: str = "factors") -> IntArray:
    """Returns a matrix of whole numbers as int64 [N, F], constant columns allowed."""
    array = as_array(factors, name)
    if array.ndim != 2 or 0 in array.shape:
        hint = " For labels pass labels[:, None]." if array.ndim == 1 else ""
        raise DataError(
            f"{name} has shape {array.shape}; a matrix of examples by factors, [N, F], is needed."
            f"{hint}"
        )
    if array.dtype.kind == "f":
        array = array.astype(np.result_type(array, np.float64))
        whole = np.isfinite(array) & (array == np.floor(array))
        if not whole.all():
            row, column = (int(i) for i in np.argwhere(~whole)[0])
            raise DataError(
                f"Factor {column} of {name} is {array[row, column]} in row {row}; "
                "factors must be whole numbers."
            )
    elif array.dtype.kind not in "biu":
        raise DataError(f"{name} has dtype {array.dtype}; factors must be whole numbers.")
    far = array > LARGEST_VALUE
    if array.dtype.kind in "if":
        far |= array < -LARGEST_VALUE
    if far.any():
        row, column = (int(i) for i in np.argwhere(far)[0])
        raise DataError(
            f"Factor {column} of {name} is {array[row, column]} in row {row}; "
            f"at most {LARGEST_VALUE} (2^53) in size is allowed. Number the values from 0."
        )
    return array.astype(np.int64)


def varying_dimensions(codes: FloatArray) -> npt.NDArray[np.bool_]:
    """Which dimensions vary by more than the rounding of a float64, bool [D].

    A variance would not tell: of a constant 0.1 it rounds to a number above 0.

    Args:
        codes: Finite numbers [N, D].
    """
    spread = np.ptp(codes.astype(np.float64), axis=0)
    size = np.abs(codes).max(axis=0).astype(np.float64)
    return np.asarray(spread > np.maximum(4 * np.finfo(np.float64).eps * size, SMALLEST_SPREAD))


def check_pair(
    codes: npt.ArrayLike, factors: npt.ArrayLike, suffix: str = ""
) -> tuple[FloatArray, IntArray]:
    """Checks codes and factors of the same examples; see `check_codes` and `check_factors`.

    Args:
        codes: Numbers [N, D].
        factors: Whole numbers [N, F].
        suffix: Appended to both names in messages, such as `_train`.

    Returns:
        Both arrays, checked.

    Raises:
        DataError: As the two checks, or the lengths differ.
    """
    checked = check_codes(codes, f"codes{suffix}")
    factors = as_array(factors, f"factors{suffix}")
    rows = len(factors) if factors.ndim else 0
    if len(checked) != rows:
        raise DataError(
            f"codes{suffix} has {len(checked)} rows and factors{suffix} has {rows}; "
            "both must hold the same examples."
        )
    return checked, check_factors(factors, f"factors{suffix}")


def check_split(
    codes_train: npt.ArrayLike,
    factors_train: npt.ArrayLike,
    codes_test: npt.ArrayLike,
    factors_test: npt.ArrayLike,
) -> tuple[FloatArray, IntArray, FloatArray, IntArray]:
    """Checks a training and a test set of codes and factors against each other.

    Args:
        codes_train: Numbers [N, D].
        factors_train: Whole numbers [N, F].
        codes_test: Numbers [M, D].
        factors_test: Whole numbers [M, F]; a factor may have one value here.

    Returns:
        The four arrays, checked.

    Raises:
        DataError: As `check_pair`, or the numbers of dimensions or factors differ.
    """
    codes_train, factors_train = check_pair(codes_train, factors_train, "_train")
    codes_test = check_codes(codes_test, "codes_test")
    factors_test = whole_numbers(factors_test, "factors_test")
    if len(codes_test) != len(factors_test):
        raise DataError(
            f"codes_test has {len(codes_test)} rows and factors_test has {len(factors_test)}; "
            "both must hold the same examples."
        )
    if codes_train.shape[1] != codes_test.shape[1]:
        raise DataError(
            f"codes_train has {codes_train.shape[1]} dimensions and codes_test has "
            f"{codes_test.shape[1]}; both must come from one encoder."
        )
    if factors_train.shape[1] != factors_test.shape[1]:
        raise DataError(
            f"factors_train has {factors_train.shape[1]} factors and factors_test has "
            f"{factors_test.shape[1]}; both must list the same ones."
        )
    return codes_train, factors_train, codes_test, factors_test


def check_bins(bins: int, points: int) -> int:
    """Returns the number of bins, which must be 2 or more and at most the number of points."""
    bins = check_size(bins, "bins", least=2)
    if points < bins:
        raise DataError(
            f"{points} points for {bins} bins; at least as many points as bins are needed."
        )
    return bins


def check_factor_sizes(factor_sizes: Sequence[int]) -> IntArray:
    """Returns the factors' numbers of values as int64 [F].

    Args:
        factor_sizes: Number of values of each factor. A size of 1 is allowed: that factor is
            drawn as 0 and is never the one that a score keeps fixed.

    Raises:
        DataError: Empty, a size below 1, or no factor with two values or more.
    """
    sizes = as_array(factor_sizes, "factor_sizes")
    if sizes.ndim != 1 or sizes.size == 0 or sizes.dtype.kind not in "iu":
        raise DataError(
            f"factor_sizes is {factor_sizes!r}; a list of whole numbers, one per factor, is needed."
        )
    if sizes.min() < 1:
        raise DataError(f"factor_sizes is {sizes.tolist()}; every factor has 1 value or more.")
    if sizes.max() < 2:
        raise DataError(
            f"factor_sizes is {sizes.tolist()}; at least one factor must have two values or more."
        )
    return sizes.astype(np.int64)


def check_size(value: int, name: str, least: int = 1) -> int:
    """Returns a sample size, which must be a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise DataError(f"{name} is {value!r}; a whole number of at least {least} is needed.")
    return int(value)


def check_list(values: Sequence[int], name: str) -> list[int]:
    """Returns a list of sizes, which must not be a bare number."""
    if not np.iterable(values):
        raise DataError(f"{name} is {values!r}; a list is needed, such as [100, 1000].")
    return list(values)


def check_generator(rng: np.random.Generator) -> np.random.Generator:
    """Returns the source of randomness, which must be NumPy's `Generator`."""
    if not isinstance(rng, np.random.Generator):
        raise DataError(
            f"rng is {rng!r}; a generator is needed, such as numpy.random.default_rng(0)."
        )
    return rng
