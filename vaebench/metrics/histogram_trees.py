"""Gradient-boosted trees as scikit-learn defines them, grown on LightGBM's histograms."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from vaebench.metrics.inputs import FloatArray, IntArray

Matrix = npt.NDArray[np.float64]

STAGES = 100
LEAVES = 8
DEPTH = 3
RATE = 0.1
LEAST_CURVATURE = 1e-150
FEW_BINS, MOST_BINS = 256, 4096
FAVOUR = 1e-9
SAME, NOTHING = 1e-6, 1e-9
"""Leaves of one tree are taken as one whose mean residuals differ by less than this share of the
largest, or by less than this."""


def grow_histogram(
    train: Matrix, numbers: IntArray, test: Matrix, seed: int
) -> tuple[Matrix, IntArray, IntArray]:
    """The same algorithm on LightGBM's trees: importances and guesses of both sets.

    Three things in which LightGBM as it comes would differ, and what is done about each:

    - Its objectives choose splits by the Newton gain, which weighs points by p (1 - p) and moves
      DCI by 0.07 and more. Given curvatures of 1, its gain is the fall in squared error that
      scikit-learn uses; the leaves' Newton values are then worked out here.
    - Bins that all classes share are too coarse where a class has its points, 1/40 of a
      dimension: DCI moves by 0.02 and training accuracy by 0.03. So each class has a booster of
      its own, whose bins are cut next to that class's points, where its best splits are.
    - Among equal splits, of which there are many when classes are easily told apart or latents
      are duplicated, it takes the first dimension's; scikit-learn draws. So in each tree every
      dimension's gains are favoured by a random share of `FAVOUR`, too little to matter else.

    Args:
        train: Codes [N, D], every dimension varying.
        numbers: Classes 0 … K - 1 of the training points [N], K of 2 or more.
        test: Codes [M, D].
        seed: Of what breaks ties.

    Returns:
        Squared error that splits on each dimension removed [D], and the guessed classes of the
        training [N] and test points [M].

    References:
        Greedy Function Approximation: A Gradient Boosting Machine, J. H. Friedman, 2001,
        https://doi.org/10.1214/aos/1013203451, algorithm 6.

        LightGBM: A Highly Efficient Gradient Boosting Decision Tree, G. Ke et al., 2017,
        https://papers.nips.cc/paper/6907-lightgbm-a-highly-efficient-gradient-boosting-decision-tree
    """
    from scipy.special import expit, softmax

    classes = int(numbers.max()) + 1
    trees = classes if classes > 2 else 1
    targets = numbers == (np.arange(trees) if trees > 1 else np.ones(1, np.int64))[:, None]
    truth = targets.astype(np.float64)
    share = truth.mean(axis=1, keepdims=True)
    start = np.log(share) if trees > 1 else np.log(share / (1 - share))
    scores = np.tile(start, (1, len(train)))
    thresholds = _Thresholds(train, test)
    rng = np.random.default_rng(seed)
    growers = [_Grower(thresholds, member) for member in targets]
    rate = RATE * ((trees - 1) / trees if trees > 1 else 1.0)
    for _ in range(STAGES):
        chances = softmax(scores, axis=0) if trees > 1 else expit(scores)
        residuals, curvatures = truth - chances, chances * (1 - chances)
        for row, grower in enumerate(growers):
            favours = rng.uniform(1, 1 + FAVOUR, size=(train.shape[1],))
            scores[row] += rate * grower.grow(residuals[row], curvatures[row], favours)
    test_scores = start + rate * np.array([grower.predict() for grower in growers])
    gains = np.sum([grower.gains() for grower in growers], axis=0)
    return gains, _guess(scores), _guess(test_scores)


class _Thresholds:
    """The places where a dimension can be cut: halfway between neighbouring training values.

    Args:
        train: Codes [N, D].
        test: Codes [M, D].
    """

    def __init__(self, train: Matrix, test: Matrix) -> None:
        self.levels: list[int] = []
        self._train, self._test = np.empty(train.shape, np.int64), np.empty(test.shape, np.int64)
        for dim in range(train.shape[1]):
            values, self._train[:, dim] = np.unique(train[:, dim], return_inverse=True)
            halfway = (values[1:] + values[:-1]) / 2
            self._test[:, dim] = np.searchsorted(halfway, test[:, dim], side="left")
            self.levels.append(len(values))

    def bins(self, dim: int, member: npt.NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
        """Bins of one dimension, cut next to the class's values.

        With few values, or a class of a quarter of the points, every value is a bin.

        Args:
            dim: Which dimension.
            member: Which training points belong to the class, bool [N].

        Returns:
            Bin of each training and each test point; too many are merged evenly.
        """
        few = max(FEW_BINS, min(MOST_BINS, 4 * int(member.sum())))
        mine = np.full(self.levels[dim], self.levels[dim] <= few)
        mine[self._train[member, dim]] = True
        bin_of = np.concatenate([[0], np.cumsum(mine[1:] | mine[:-1])])
        count = int(bin_of[-1]) + 1
        if count > MOST_BINS:
            bin_of = bin_of * MOST_BINS // count
        return bin_of[self._train[:, dim]], bin_of[self._test[:, dim]]


class _Grower:
    """Grows one class's regression trees on LightGBM, one at a time.

    Args:
        thresholds: Of all dimensions.
        member: Which training points belong to the class, bool [N].
    """

    def __init__(self, thresholds: _Thresholds, member: npt.NDArray[np.bool_]) -> None:
        import lightgbm  # Only here: it needs the system's OpenMP library, other metrics do not.

        columns = [thresholds.bins(dim, member) for dim in range(len(thresholds.levels))]
        train = np.column_stack([column[0] for column in columns]).astype(np.float32)
        self._test = np.column_stack([column[1] for column in columns]).astype(np.float32)
        self._booster = lightgbm.Booster(
            OPTIONS, lightgbm.Dataset(train, np.zeros(len(train)), params=OPTIONS)
        )
        self._ones = np.ones(len(train), dtype=np.float32)
        self._sums = np.zeros(len(train))
        self._leaves: list[tuple[FloatArray, Matrix]] = []
        self._everywhere = 0.0

    def grow(self, residuals: Matrix, curvatures: Matrix, favours: Matrix) -> Matrix:
        """Fits a tree to the residuals.

        LightGBM does not hand over leaves without a slow detour; but what a tree adds to a
        point's sum, the mean residual of its leaf, names the leaf.

        Args:
            residuals: Of the training points [N].
            curvatures: Of the training points [N].
            favours: What the gains of each dimension's splits are multiplied by [D].

        Returns:
            The Newton step of every training point's leaf [N].
        """
        self._booster.reset_parameter({"feature_contri": favours.tolist()})
        downhill = (-residuals).astype(np.float32)
        if self._booster.update(fobj=lambda *_: (downhill, self._ones)):
            # No split is worth while, and LightGBM keeps no tree: all points are in one leaf.
            step = _newton(np.zeros(len(residuals), np.int64), residuals, curvatures)[0]
            self._everywhere += step
            return np.full(len(residuals), step)
        seen: list[Matrix] = []
        self._booster.eval_train(partial(_remember, seen))
        added = (seen[0] - self._sums).astype(np.float32)
        self._sums = seen[0]
        means = np.sort(added)
        apart = np.diff(means) > max(SAME * np.abs(means[[0, -1]]).max(), NOTHING)
        borders = (means[1:][apart] + means[:-1][apart]) / 2
        leaves = _count_below(added, borders)
        steps = _newton(leaves, residuals, curvatures)
        self._leaves.append((borders, steps))
        return steps.take(leaves)

    def predict(self) -> Matrix:
        """Sum over the trees grown of the Newton step of every test point's leaf [M]."""
        total = np.full(len(self._test), self._everywhere)
        if not self._leaves:
            return total
        found = self._booster.predict(self._test, pred_leaf=True, num_threads=1)
        places = np.asarray(found, dtype=np.int64)
        # Where the first tree has no split, LightGBM keeps it after all.
        extra = places.shape[1] - len(self._leaves)
        for tree, (borders, steps) in enumerate(self._leaves, start=extra):
            numbers = places[:, tree]
            means = [
                self._booster.get_leaf_output(tree, leaf) for leaf in range(int(numbers.max()) + 1)
            ]
            total += steps[np.searchsorted(borders, np.asarray(means, np.float32))].take(numbers)
        return total

    def gains(self) -> Matrix:
        """Squared error that splits on each dimension removed [D]."""
        return np.asarray(self._booster.feature_importance("gain"), dtype=np.float64)


OPTIONS: dict[str, Any] = {
    "objective": "none",
    "num_leaves": LEAVES,
    "max_depth": DEPTH,
    "learning_rate": 1.0,
    "max_bin": MOST_BINS,
    "min_data_in_bin": 1,
    "min_data_in_leaf": 1,
    "min_sum_hessian_in_leaf": 0.0,
    "feature_pre_filter": False,
    "enable_bundle": False,
    "boost_from_average": False,
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
    "seed": 0,
    "verbose": -1,
}


def _remember(seen: list[Matrix], sums: Matrix, _: Any) -> tuple[str, float, bool]:
    """Takes the sums that LightGBM shows to a measure of its own."""
    seen.append(np.array(sums, dtype=np.float64))
    return "none", 0.0, False


def _count_below(values: FloatArray, borders: FloatArray) -> IntArray:
    """How many of the borders, LEAVES - 1 at most, each value exceeds."""
    counts = np.zeros(len(values), np.int8)
    for border in borders:
        counts += values > border
    return counts.astype(np.int64)


def _newton(leaves: IntArray, residuals: Matrix, curvatures: Matrix) -> Matrix:
    """One Newton step per leaf: the sum of residuals over the sum of curvatures [LEAVES]."""
    rise = np.bincount(leaves, weights=residuals, minlength=LEAVES)
    bend = np.bincount(leaves, weights=curvatures, minlength=LEAVES)
    return np.divide(rise, bend, out=np.zeros(LEAVES), where=bend >= LEAST_CURVATURE)


def _guess(scores: Matrix) -> IntArray:
    """The likeliest class of each point, from scores [K, N] or, of two classes, [1, N]."""
    if len(scores) == 1:
        return np.asarray(scores[0] > 0, dtype=np.int64)
    return np.asarray(scores.argmax(axis=0), dtype=np.int64)
