"""Unsupervised scores against closed forms, SciPy and scikit-learn; singular covariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
from sklearn.metrics import mutual_info_score

from vaebench.errors import DataError
from vaebench.metrics import unsupervised
from vaebench.metrics.unsupervised import (
    covariance,
    gaussian_total_correlation,
    gaussian_wasserstein,
    weighted_covariance,
)

RNG = np.random.default_rng(0)


def correlated(rows, dims, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, dims)) @ rng.normal(size=(dims, dims)) * rng.uniform(0.1, 5, dims)


@pytest.mark.parametrize("rho", [0.0, 0.3, -0.8, 0.999])
@pytest.mark.parametrize("scales", [(1.0, 1.0), (0.01, 300.0)])
def test_two_dimensions_in_closed_form(rho, scales):
    first, second = scales
    sigma = np.array([[first**2, rho * first * second], [rho * first * second, second**2]])
    total = gaussian_total_correlation(sigma)
    assert total == pytest.approx(-0.5 * math.log(1 - rho**2), abs=1e-9)
    # Eigenvalues of a 2 x 2 matrix: the trace of its root is sqrt(trace + 2 sqrt(det)).
    trace = first**4 + second**4
    determinant = first**4 * second**4 * (1 - rho**2)
    root = math.sqrt(trace + 2 * math.sqrt(determinant))
    expected = 2 * (first**2 + second**2) - 2 * root
    assert gaussian_wasserstein(sigma) == pytest.approx(expected, abs=1e-9 * second**2)


def test_equicorrelated_dimensions_in_closed_form():
    """Eigenvalues 1 + (D - 1) r once and 1 - r otherwise."""
    dims, r = 6, 0.4
    sigma = np.full((dims, dims), r) + (1 - r) * np.eye(dims)
    large, small = 1 + (dims - 1) * r, 1 - r
    expected = -0.5 * (math.log(large) + (dims - 1) * math.log(small))
    assert gaussian_total_correlation(sigma) == pytest.approx(expected, abs=1e-12)
    distance = 2 * dims - 2 * (math.sqrt(large) + (dims - 1) * math.sqrt(small))
    assert gaussian_wasserstein(sigma) == pytest.approx(distance, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_against_scipy_and_scikit_learn(seed):
    codes = correlated(400, 5, seed)
    result = unsupervised(codes)
    sigma = np.cov(codes, rowvar=False)
    independent = np.diag(np.diag(sigma))
    # The Kullback-Leibler divergence of two Gaussians, and Bures' distance, as textbooks have them.
    divergence = 0.5 * (
        np.trace(np.linalg.inv(independent) @ sigma)
        - 5
        + np.log(np.linalg.det(independent) / np.linalg.det(sigma))
    )
    half = scipy.linalg.sqrtm(independent)
    cross = scipy.linalg.sqrtm(half @ sigma @ half)
    distance = np.trace(sigma) + np.trace(independent) - 2 * np.trace(cross).real
    assert result.gaussian_total_correlation == pytest.approx(divergence, rel=1e-9)
    assert result.gaussian_wasserstein == pytest.approx(distance, rel=1e-8)
    normalised = distance / np.trace(sigma)
    assert result.gaussian_wasserstein_normalised == pytest.approx(normalised, rel=1e-8)
    binned = [np.digitize(column, np.histogram(column, 20)[1][:-1]) for column in codes.T]
    pairs = [mutual_info_score(binned[i], binned[j]) for i in range(5) for j in range(5) if i != j]
    assert result.mutual_information == pytest.approx(np.mean(pairs), abs=1e-12)
    assert result.notes == {}


def test_invariances():
    codes = correlated(300, 4, 9)
    base = unsupervised(codes)
    turned = unsupervised(codes[:, ::-1])
    assert turned.gaussian_total_correlation == pytest.approx(base.gaussian_total_correlation)
    assert turned.mutual_information == pytest.approx(base.mutual_information)
    scaled = unsupervised(codes * np.array([1e-4, 1.0, 64.0, 2.0]))
    assert scaled.gaussian_total_correlation == pytest.approx(base.gaussian_total_correlation)
    larger = unsupervised(8 * codes)
    assert larger.gaussian_wasserstein == pytest.approx(64 * base.gaussian_wasserstein)
    expected = base.gaussian_wasserstein_normalised
    assert larger.gaussian_wasserstein_normalised == pytest.approx(expected)


def test_copies_share_their_entropy():
    values = np.repeat(np.arange(4.0), 25)
    result = unsupervised(np.column_stack([values, -values]))
    assert result.mutual_information == pytest.approx(math.log(4))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("make", ["copy", "sum", "negated"])
def test_a_dependent_dimension_is_infinite_and_says_so(dtype, make):
    codes = np.random.default_rng(1).normal(size=(500, 3)).astype(dtype)
    more = {"copy": codes[:, 0], "sum": codes.sum(axis=1), "negated": -2 * codes[:, 1]}[make]
    result = unsupervised(np.column_stack([codes, more]))
    assert result.gaussian_total_correlation is None
    assert "singular" in result.notes["gaussian_total_correlation"]
    assert result.gaussian_wasserstein > 0.1
    assert math.isfinite(result.mutual_information)


def test_almost_dependent_dimensions_are_still_measured():
    rng = np.random.default_rng(2)
    first = rng.normal(size=20_000)
    codes = np.column_stack([first, first + 1e-4 * rng.normal(size=20_000)])
    # The correlation of x and x + e is 1 / sqrt(1 + 1e-8), so 1 - rho^2 is nearly 1e-8.
    total = unsupervised(codes).gaussian_total_correlation
    assert total == pytest.approx(-0.5 * math.log(1e-8), abs=0.05)


def test_single_precision_still_measures_what_it_resolves():
    rng = np.random.default_rng(2)
    first = rng.normal(size=20_000)
    codes = np.column_stack([first, first + 3e-4 * rng.normal(size=20_000)])
    total = unsupervised(codes.astype(np.float32)).gaussian_total_correlation
    assert total == pytest.approx(-0.5 * math.log(9e-8), abs=0.05)


def test_constant_dimensions_depend_on_nothing():
    codes = correlated(300, 3, 3)
    dead = np.column_stack([np.full(300, 0.1), codes, np.zeros(300)])
    alive, padded = unsupervised(codes), unsupervised(dead)
    expected = alive.gaussian_total_correlation
    assert padded.gaussian_total_correlation == pytest.approx(expected, abs=1e-12)
    assert padded.gaussian_wasserstein == pytest.approx(alive.gaussian_wasserstein, abs=1e-9)
    # Ten pairs instead of three, the others knowing nothing.
    assert padded.mutual_information == pytest.approx(alive.mutual_information * 3 / 10)


def test_nothing_but_constants():
    result = unsupervised(np.full((50, 3), 0.1))
    assert result.gaussian_total_correlation == 0.0
    assert result.gaussian_wasserstein == 0.0
    assert result.gaussian_wasserstein_normalised is None
    assert "constant" in result.notes["gaussian_wasserstein_normalised"]
    assert result.mutual_information == 0.0


def test_one_dimension():
    result = unsupervised(np.arange(50.0)[:, None])
    assert result.gaussian_total_correlation == 0.0
    assert result.gaussian_wasserstein == pytest.approx(0.0, abs=1e-9)
    assert result.mutual_information is None
    assert "one dimension" in result.notes["mutual_information"]


def test_weighted_covariance_is_that_of_repeated_rows():
    codes = correlated(40, 3, 4)
    times = np.random.default_rng(5).integers(0, 3, 40)
    repeated = np.repeat(codes, times, axis=0)
    expected = np.cov(repeated, rowvar=False)
    found = weighted_covariance(codes, times.astype(float))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    outlier = np.where(np.arange(40) == 0, 5.0, 0.1)[:, None]
    never = np.append(0.0, np.ones(39))
    assert weighted_covariance(outlier, never) == 0.0
    np.testing.assert_array_equal(covariance(np.full((9, 2), 0.1)), np.zeros((2, 2)))


def test_bad_input():
    with pytest.raises(DataError, match="5 points for 20 bins"):
        unsupervised(np.ones((5, 2)))
    with pytest.raises(DataError, match="NaN"):
        unsupervised(np.full((50, 2), np.nan))
