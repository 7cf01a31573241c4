"""Facts about comparing databases: same bits, same law, shifts found, and how often by mistake."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.asked import jobs_of
from vaebench.analysis import compare
from vaebench.analysis.comparison import POOLED, Comparison, difference
from vaebench.outcome import CurvePoint, JobOutcome, Score
from vaebench.spec import Setting
from vaebench.store import Reader, Store

BETAS = (1.0, 4.0, 16.0)


def fill(
    path: Path, noise: int, *, shift: float = 0.0, seeds: int = 10, precision: str = "fp32"
) -> Path:
    """Runs of three cells: MIG is the cell's mean, a shift of so many SD, and drawn noise."""
    rng = np.random.default_rng(noise)
    setting = Setting(precision=precision, steps=10)
    spec = jobs_of("betavae_h", setting=setting, seeds=tuple(range(seeds)), betas=BETAS)
    with Store(path) as store:
        sweep = store.add_sweep(spec, "vaebench sweep").sweep_id
        while (claim := store.claim(sweep)) is not None:
            beta = claim.spec.parameters["beta"]
            mig = 0.1 + 0.01 * beta + 0.02 * (rng.standard_normal() + shift)
            scores = (Score("mig", mig), Score("elbo", -100 + rng.standard_normal()))
            curve = (CurvePoint(10, 5.0, 4.0, 1.0),)
            store.complete(claim, JobOutcome(claim.spec.key, "complete", scores, curve))
    return path


Filled = Callable[..., Path]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """`fill`, once for the same figures: to be read alone."""
    folder = tmp_path_factory.mktemp("filled")
    places = itertools.count()
    return cache(lambda noise, **how: fill(folder / f"{next(places)}.db", noise, **how))


def compared(a: Path, b: Path) -> Comparison:
    with Reader.open(a) as first, Reader.open(b) as second:
        return compare(first, second)


def test_a_database_is_itself(filled: Filled) -> None:
    path = filled(0)
    found = compared(path, path)
    assert found.verdict == "same bits"
    assert found.same_bits == 30
    assert (found.runs["figures"] == 3).all()
    assert (found.tests["difference"] == 0).all()


def test_one_bit_of_one_figure_is_seen(filled: Filled, tmp_path: Path) -> None:
    a = filled(0)
    b = Path(shutil.copy(a, tmp_path / "b.db"))
    with sqlite3.connect(b) as connection:
        value = connection.execute("select max(loss) from curves").fetchone()[0]
        connection.execute(
            "update curves set loss = ? where job_id = 7", (np.nextafter(value, 9.0),)
        )
    connection.close()
    found = compared(a, b)
    assert found.same_bits == 29
    assert found.runs["different"].sum() == 1
    assert found.verdict == "same within noise"


def test_the_same_law_is_the_same_within_noise(filled: Filled) -> None:
    a, b = filled(1), filled(2)
    found = compared(a, b)
    assert found.same_bits == 0
    assert found.verdict == "same within noise"
    assert found.tests["paired"].all()


def test_a_shift_of_one_cells_sd_is_found_over_all_cells_together(filled: Filled) -> None:
    a, b = filled(1), filled(2, shift=1.5)
    found = compared(a, b)
    assert found.verdict == "different"
    rows = found.tests.set_index(["cell_label", "metric"])
    pooled = rows.loc[(POOLED, "mig")]
    assert pooled["low"] < 1.5 < pooled["high"]
    assert set(found.differences["metric"]) == {"mig"}
    assert pooled["p"] == found.tests["p"].min()


def test_other_seeds_are_compared_unpaired_and_other_settings_are_named(filled: Filled) -> None:
    a, b = filled(1), filled(2, seeds=6, precision="bf16")
    found = compared(a, b)
    assert found.runs.empty
    assert not found.tests["paired"].any()
    assert found.setting == (("precision", "fp32", "bf16"),)
    assert found.verdict == "same within noise"


def test_one_seed_gives_no_verdict(tmp_path: Path) -> None:
    a, b = fill(tmp_path / "a.db", 1, seeds=1), fill(tmp_path / "b.db", 2, seeds=1)
    assert compared(a, b).verdict == "nothing to compare"


def test_differences_are_scipys() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(8), rng.standard_normal(8) + 0.5
    frames = [pd.DataFrame({"seed": range(8), "fold": np.nan, "mig": side}) for side in (x, y)]
    test = stats.ttest_rel(y, x)
    paired = difference(frames[0], frames[1].sample(frac=1, random_state=1), "mig")
    assert paired["p"] == pytest.approx(test.pvalue)
    interval = test.confidence_interval()
    assert (paired["low"], paired["high"]) == pytest.approx((interval.low, interval.high))
    apart = difference(frames[0], frames[1].assign(seed=range(8, 16)), "mig")
    assert apart["p"] == pytest.approx(stats.ttest_ind(y, x, equal_var=False).pvalue)


def test_the_detectable_difference_is_detected_four_times_in_five() -> None:
    rng = np.random.default_rng(1)
    sd, n = 2.0, 10
    index = {"seed": range(n), "fold": np.nan}
    zero = pd.DataFrame({**index, "mig": np.zeros(n)})
    draws = rng.standard_normal((4000, n)) * sd
    test = difference(zero, pd.DataFrame({**index, "mig": draws[0]}), "mig")
    in_sd = test["detectable"] / draws[0].std(ddof=1)
    found = stats.ttest_1samp(draws + in_sd * sd, 0, axis=1).pvalue < 0.05
    assert np.mean(found) == pytest.approx(0.8, abs=0.02)


def test_verdicts_are_wrong_at_most_once_in_twenty(tmp_path: Path) -> None:
    """Eight pairs of one law: more than three false alarms have a chance of 0.04 %."""
    paths = [fill(tmp_path / f"{i}.db", 100 + i, seeds=3) for i in range(16)]
    pairs = zip(paths[::2], paths[1::2], strict=True)
    assert sum(compared(a, b).verdict == "different" for a, b in pairs) <= 3
