"""The SAP score: how far one dimension leads in predicting each factor on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaebench.errors import DataError
from vaebench.metrics.metric import Metric
from vaebench.outcome import Score
from vaebench.records import Measure

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vaebench.metrics.inputs import FloatArray, IntArray
    from vaebench.metrics.points import Split


MEASURE = Measure(
    name="sap", title="SAP", better="higher", low=0.0, high=1.0, needs="factors", tier="all"
)

LEAST_VARIANCE = 1e-12
"""A dimension of less variance explains nothing of a continuous factor (the study's figure)."""


@dataclass(frozen=True)
class SapResult:
    """The SAP score and what it was computed from.

    Attributes:
        score: Mean of `gaps`, from 0 to 1.
        gaps: Per factor [F], the difference between the two best entries of its column.
        matrix: How well a dimension predicts a factor [D, F]: accuracy on test points, or the
            squared correlation on training points for a continuous factor.
        hits: Which test points a dimension got right, bool [M, D, F]; False throughout for a
            continuous factor.
        continuous: Which factors were taken as continuous, bool [F].
    """

    score: float
    gaps: npt.NDArray[np.float64]
    matrix: npt.NDArray[np.float64]
    hits: npt.NDArray[np.bool_]
    continuous: npt.NDArray[np.bool_]


def sap(
    codes_train: npt.ArrayLike,
    factors_train: npt.ArrayLike,
    codes_test: npt.ArrayLike,
    factors_test: npt.ArrayLike,
    *,
    continuous: bool | Sequence[bool] = False,
) -> float:
    r"""Separated attribute predictability of Kumar et al. (2018), from 0 to 1.

    .. math:: \frac{1}{F} \sum_f \left( S_{(1) f} - S_{(2) f} \right)

    For a discrete factor, S is the test accuracy of a linear support vector machine (C = 0.01,
    balanced classes) on one dimension; for a continuous one, the squared correlation on the
    training points. The machine is solved in the primal, to its optimum: the dual solver that
    scikit-learn 0.20 used by default often stops short of it on codes with a large range.

    Args:
        codes_train: Numbers [N, D].
        factors_train: Whole numbers [N, F].
        codes_test: Numbers [M, D].
        factors_test: Whole numbers [M, F].
        continuous: Whether factors are continuous: one answer, or one per factor. The study
            takes all as discrete.

    Returns:
        The score. A single dimension leads over 0.

    Raises:
        DataError: Codes that are not finite, factors that are not whole numbers, lengths or widths
            that differ, a factor with one value in training, or the wrong number of answers.

    References:
        Variational Inference of Disentangled Latent Concepts from Unlabeled Observations,
        A. Kumar, P. Sattigeri, A. Balakrishnan, 2018, https://arxiv.org/abs/1711.00848,
        section 3.
    """
    return sap_details(
        codes_train, factors_train, codes_test, factors_test, continuous=continuous
    ).score


def sap_details(
    codes_train: npt.ArrayLike,
    factors_train: npt.ArrayLike,
    codes_test: npt.ArrayLike,
    factors_test: npt.ArrayLike,
    *,
    continuous: bool | Sequence[bool] = False,
) -> SapResult:
    """The SAP score with its parts; arguments and errors as `sap`."""
    import numpy as np

    from vaebench.metrics.inputs import check_split

    train, truth, test, wanted = check_split(codes_train, factors_train, codes_test, factors_test)
    dims, factors = train.shape[1], truth.shape[1]
    kinds = np.asarray(continuous, dtype=bool)
    if kinds.ndim > 1 or (kinds.ndim == 1 and len(kinds) != factors):
        raise DataError(
            f"continuous has shape {kinds.shape}; one answer, or one for each of the "
            f"{factors} factors, is needed."
        )
    kinds = np.broadcast_to(kinds, (factors,))
    matrix = np.zeros((dims, factors))
    hits = np.zeros((len(test), dims, factors), dtype=bool)
    for factor in range(factors):
        for dim in range(dims):
            if kinds[factor]:
                matrix[dim, factor] = squared_correlation(train[:, dim], truth[:, factor])
                continue
            guesses = predict_from_one(train[:, dim], truth[:, factor], test[:, dim])
            hits[:, dim, factor] = guesses == wanted[:, factor]
            matrix[dim, factor] = hits[:, dim, factor].mean()
    gaps = gaps_of(matrix)
    return SapResult(float(gaps.mean()), gaps, matrix, hits, np.array(kinds))


def gaps_of(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Difference between the two largest entries along the second last axis; one leads over 0.

    Args:
        matrix: [..., D, F].

    Returns:
        [..., F].
    """
    import numpy as np

    if matrix.shape[-2] == 1:
        return np.asarray(matrix[..., 0, :])
    ranked = np.sort(matrix, axis=-2)
    return np.asarray(ranked[..., -1, :] - ranked[..., -2, :])


def predict_from_one(code: FloatArray, labels: IntArray, test: FloatArray) -> IntArray:
    """Guesses labels from one dimension with the study's support vector machine.

    On a constant dimension the machine guesses the commonest of three labels or more; of two it
    would guess either, as rounding has it, so the commonest is taken there too.

    Args:
        code: One dimension of the training points [N].
        labels: Their labels [N], two values or more.
        test: The same dimension of the test points [M].

    Returns:
        Guessed labels, int64 [M].
    """
    import numpy as np
    from sklearn.svm import LinearSVC

    from vaebench.metrics.inputs import varying_dimensions

    if not varying_dimensions(code[:, None])[0]:
        values, counts = np.unique(labels, return_counts=True)
        return np.full(len(test), values[counts.argmax()])
    model = LinearSVC(C=0.01, class_weight="balanced", dual=False, random_state=0)
    model.fit(code.astype(np.float64)[:, None], labels)
    return np.asarray(model.predict(test.astype(np.float64)[:, None]), dtype=np.int64)


def squared_correlation(code: FloatArray, factor: IntArray) -> float:
    """Squared correlation of a dimension with a factor; 0 for a dimension without variance.

    Args:
        code: One dimension [N].
        factor: One factor [N], two values or more.
    """
    import numpy as np

    covariance = np.cov(code.astype(np.float64), factor.astype(np.float64), ddof=1)
    if covariance[0, 0] <= LEAST_VARIANCE:
        return 0.0
    return float(covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1]))


def _scores(split: Split) -> list[Score]:
    import numpy as np

    found = sap_details(*split.arrays)
    points, dims, factors = found.hits.shape
    hits = found.hits.reshape(points, dims * factors).astype(np.float64)

    def gap(weights: npt.NDArray[np.float64]) -> float:
        return float(gaps_of((weights @ hits / points).reshape(dims, factors)).mean())

    return [split.bootstrapped(MEASURE, found.score, gap)]


SAP = Metric(measures=(MEASURE,), of_split=_scores)
