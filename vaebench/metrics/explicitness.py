"""Explicitness: how well a linear classifier ranks each value of each factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaebench.errors import DataError
from vaebench.metrics.intervals import WeightedAreas
from vaebench.metrics.metric import Metric
from vaebench.outcome import Score
from vaebench.records import Measure

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vaebench.metrics.inputs import FloatArray, IntArray
    from vaebench.metrics.linear import Solver
    from vaebench.metrics.points import Split


MEASURE = Measure(
    name="explicitness",
    title="Explicitness",
    better="higher",
    low=0.0,
    high=1.0,
    needs="factors",
    tier="all",
)


@dataclass(frozen=True)
class ExplicitnessResult:
    """Explicitness and what goes with it.

    Attributes:
        score: Mean of `per_factor`, from 0 to 1; 0.5 is chance.
        per_factor: Area under the ROC curve on test points, mean over the factor's values [F].
        train_score: The same mean on training points.
        probabilities: Per factor, the test points' probability of each value seen [M, K].
        classes: Per factor, the values seen in training [K].
    """

    score: float
    per_factor: npt.NDArray[np.float64]
    train_score: float
    probabilities: tuple[npt.NDArray[np.float64], ...]
    classes: tuple[IntArray, ...]


def explicitness(
    codes_train: npt.ArrayLike,
    factors_train: npt.ArrayLike,
    codes_test: npt.ArrayLike,
    factors_test: npt.ArrayLike,
    *,
    solver: Solver = "liblinear",
) -> float:
    """Explicitness of Ridgeway & Mozer (2018) on test points, from 0 to 1; 0.5 is chance.

    Per factor a logistic regression on the codes, brought to mean 0 and standard deviation 1 by
    the training points, predicts the factor's value; each value's probability is judged by the
    area under its one-vs-rest ROC curve, averaged over values and then over factors. Dimensions
    that are constant in training say nothing and are left out. A value that training or test
    points do not show has no curve and is left out of the mean.

    Args:
        codes_train: Numbers [N, D].
        factors_train: Whole numbers [N, F].
        codes_test: Numbers [M, D].
        factors_test: Whole numbers [M, F].
        solver: `liblinear`, one-vs-rest, is the study's (scikit-learn 0.20's default); `lbfgs`,
            multinomial, is today's and scores higher where a factor has many values.

    Returns:
        The score.

    Raises:
        DataError: Codes that are not finite, factors that are not whole numbers, lengths or widths
            that differ, a factor with one value in training, or one without a single value that
            training and test points share and that not all test points have.

    References:
        Learning Deep Disentangled Embeddings with the F-Statistic Loss, K. Ridgeway, M. C. Mozer,
        2018, https://arxiv.org/abs/1802.05312, section 3 (explicitness).
    """
    return explicitness_details(
        codes_train, factors_train, codes_test, factors_test, solver=solver
    ).score


def explicitness_details(
    codes_train: npt.ArrayLike,
    factors_train: npt.ArrayLike,
    codes_test: npt.ArrayLike,
    factors_test: npt.ArrayLike,
    *,
    solver: Solver = "liblinear",
) -> ExplicitnessResult:
    """Explicitness with its parts; arguments and errors as `explicitness`."""
    import numpy as np

    from vaebench.metrics.inputs import check_split
    from vaebench.metrics.linear import logistic_regression

    train, truth, test, wanted = check_split(codes_train, factors_train, codes_test, factors_test)
    train, test = standardise(train, test)
    scores, train_scores = [], []
    probabilities, classes = [], []
    for factor in range(truth.shape[1]):
        model = logistic_regression(train, truth[:, factor], solver=solver)
        chances = model.probabilities(test)
        score = mean_area(chances, model.classes, wanted[:, factor])
        if score is None:
            raise DataError(
                f"Factor {factor} of factors_test has no value that factors_train shows too and "
                "that only some test points have; draw more test points."
            )
        scores.append(score)
        train_scores.append(mean_area(model.probabilities(train), model.classes, truth[:, factor]))
        probabilities.append(chances)
        classes.append(model.classes)
    return ExplicitnessResult(
        score=float(np.mean(scores)),
        per_factor=np.asarray(scores),
        train_score=float(np.mean([score for score in train_scores if score is not None])),
        probabilities=tuple(probabilities),
        classes=tuple(classes),
    )


def standardise(
    train: FloatArray, test: FloatArray
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Brings codes to mean 0 and standard deviation 1 by the training points.

    Args:
        train: Codes [N, D].
        test: Codes [M, D].

    Returns:
        Both [·, D'], without the dimensions that are constant in training; a column of zeros
        when every one is.
    """
    import numpy as np

    from vaebench.metrics.inputs import varying_dimensions

    varying = varying_dimensions(train)
    if not varying.any():
        return np.zeros((len(train), 1)), np.zeros((len(test), 1))
    kept = train[:, varying].astype(np.float64)
    mean, deviation = kept.mean(axis=0), kept.std(axis=0)
    return (kept - mean) / deviation, (test[:, varying].astype(np.float64) - mean) / deviation


def mean_area(
    probabilities: npt.NDArray[np.float64], classes: IntArray, labels: IntArray
) -> float | None:
    r"""Area under the one-vs-rest ROC curve, averaged over the classes that have one.

    .. math:: A_k = \frac{\sum_{n: y_n = k} r_n - P (P + 1) / 2}{P (N - P)}

    with r the rank of class k's probability (ties share the mean rank) and P of N points in it.

    Args:
        probabilities: [N, K].
        classes: What each column stands for [K].
        labels: True classes [N].

    Returns:
        The mean area, or None when no class has both members and others.
    """
    import numpy as np
    from scipy.stats import rankdata

    member = labels[:, None] == classes
    positives = member.sum(axis=0)
    curved = (positives > 0) & (positives < len(labels))
    if not curved.any():
        return None
    positives = positives[curved].astype(np.float64)
    ranks = rankdata(probabilities[:, curved], axis=0)
    total = (ranks * member[:, curved]).sum(axis=0)
    areas = (total - positives * (positives + 1) / 2) / (positives * (len(labels) - positives))
    return float(areas.mean())


def _scores(split: Split) -> list[Score]:
    import numpy as np

    try:
        found = explicitness_details(*split.arrays, solver=split.solver)
    except DataError as error:
        return [Score(MEASURE.name, None, len(split.train), note=str(error))]
    areas = [
        WeightedAreas(found.probabilities[i], found.classes[i], split.wanted[:, i])
        for i in range(split.wanted.shape[1])
    ]

    def mean(weights: npt.NDArray[np.float64]) -> float:
        return float(np.mean([area(weights) for area in areas]))

    return [split.bootstrapped(MEASURE, found.score, mean)]


EXPLICITNESS = Metric(measures=(MEASURE,), of_split=_scores)
