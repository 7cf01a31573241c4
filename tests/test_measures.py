"""Records of scores: everything that knows a score knows it from there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from vaebench import metrics
from vaebench.measures import FIT, MEASURES, STUDY, SUPERVISED, TIMES, measure
from vaebench.metrics.points import Points
from vaebench.outcome import Score
from vaebench.records import Measure
from vaebench.store.schema import RELATIVE, SCORES

DOCS = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()


def test_the_database_has_a_column_of_every_record_that_asks_for_one() -> None:
    asked = {one.name for one in metrics.MEASURES if one.column}
    assert set(SCORES) == asked | set(FIT)
    assert set(MEASURES) == {*SCORES, *TIMES}
    assert [one.name for one in metrics.MEASURES if one.needs == "cell"] == list(RELATIVE)
    assert set(STUDY) < set(SUPERVISED)


def test_names_are_used_once_and_titles_too() -> None:
    known = [*MEASURES.values(), *(one for one in metrics.MEASURES if not one.column)]
    for given in ([one.name for one in known], [one.title for one in known]):
        assert len(given) == len(set(given))


def test_the_manual_has_every_score_with_its_tier() -> None:
    rows = re.findall(r"^\| (.*`.*) \| .* \| (core|all)(?:,.*)? \| .* \| .* \|$", DOCS, re.M)
    tiers = {name: tier for names, tier in rows for name in re.findall("`([a-z_]+)`", names)}
    wanted = {one.name: one.tier for one in metrics.MEASURES if one.column}
    wanted |= dict.fromkeys(FIT, "core") | dict.fromkeys(RELATIVE, "core")
    assert tiers == wanted


def test_kin_are_called_after_their_score() -> None:
    assert measure("sampled_mig").title == "MIG, sampled"
    assert measure("mig_error").title == "standard error of MIG"
    assert measure("mig_error").high is None
    assert measure("downstream_boosted_1000").title == "Boosted trees, 1,000 labels"
    assert measure("downstream_logistic_efficiency").high is None
    assert measure("my_score").title == "My score"


def test_a_metric_that_is_listed_is_computed_like_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one more file and one more line would have it."""
    mean, spread = (Measure(name=name, title=name, low=0.0) for name in ("my_mean", "my_spread"))

    def resampled(points: Points, weights: np.ndarray | None) -> list[Score]:
        value = np.average(points.codes[:, 0], weights=weights)
        return [Score(mean.name, float(value), len(points))]

    def plain(points: Points) -> list[Score]:
        return [Score(spread.name, float(np.ptp(points.codes)), len(points))]

    mine = (
        metrics.Metric(measures=(mean,), resampled=resampled),
        metrics.Metric(measures=(spread,), of_sample=plain),
    )
    monkeypatch.setattr(metrics, "METRICS", (*metrics.METRICS, *mine))
    rng = np.random.default_rng(0)
    codes, factors = rng.normal(5.0, 1.0, (400, 2)), rng.integers(0, 3, (400, 2))
    scores = metrics.score_sample(codes, factors, rng=np.random.default_rng(1))
    found = scores["my_mean"]
    assert found.value == pytest.approx(codes[:, 0].mean())
    half = 1.96 * codes[:, 0].std(ddof=1) / 20
    assert found.low == pytest.approx(found.value - half, abs=half / 3)
    assert found.high == pytest.approx(found.value + half, abs=half / 3)
    assert scores["my_spread"].value == np.ptp(codes)
    monkeypatch.undo()
    before = metrics.score_sample(codes, factors, rng=np.random.default_rng(1))
    assert {name: scores[name] for name in before} == before
