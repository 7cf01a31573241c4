"""Downstream accuracy: how well factors are predicted from codes with few and many labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from vaebench.errors import DataError, unknown
from vaebench.metrics.metric import Metric
from vaebench.outcome import Score
from vaebench.records import Measure

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vaebench.metrics.boosting import BoostedFit, Method
    from vaebench.metrics.inputs import FloatArray, IntArray
    from vaebench.metrics.linear import LinearClassifier, Solver
    from vaebench.metrics.points import Split


Predictor = Literal["logistic", "boosted"]
PREDICTORS: Mapping[Predictor, str] = MappingProxyType(
    {"logistic": "Logistic regression", "boosted": "Boosted trees"}
)
"""What learns the factors from the representation, with its title."""

SIZES = (10, 100, 1_000, 10_000)
"""Numbers of labels of the study."""

FOLDS = 5
FEW, MANY = 100, 10_000


@dataclass(frozen=True, order=True)
class Task:
    """What a downstream score is of.

    Attributes:
        predictor: What learns the factors from the representation.
        labels: From how many labels; None for the efficiency, the accuracy with 100 labels over
            that with 10,000.
    """

    predictor: Predictor
    labels: int | None

    @property
    def measure(self) -> Measure:
        """The score's record."""
        what = "efficiency" if self.labels is None else f"{self.labels:,} labels"
        return Measure(
            name=f"downstream_{self.predictor}_{self.labels or 'efficiency'}",
            title=f"{PREDICTORS[self.predictor]}, {what}",
            better="higher",
            low=0.0,
            high=None if self.labels is None else 1.0,
            needs="factors",
            tier="all",
            column=False,
        )


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.measure.name: task
        for task in (Task(learner, size) for learner in PREDICTORS for size in (*SIZES, None))
    }
)
"""The study's tasks, by the names of their scores."""


@dataclass(frozen=True)
class DownstreamResult:
    """Accuracy by number of labels. An undefined one is None, with a note.

    Attributes:
        test_accuracy: Number of labels -> accuracy on test points, mean over factors.
        train_accuracy: Number of labels -> the same on the labelled points.
        per_factor: Number of labels -> accuracy on test points per factor [F].
        test_hits: Number of labels -> which factors of which test points were right [M, F].
        efficiency: Accuracy with 100 labels over accuracy with 10,000.
        notes: `efficiency`, or a number of labels as text -> why it is None.
    """

    test_accuracy: Mapping[int, float | None]
    train_accuracy: Mapping[int, float | None]
    per_factor: Mapping[int, npt.NDArray[np.float64]]
    test_hits: Mapping[int, npt.NDArray[np.bool_]]
    efficiency: float | None
    notes: Mapping[str, str]


def downstream(
    codes_train: npt.ArrayLike,
    factors_train: npt.ArrayLike,
    codes_test: npt.ArrayLike,
    factors_test: npt.ArrayLike,
    *,
    predictor: Predictor = "logistic",
    sizes: Sequence[int] = SIZES,
    solver: Solver = "liblinear",
    method: Method = "histogram",
    seed: int = 0,
    known: Mapping[int, Sequence[BoostedFit]] | None = None,
) -> DownstreamResult:
    """Accuracy of predicting the factors with the first 10, 100, … labels, as in the study.

    `logistic` chooses the penalty among ten from 1e-4 to 1e4 by five-fold cross-validation
    without shuffling, the smallest C first among equals; `boosted` is 100 stages of trees of
    depth 3. The codes are taken as they are. With `liblinear` every value has its own penalty and
    its own binary problem, the intercept free, as LogisticRegressionCV of scikit-learn 0.20 had
    them. A factor of which the labels show one value is always guessed to be that.

    Args:
        codes_train: Numbers [N, D], in random order: the first rows are the labelled ones.
        factors_train: Whole numbers [N, F].
        codes_test: Numbers [M, D].
        factors_test: Whole numbers [M, F].
        predictor: `logistic` or `boosted`.
        sizes: Numbers of labels, each 5 or more.
        solver: For `logistic`: `liblinear`, one-vs-rest as in the study, or `lbfgs`, multinomial.
        method: For `boosted`: see `dci`.
        seed: For `boosted`: breaks ties between equally good splits.
        known: For `boosted`: trees that are grown already, number of labels -> one per factor.

    Returns:
        Accuracies. With more labels asked for than there are training points, None.

    Raises:
        DataError: Codes that are not finite, factors that are not whole numbers, lengths or widths
            that differ, a factor with one value in training, or fewer than 5 labels.
        UsageError: An unknown predictor, solver or method.

    References:
        Challenging Common Assumptions in the Unsupervised Learning of Disentangled
        Representations, F. Locatello et al., 2019, https://arxiv.org/abs/1811.12359, section 5.5.
    """
    import numpy as np

    from vaebench.metrics.boosting import boosted_trees
    from vaebench.metrics.inputs import check_list, check_size, check_split

    if predictor not in PREDICTORS:
        raise unknown("predictor", predictor, PREDICTORS)
    train, truth, test, wanted = check_split(codes_train, factors_train, codes_test, factors_test)
    test_accuracy: dict[int, float | None] = {}
    train_accuracy: dict[int, float | None] = {}
    per_factor: dict[int, npt.NDArray[np.float64]] = {}
    test_hits: dict[int, npt.NDArray[np.bool_]] = {}
    notes: dict[str, str] = {}
    seed = check_size(seed, "seed", least=0)
    for size in check_list(sizes, "sizes"):
        size = check_size(size, "a number of labels", least=FOLDS)
        if size > len(train):
            test_accuracy[size] = train_accuracy[size] = None
            notes[str(size)] = f"there are {len(train)} training points"
            continue
        if predictor == "logistic":
            pairs = [
                _logistic_hits(train[:size], truth[:size, i], test, wanted[:, i], solver)
                for i in range(truth.shape[1])
            ]
        elif known is not None and size in known:
            pairs = [(fit.train_hits, fit.test_hits) for fit in known[size]]
        else:
            fits = [
                boosted_trees(
                    train[:size], truth[:size, i], test, wanted[:, i], method=method, seed=seed
                )
                for i in range(truth.shape[1])
            ]
            pairs = [(fit.train_hits, fit.test_hits) for fit in fits]
        test_hits[size] = np.column_stack([pair[1] for pair in pairs])
        per_factor[size] = test_hits[size].mean(axis=0)
        test_accuracy[size] = float(per_factor[size].mean())
        train_accuracy[size] = float(np.mean([pair[0].mean() for pair in pairs]))
    few, many = test_accuracy.get(FEW), test_accuracy.get(MANY)
    efficiency = few / many if few is not None and many else None
    if efficiency is None:
        notes["efficiency"] = f"it needs an accuracy with {FEW} and one with {MANY} labels"
    return DownstreamResult(test_accuracy, train_accuracy, per_factor, test_hits, efficiency, notes)


def _logistic_hits(
    train: FloatArray, labels: IntArray, test: FloatArray, wanted: IntArray, solver: Solver
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    model = cross_validated(train, labels, solver=solver)
    return model.predict(train) == labels, model.predict(test) == wanted


def cross_validated(
    points: FloatArray, labels: IntArray, *, solver: Solver = "liblinear"
) -> LinearClassifier:
    """Fits a logistic regression whose penalty is chosen by five-fold cross-validation.

    Args:
        points: Features [N, D], N of 5 or more.
        labels: Classes [N].
        solver: See `downstream`.

    Returns:
        The classifier, fitted to all points.

    Raises:
        DataError: Fewer than 5 points.
        UsageError: An unknown solver.
    """
    import numpy as np

    from vaebench.metrics.linear import INVERSE_PENALTIES, LinearClassifier
    from vaebench.metrics.newton import one_vs_rest

    if len(points) < FOLDS:
        raise DataError(f"{len(points)} labels; {FOLDS}-fold cross-validation needs {FOLDS}.")
    classes = np.unique(labels)
    if solver == "lbfgs" or len(classes) == 1:
        return _cross_validated_multinomial(points, labels, solver)
    if solver != "liblinear":
        raise unknown("solver", solver, ("liblinear", "lbfgs"))
    wanted = classes[1:] if len(classes) == 2 else classes
    targets = np.asarray(labels[:, None] == wanted)
    right = np.zeros((len(INVERSE_PENALTIES), len(wanted)))
    features = np.column_stack([points, np.ones(len(points))]).astype(np.float64)
    for fold in np.array_split(np.arange(len(points)), FOLDS):
        kept = np.ones(len(points), dtype=bool)
        kept[fold] = False
        weights = None
        for row, inverse_penalty in enumerate(INVERSE_PENALTIES):
            weights = one_vs_rest(points[kept], targets[kept], inverse_penalty, weights)
            guesses = features[fold] @ weights.T > 0
            right[row] += (guesses == targets[fold]).mean(axis=0)
    best = right.argmax(axis=0)
    final = np.zeros((len(wanted), features.shape[1]))
    for row in np.unique(best):
        chosen = best == row
        final[chosen] = one_vs_rest(points, targets[:, chosen], INVERSE_PENALTIES[row])
    return LinearClassifier(classes, final[:, :-1], final[:, -1], True)


def _cross_validated_multinomial(
    points: FloatArray, labels: IntArray, solver: Solver
) -> LinearClassifier:
    import numpy as np

    from vaebench.metrics.linear import INVERSE_PENALTIES, logistic_regression

    right = np.zeros(len(INVERSE_PENALTIES))
    folds = np.array_split(np.arange(len(points)), FOLDS) if len(np.unique(labels)) > 1 else []
    for fold in folds:
        kept = np.ones(len(points), dtype=bool)
        kept[fold] = False
        for row, inverse_penalty in enumerate(INVERSE_PENALTIES):
            model = logistic_regression(
                points[kept], labels[kept], solver=solver, inverse_penalty=float(inverse_penalty)
            )
            right[row] += (model.predict(points[fold]) == labels[fold]).mean()
    best = float(INVERSE_PENALTIES[right.argmax()])
    return logistic_regression(points, labels, solver=solver, inverse_penalty=best)


def _scores(split: Split) -> list[Score]:
    scores = []
    for predictor in PREDICTORS if split.sizes else ():
        found = downstream(
            *split.arrays,
            predictor=predictor,
            sizes=split.sizes,
            solver=split.solver,
            method=split.method,
            seed=split.seed,
            known={len(split.train): split.trees},
        )
        for size, value in found.test_accuracy.items():
            measure, note = Task(predictor, size).measure, found.notes.get(str(size))
            scores.append(
                Score(measure.name, None, len(split.train), note=note)
                if value is None
                else split.accuracy(measure, value, found.test_hits[size])
            )
        measure, note = Task(predictor, None).measure, found.notes.get("efficiency")
        scores.append(Score(measure.name, found.efficiency, len(split.train), note=note))
    return scores


DOWNSTREAM = Metric(
    measures=tuple(task.measure for task in TASKS.values()),
    of_split=_scores,
)
