"""DCI: disentanglement, completeness and informativeness from boosted trees' importances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaebench.metrics.metric import Metric
from vaebench.outcome import Score
from vaebench.records import Measure

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vaebench.metrics.boosting import BoostedFit, Method
    from vaebench.metrics.points import Split

    Matrix = npt.NDArray[np.float64]


SMOOTHING = 1e-11
"""Added to importances before their entropy, the study's figure."""


def _measure(name: str, title: str, *, column: bool = True) -> Measure:
    return Measure(
        name=f"dci_{name}",
        title=f"DCI {title}",
        better="higher",
        low=0.0,
        high=1.0,
        needs="factors",
        tier="all",
        column=column,
    )


DISENTANGLEMENT = _measure("disentanglement", "disentanglement")
COMPLETENESS = _measure("completeness", "completeness")
INFORMATIVENESS = _measure("informativeness", "informativeness")
ON_TRAINING = _measure("informativeness_train", "informativeness (train)", column=False)


@dataclass(frozen=True)
class DciResult:
    """The DCI scores and what they were computed from. An undefined one is None, with a note.

    Attributes:
        disentanglement: From 0 to 1: does each dimension serve one factor?
        completeness: From 0 to 1: does each factor need one dimension?
        informativeness_train: Accuracy on training points, mean over factors, from 0 to 1.
        informativeness_test: Accuracy on test points, mean over factors, from 0 to 1.
        importances: Share of each dimension in predicting each factor [D, F].
        test_hits: Which factors of which test points were right, bool [M, F].
        notes: Field name -> why it is None.
    """

    disentanglement: float | None
    completeness: float | None
    informativeness_train: float
    informativeness_test: float
    importances: Matrix
    test_hits: npt.NDArray[np.bool_]
    notes: Mapping[str, str]


def dci(
    codes_train: npt.ArrayLike,
    factors_train: npt.ArrayLike,
    codes_test: npt.ArrayLike,
    factors_test: npt.ArrayLike,
    *,
    method: Method = "histogram",
    seed: int = 0,
) -> DciResult:
    r"""DCI scores of Eastwood & Williams (2018), with the boosted trees of the study.

    .. math:: D = \sum_d \rho_d \left( 1 - H_F(P_d) \right), \quad
        C = \sum_f \rho_f \left( 1 - H_D(P_f) \right)

    where P are the importances R normalised over a dimension's factors or over a factor's
    dimensions, H is their entropy to the base of how many there are, and rho is the share of the
    dimension or the factor in all importances. A dead dimension has no importance and no weight;
    with nothing but dead ones both scores are 0.

    Args:
        codes_train: Numbers [N, D].
        factors_train: Whole numbers [N, F].
        codes_test: Numbers [M, D].
        factors_test: Whole numbers [M, F].
        method: `histogram`, or `reference` for scikit-learn's GradientBoostingClassifier (the
            study's; minutes instead of seconds). They agree within 0.02; see `boosting.py`.
        seed: Breaks ties between equally good splits.

    Returns:
        The scores. Disentanglement is None with one factor, completeness with one dimension.

    Raises:
        DataError: Codes that are not finite, factors that are not whole numbers, lengths or widths
            that differ, or a factor with one value in training.
        UsageError: An unknown method.

    References:
        A Framework for the Quantitative Evaluation of Disentangled Representations,
        C. Eastwood, C. K. I. Williams, 2018, https://openreview.net/forum?id=By-7dz-AZ,
        section 2.
    """
    from vaebench.metrics.boosting import boosted_trees
    from vaebench.metrics.inputs import check_size, check_split

    train, truth, test, wanted = check_split(codes_train, factors_train, codes_test, factors_test)
    seed = check_size(seed, "seed", least=0)
    fits = [
        boosted_trees(train, truth[:, i], test, wanted[:, i], method=method, seed=seed)
        for i in range(truth.shape[1])
    ]
    return dci_from_fits(fits)


def dci_from_fits(fits: Sequence[BoostedFit]) -> DciResult:
    """The scores of trees that are grown already.

    Args:
        fits: One per factor.

    Returns:
        The scores.
    """
    import numpy as np

    importances = np.column_stack([fit.importances for fit in fits])
    notes: dict[str, str] = {}
    disentangled = concentration(importances)
    if disentangled is None:
        notes["disentanglement"] = "there is one factor, so nothing to tell it from"
    complete = concentration(importances.T)
    if complete is None:
        notes["completeness"] = "there is one dimension, so nothing to tell it from"
    return DciResult(
        disentanglement=disentangled,
        completeness=complete,
        informativeness_train=float(np.mean([fit.train_hits.mean() for fit in fits])),
        informativeness_test=float(np.mean([fit.test_hits.mean() for fit in fits])),
        importances=importances,
        test_hits=np.column_stack([fit.test_hits for fit in fits]),
        notes=notes,
    )


def concentration(importances: Matrix) -> float | None:
    """How far each row is on one column, weighted by the rows' shares of the total.

    Args:
        importances: Not negative [A, B].

    Returns:
        From 0 (every row spread evenly, or all zeros) to 1; None when there is one column.
    """
    import numpy as np

    columns = importances.shape[1]
    if columns < 2:
        return None
    total = importances.sum()
    if total == 0:
        return 0.0
    smoothed = importances + SMOOTHING
    share = smoothed / smoothed.sum(axis=1, keepdims=True)
    entropy = -(share * np.log(share)).sum(axis=1) / np.log(columns)
    return float(((1 - entropy) * importances.sum(axis=1) / total).sum())


def _scores(split: Split) -> list[Score]:
    found, points = dci_from_fits(split.trees), len(split.train)
    notes = found.notes
    return [
        Score(
            DISENTANGLEMENT.name, found.disentanglement, points, note=notes.get("disentanglement")
        ),
        Score(COMPLETENESS.name, found.completeness, points, note=notes.get("completeness")),
        split.accuracy(INFORMATIVENESS, found.informativeness_test, found.test_hits),
        Score(ON_TRAINING.name, found.informativeness_train, points),
    ]


DCI = Metric(
    measures=(DISENTANGLEMENT, COMPLETENESS, INFORMATIVENESS, ON_TRAINING), of_split=_scores
)
