"""Every score of one representation at once, each by its name in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vaebench.errors import DataError
from vaebench.metrics.active import active_units
from vaebench.metrics.boosting import Method, boosted_trees
from vaebench.metrics.dci import DciResult, dci_from_fits
from vaebench.metrics.downstream import PREDICTORS, DownstreamResult, downstream
from vaebench.metrics.explicitness import ExplicitnessResult, explicitness_details
from vaebench.metrics.information import (
    Categories,
    Joint,
    different_pairs,
    discretise,
    entropies,
    relabel,
)
from vaebench.metrics.inputs import (
    FloatArray,
    IntArray,
    check_list,
    check_pair,
    check_size,
    check_split,
)
from vaebench.metrics.intervals import Interval, WeightedAreas, accuracy_interval, bootstrap
from vaebench.metrics.irs import irs
from vaebench.metrics.linear import Solver
from vaebench.metrics.mig import mig_from_information
from vaebench.metrics.modularity import modularity_from_information
from vaebench.metrics.sap import SapResult, gaps_of, sap_details
from vaebench.metrics.unsupervised import (
    covariance,
    rounding_of,
    unsupervised_from_parts,
    weighted_covariance,
)

Matrix = npt.NDArray[np.float64]

UNSUPERVISED = (
    "gaussian_total_correlation",
    "gaussian_wasserstein",
    "gaussian_wasserstein_normalised",
    "mutual_information",
)
INFORMATION = ("mig", "modularity", *UNSUPERVISED)
SAMPLE = (*INFORMATION, "irs", "active_units")
DCI = (
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness_train",
    "dci_informativeness",
)
SPLIT = ("explicitness", "sap", *DCI)
"""Names in the results of `score_sample` and `score_split`, of which the latter has more."""


@dataclass(frozen=True)
class Score:
    """One figure of a representation.

    Attributes:
        value: The score; None when it is not defined here.
        reason: Why it is None.
        low: Lower end of its 95 % interval over evaluation points; None where it is not cheap.
        high: Upper end.
    """

    value: float | None
    reason: str | None = None
    low: float | None = None
    high: float | None = None


def score_representation(
    codes_train: npt.ArrayLike,
    factors_train: npt.ArrayLike,
    codes_test: npt.ArrayLike,
    factors_test: npt.ArrayLike,
    *,
    bins: int = 20,
    solver: Solver = "liblinear",
    dci_method: Method = "histogram",
    downstream_sizes: Sequence[int] = (10, 100, 1_000, 10_000),
    resamples: int = 200,
    seed: int = 0,
) -> dict[str, Score]:
    """Computes every score that codes and factors give.

    They are those of `score_sample`, of the training points, and of `score_split`. The BetaVAE and
    FactorVAE scores draw factors at will and are functions of their own.

    Args:
        codes_train: Numbers [N, D], in random order.
        factors_train: Whole numbers [N, F].
        codes_test: Numbers [M, D].
        factors_test: Whole numbers [M, F].
        bins: See `score_sample`.
        solver: See `score_split`.
        dci_method: See `score_split`.
        downstream_sizes: See `score_split`.
        resamples: Bootstrap resamples per interval; 0 leaves the intervals out.
        seed: Of the bootstrap and of what breaks ties between the splits of boosted trees.

    Returns:
        Name -> score. One that these points do not allow has no value but a reason.

    Raises:
        DataError: Codes that are not finite, factors that are not whole numbers, lengths or widths
            that differ, or a factor with one value in training.
        UsageError: An unknown solver or method.
    """
    data = check_split(codes_train, factors_train, codes_test, factors_test)
    rng = np.random.default_rng(check_size(seed, "seed", least=0))
    return score_sample(data[0], data[1], bins=bins, resamples=resamples, rng=rng) | score_split(
        *data,
        solver=solver,
        dci_method=dci_method,
        downstream_sizes=downstream_sizes,
        resamples=resamples,
        rng=rng,
        seed=seed,
    )


def score_sample(
    codes: npt.ArrayLike,
    factors: npt.ArrayLike,
    *,
    bins: int = 20,
    resamples: int = 200,
    rng: np.random.Generator,
) -> dict[str, Score]:
    """Computes the scores of one sample: mig, modularity, irs, active_units and `unsupervised`'s.

    Args:
        codes: Numbers [N, D].
        factors: Whole numbers [N, F].
        bins: Equal-width bins per dimension.
        resamples: Bootstrap resamples per interval; 0 leaves the intervals out.
        rng: Source of randomness of the bootstrap.

    Returns:
        Name -> score, those of `SAMPLE`. With fewer points than bins most have no value.

    Raises:
        DataError: As `mig`, but for fewer points than bins.
    """
    checked, truth = check_pair(codes, factors)
    bins = check_size(bins, "bins", least=2)
    active = {"active_units": Score(float(active_units(checked)))}
    if len(checked) < bins:
        lack = Score(None, f"{len(checked)} points for {bins} bins")
        return dict.fromkeys(SAMPLE, lack) | active
    binned = discretise(checked, bins)
    scores = _information_scores(checked, binned, relabel(truth), resamples, rng)
    return scores | {"irs": Score(irs(checked, truth, bins=bins))} | active


def score_split(
    codes_train: npt.ArrayLike,
    factors_train: npt.ArrayLike,
    codes_test: npt.ArrayLike,
    factors_test: npt.ArrayLike,
    *,
    solver: Solver = "liblinear",
    dci_method: Method = "histogram",
    downstream_sizes: Sequence[int] = (10, 100, 1_000, 10_000),
    resamples: int = 200,
    rng: np.random.Generator,
    seed: int = 0,
) -> dict[str, Score]:
    """Computes the scores of what is learnt on some points and tested on others.

    Their names are `explicitness sap dci_disentanglement dci_completeness
    dci_informativeness_train dci_informativeness` and `downstream_{logistic,boosted}_{10,…}` with
    their `…_efficiency`.

    Args:
        codes_train: Numbers [N, D], in random order.
        factors_train: Whole numbers [N, F].
        codes_test: Numbers [M, D].
        factors_test: Whole numbers [M, F].
        solver: For explicitness and downstream logistic regressions, see `explicitness`.
        dci_method: Of all boosted trees, see `dci`.
        downstream_sizes: Numbers of labels; empty leaves the downstream scores out.
        resamples: Bootstrap resamples per interval; 0 leaves the intervals out.
        rng: Source of randomness of the bootstrap.
        seed: Breaks ties between the splits of boosted trees.

    Returns:
        Name -> score. Explicitness has no value where a factor's values are not shared by
        training and test points.

    Raises:
        DataError: As the single metrics, but for explicitness.
        UsageError: An unknown solver or method.
    """
    train, truth, test, wanted = check_split(codes_train, factors_train, codes_test, factors_test)
    scores = {}
    try:
        explicit = explicitness_details(train, truth, test, wanted, solver=solver)
        scores["explicitness"] = _explicitness_score(explicit, wanted, resamples, rng)
    except DataError as error:
        scores["explicitness"] = Score(None, str(error))
    scores["sap"] = _sap_score(sap_details(train, truth, test, wanted), resamples, rng)
    fits = [
        boosted_trees(train, truth[:, i], test, wanted[:, i], method=dci_method, seed=seed)
        for i in range(truth.shape[1])
    ]
    scores.update(_dci_scores(dci_from_fits(fits), resamples))
    for predictor in PREDICTORS if len(check_list(downstream_sizes, "downstream_sizes")) else ():
        result = downstream(
            train,
            truth,
            test,
            wanted,
            predictor=predictor,
            sizes=downstream_sizes,
            solver=solver,
            method=dci_method,
            seed=seed,
            known={len(train): fits},
        )
        scores.update(_downstream_scores(f"downstream_{predictor}", result, resamples))
    return scores


def _information_scores(
    train: FloatArray,
    binned: Categories,
    factors: Categories,
    resamples: int,
    rng: np.random.Generator,
) -> dict[str, Score]:
    """MIG, modularity and the unsupervised scores, of which one resample serves all."""
    shape = (len(binned.sizes), len(factors.sizes))
    known = Joint(binned, factors, list(np.ndindex(shape)))
    shared = different_pairs(binned) if shape[0] > 1 else None
    rounding, codes = rounding_of(train), train.astype(np.float64)
    reasons = {"modularity": "there is one factor"} if shape[1] == 1 else {}

    def values(weights: Matrix | None) -> list[float | None]:
        table = known.information(weights).reshape(shape)
        free = unsupervised_from_parts(
            covariance(train) if weights is None else weighted_covariance(codes, weights),
            None if shared is None else float(shared.information(weights).mean()),
            rounding,
        )
        if weights is None:
            reasons.update(free.reasons)
        return [
            mig_from_information(table, entropies(factors, weights)).score,
            modularity_from_information(table).score if shape[1] > 1 else None,
            *(getattr(free, name) for name in UNSUPERVISED),
        ]

    def numbers(weights: Matrix) -> Matrix:
        return np.array([np.nan if value is None else value for value in values(weights)])

    found = values(None)
    intervals: list[Interval | None] = [None] * len(found)
    if resamples:
        most = np.where(np.isin(INFORMATION, ["mig", "modularity"]), 1.0, np.inf)
        intervals = list(
            bootstrap(numbers, len(train), rng=rng, resamples=resamples, bounds=(0, most))
        )
    return {
        name: _score(value, interval, reasons.get(name))
        for name, value, interval in zip(INFORMATION, found, intervals, strict=True)
    }


def _explicitness_score(
    result: ExplicitnessResult, wanted: IntArray, resamples: int, rng: np.random.Generator
) -> Score:
    if not resamples:
        return Score(result.score)
    areas = [
        WeightedAreas(result.probabilities[i], result.classes[i], wanted[:, i])
        for i in range(wanted.shape[1])
    ]

    def mean(weights: Matrix) -> float:
        return float(np.mean([area(weights) for area in areas]))

    interval = bootstrap(mean, len(wanted), rng=rng, resamples=resamples, bounds=(0, 1))[0]
    return _score(result.score, interval)


def _sap_score(result: SapResult, resamples: int, rng: np.random.Generator) -> Score:
    if not resamples or result.continuous.any():
        return Score(result.score)
    points, dims, factors = result.hits.shape
    hits = result.hits.reshape(points, dims * factors).astype(np.float64)

    def gap(weights: Matrix) -> float:
        return float(gaps_of((weights @ hits / points).reshape(dims, factors)).mean())

    interval = bootstrap(gap, points, rng=rng, resamples=resamples, bounds=(0, 1))[0]
    return _score(result.score, interval)


def _dci_scores(result: DciResult, resamples: int) -> dict[str, Score]:
    interval = accuracy_interval(result.test_hits) if resamples else None
    return {
        "dci_disentanglement": Score(result.disentanglement, result.reasons.get("disentanglement")),
        "dci_completeness": Score(result.completeness, result.reasons.get("completeness")),
        "dci_informativeness_train": Score(result.informativeness_train),
        "dci_informativeness": _score(result.informativeness_test, interval),
    }


def _downstream_scores(prefix: str, result: DownstreamResult, resamples: int) -> dict[str, Score]:
    scores = {}
    for size, value in result.test_accuracy.items():
        interval = (
            accuracy_interval(result.test_hits[size]) if value is not None and resamples else None
        )
        scores[f"{prefix}_{size}"] = _score(value, interval, result.reasons.get(str(size)))
    scores[f"{prefix}_efficiency"] = Score(result.efficiency, result.reasons.get("efficiency"))
    return scores


def _score(value: float | None, interval: Interval | None, reason: str | None = None) -> Score:
    if value is None or interval is None or not np.isfinite([interval.low, interval.high]).all():
        return Score(value, reason)
    return Score(value, None, interval.low, interval.high)
