"""Every score of one representation at once, each by its name in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vaebench.errors import DataError
from vaebench.metrics.downstream import SIZES
from vaebench.metrics.intervals import bootstrap
from vaebench.metrics.metric import Metric, as_declared
from vaebench.outcome import Score

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vaebench.metrics.boosting import Method
    from vaebench.metrics.information import Weights
    from vaebench.metrics.linear import Solver
    from vaebench.metrics.points import Points, Sampler, Split


def score_representation(
    codes_train: npt.ArrayLike,
    factors_train: npt.ArrayLike,
    codes_test: npt.ArrayLike,
    factors_test: npt.ArrayLike,
    *,
    bins: int = 20,
    solver: Solver = "liblinear",
    dci_method: Method = "histogram",
    downstream_sizes: Sequence[int] = SIZES,
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
        Name -> score. One that these points do not allow has no value but a note.

    Raises:
        DataError: Codes that are not finite, factors that are not whole numbers, lengths or widths
            that differ, or a factor with one value in training.
        UsageError: An unknown solver or method.
    """
    import numpy as np

    from vaebench.metrics.inputs import check_size, check_split

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
        Name -> score. With fewer points than bins most have no value.

    Raises:
        DataError: As `mig`, but for fewer points than bins.
    """
    from vaebench.metrics.inputs import check_pair, check_size
    from vaebench.metrics.points import Points

    check_pair(codes, factors)
    points = Points(codes, factors, bins=check_size(bins, "bins", least=2))
    return score_points(points, resamples=resamples, rng=rng)


def score_points(
    points: Points, *, resamples: int = 0, rng: np.random.Generator | None = None
) -> dict[str, Score]:
    """Computes the scores of one sample that it has what they need for.

    Args:
        points: The sample.
        resamples: Bootstrap resamples per interval; 0 leaves the intervals out.
        rng: Source of randomness of the bootstrap.

    Returns:
        Name -> score. One that these points do not allow has no value but a note.
    """
    from vaebench.metrics import all_metrics

    scores: dict[str, Score] = {}
    resampled: list[Metric] = []
    for metric in all_metrics():
        if not all(points.has(one.needs) for one in metric.measures):
            continue
        try:
            if metric.resampled is not None:
                found = _checked(metric, metric.resampled(points, None))
                resampled.append(metric)
            elif metric.of_sample is not None:
                found = _checked(metric, metric.of_sample(points))
            else:
                continue
        except DataError as error:
            found = [Score(one.name, None, len(points), note=str(error)) for one in metric.measures]
        scores |= {score.name: score for score in found}
    if resamples and resampled:
        assert rng is not None
        scores |= _with_intervals(points, resampled, scores, resamples, rng)
    return scores


def _with_intervals(
    points: Points,
    metrics: Sequence[Metric],
    scores: Mapping[str, Score],
    resamples: int,
    rng: np.random.Generator,
) -> dict[str, Score]:
    """The scores of some metrics with their intervals; one resample serves all of them."""
    import numpy as np

    from vaebench.metrics.points import bounds, scored

    measures = [one for metric in metrics for one in metric.measures]

    def numbers(weights: Weights) -> npt.NDArray[np.float64]:
        whole = [_checked(m, m.resampled(points, weights)) for m in metrics if m.resampled]
        found = [one.value for scores in whole for one in scores]
        return np.array([np.nan if value is None else value for value in found])

    intervals = bootstrap(
        numbers, len(points), rng=rng, resamples=resamples, bounds=bounds(measures)
    )
    known = [scores[one.name] for one in measures]
    return {
        one.name: scored(one.name, one.value, len(points), likely, one.note)
        for one, likely in zip(known, intervals, strict=True)
    }


def score_split(
    codes_train: npt.ArrayLike,
    factors_train: npt.ArrayLike,
    codes_test: npt.ArrayLike,
    factors_test: npt.ArrayLike,
    *,
    solver: Solver = "liblinear",
    dci_method: Method = "histogram",
    downstream_sizes: Sequence[int] = SIZES,
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
    from vaebench.metrics.points import Split

    split = Split(
        codes_train,
        factors_train,
        codes_test,
        factors_test,
        solver=solver,
        method=dci_method,
        sizes=downstream_sizes,
        resamples=resamples,
        rng=rng,
        seed=seed,
    )
    return score_learnt(split)


def score_learnt(split: Split) -> dict[str, Score]:
    """Computes the scores of training and test points; see `score_split`.

    Args:
        split: The points, with what several scores of them share.

    Raises:
        DataError: As the single metrics, but for explicitness.
    """
    from vaebench.metrics import all_metrics

    found = [_checked(m, m.of_split(split)) for m in all_metrics() if m.of_split is not None]
    return {score.name: score for scores in found for score in scores}


def score_drawn(sampler: Sampler) -> dict[str, Score]:
    """Computes the scores of images drawn by their factors.

    Args:
        sampler: What draws and encodes them.

    Returns:
        Name -> score.

    Raises:
        DataError: As the single metrics.
    """
    from vaebench.metrics import all_metrics

    found = [_checked(m, m.drawn(sampler)) for m in all_metrics() if m.drawn is not None]
    return {score.name: score for scores in found for score in scores}


def _checked(metric: Metric, found: list[Score]) -> list[Score]:
    """Returns what a metric's function returned; of a plug-in's it is looked at first."""
    from vaebench.metrics import METRICS

    return found if metric in METRICS else as_declared(metric, found)
