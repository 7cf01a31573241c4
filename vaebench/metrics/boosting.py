"""Gradient-boosted trees as the study used them, slow or fast: importances and accuracies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from vaebench.errors import unknown
from vaebench.metrics.histogram_trees import grow_histogram
from vaebench.metrics.inputs import FloatArray, IntArray, varying_dimensions

Matrix = npt.NDArray[np.float64]
Method = Literal["histogram", "reference"]
METHODS: tuple[Method, ...] = ("histogram", "reference")


@dataclass(frozen=True)
class BoostedFit:
    """What boosted trees made of one factor.

    Attributes:
        importances: Share of the squared error that splits on each dimension removed [D]; it
            sums to 1, or to 0 when no tree has a split.
        train_hits: Which training points were right, bool [N].
        test_hits: Which test points were right, bool [M].
    """

    importances: Matrix
    train_hits: npt.NDArray[np.bool_]
    test_hits: npt.NDArray[np.bool_]


def boosted_trees(
    train: FloatArray,
    labels: IntArray,
    test: FloatArray,
    wanted: IntArray,
    *,
    method: Method = "histogram",
    seed: int = 0,
) -> BoostedFit:
    """Fits 100 stages of trees of depth 3 at rate 0.1 to one factor.

    Args:
        train: Codes [N, D].
        labels: The factor's value of each training point [N]. A single value is always guessed.
        test: Codes [M, D].
        wanted: The factor's value of each test point [M].
        method: `histogram` follows the same algorithm on LightGBM's trees; `reference` is
            scikit-learn's GradientBoostingClassifier, which takes some 30 times as long.
        seed: Breaks ties between equally good splits.

    Returns:
        Importances and what was guessed right.

    Raises:
        UsageError: An unknown method.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    classes, numbers = np.unique(labels, return_inverse=True)
    train, test = train.astype(np.float32), test.astype(np.float32)  # As scikit-learn does.
    varying = varying_dimensions(train)
    importances = np.zeros(train.shape[1])
    if len(classes) == 1 or not varying.any():
        guess = classes[np.bincount(numbers).argmax()]
        return BoostedFit(importances, labels == guess, wanted == guess)
    grow = _grow_reference if method == "reference" else grow_histogram
    gains, train_guess, test_guess = grow(
        train[:, varying].astype(np.float64), numbers, test[:, varying].astype(np.float64), seed
    )
    importances[varying] = gains / gains.sum() if gains.sum() > 0 else 0.0
    return BoostedFit(importances, classes[train_guess] == labels, classes[test_guess] == wanted)


def _grow_reference(
    train: Matrix, numbers: IntArray, test: Matrix, seed: int
) -> tuple[Matrix, IntArray, IntArray]:
    """scikit-learn's own: importances and guesses of both sets."""
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(random_state=seed)
    model.fit(train, numbers)
    return np.abs(model.feature_importances_), model.predict(train), model.predict(test)
