"""What stands for parts of `scipy.stats` gives what they give."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from vaebench.analysis.distributions import (
    normal_quantile,
    normal_share,
    ranks,
    student_quantile,
    wilson,
)


@pytest.mark.parametrize("share", [0.01, 0.025, 0.5, 0.9, 0.975])
def test_quantiles_are_scipys_to_the_bit(share: float) -> None:
    freedom = np.arange(1, 300)
    assert np.array_equal(student_quantile(share, freedom), stats.t.ppf(share, freedom))
    assert normal_quantile(share) == stats.norm.ppf(share)
    assert normal_share(share) == stats.norm.cdf(share)


def test_ranks_are_scipys() -> None:
    values = np.random.default_rng(0).integers(0, 5, (3, 20, 7)).astype(float)
    values[0, 3, 2] = values[2, :, 1] = np.nan
    for axis in (0, 1, 2, -1):
        expected = stats.rankdata(values, axis=axis, nan_policy="omit")
        assert np.array_equal(ranks(values, axis), expected, equal_nan=True)


@pytest.mark.parametrize("trials", [1, 3, 10, 300])
def test_wilsons_interval_is_scipys(trials: int) -> None:
    for successes in range(trials + 1):
        found = stats.binomtest(successes, trials).proportion_ci(method="wilson")
        assert wilson(successes, trials) == pytest.approx((found.low, found.high), abs=1e-14)


def test_the_report_loads_without_scipys_statistics() -> None:
    code = "import sys, vaebench.report; print('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
