"""Plain versions of the metrics, as one would write them with scikit-learn, for `metrics.py`.

Each does the straightforward thing: a loop over dimensions, factors and classes, one call of the
library for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import Lasso, LogisticRegression, LogisticRegressionCV
from sklearn.metrics import mutual_info_score, roc_auc_score
from sklearn.model_selection import KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

Array = np.ndarray
SIZES = (3, 6, 40, 32, 32)
DIMS = 10


def represent(factors: Array) -> Array:
    """Stands for a trained VAE: a partly mixed, partly circular code with four idle dimensions."""
    place = 2 * (factors + 0.5) / np.array(SIZES) - 1
    turn = np.pi * place[:, 2]
    mixed = np.tanh(place[:, 3] + 0.3 * place[:, 0]), place[:, 4] - 0.2 * place[:, 1]
    codes = np.column_stack([place[:, 0], place[:, 1], np.cos(turn), np.sin(turn), *mixed])
    noise = np.random.default_rng(len(factors)).normal(size=(len(factors), DIMS))
    return np.concatenate([codes, np.zeros((len(codes), 4))], axis=1) + noise * np.repeat(
        [0.1, 0.02], [6, 4]
    )


@dataclass(frozen=True)
class Data:
    """Codes and factors for training and testing."""

    train: Array
    truth: Array
    test: Array
    wanted: Array

    @property
    def split(self) -> tuple[Array, Array, Array, Array]:
        return self.train, self.truth, self.test, self.wanted


def binned(codes: Array) -> Array:
    """Puts every column into 20 equal-width bins."""
    edges = [np.histogram(column, 20)[1][:-1] for column in codes.T]
    columns = [np.digitize(column, edge) for column, edge in zip(codes.T, edges, strict=True)]
    return np.column_stack(columns)


def information(first: Array, second: Array) -> Array:
    """Mutual information of all pairs of columns, in nats."""
    return np.array([[mutual_info_score(b, a) for b in second.T] for a in first.T])


def mig(data: Data) -> float:
    """Mutual information gap."""
    table = np.sort(information(binned(data.train), data.truth), axis=0)
    entropy = np.array([mutual_info_score(column, column) for column in data.truth.T])
    return float(np.mean((table[-1] - table[-2]) / entropy))


def modularity(data: Data) -> float:
    """Modularity."""
    squared = information(binned(data.train), data.truth) ** 2
    best = squared.max(axis=1)
    return float(np.mean(1 - (squared.sum(axis=1) - best) / best / (squared.shape[1] - 1)))


def explicitness(data: Data) -> float:
    """Explicitness, one-vs-rest."""
    mean, deviation = data.train.mean(axis=0), data.train.std(axis=0)
    train, test = (data.train - mean) / deviation, (data.test - mean) / deviation
    scores = []
    for i in range(len(SIZES)):
        model = OneVsRestClassifier(LogisticRegression(solver="liblinear"))
        chances = model.fit(train, data.truth[:, i]).predict_proba(test)
        scores.append(roc_auc_score(data.wanted[:, [i]] == model.classes_, chances))
    return float(np.mean(scores))


def sap(data: Data) -> float:
    """SAP of discrete factors."""
    table = np.zeros((DIMS, len(SIZES)))
    for d in range(DIMS):
        for i in range(len(SIZES)):
            model = LinearSVC(C=0.01, class_weight="balanced", dual=False)
            model.fit(data.train[:, [d]], data.truth[:, i])
            table[d, i] = model.score(data.test[:, [d]], data.wanted[:, i])
    ranked = np.sort(table, axis=0)
    return float(np.mean(ranked[-1] - ranked[-2]))


def irs(data: Data) -> float:
    """Interventional robustness."""
    largest = np.abs(data.train - data.train.mean(axis=0)).max(axis=0)
    groups = binned(data.truth.astype(float))
    table = np.zeros((DIMS, len(SIZES)))
    for i in range(len(SIZES)):
        strays = []
        for group in np.unique(groups[:, i]):
            members = data.train[groups[:, i] == group]
            strays.append(np.percentile(np.abs(members - members.mean(axis=0)), 99, axis=0))
        table[:, i] = 1 - np.mean(strays, axis=0) / largest
    return float(np.average(table.max(axis=1), weights=largest))


def unsupervised(data: Data) -> float:
    """The unsupervised scores; gives the total correlation."""
    sigma = np.cov(data.train, rowvar=False)
    total = 0.5 * (np.log(np.diag(sigma)).sum() - np.linalg.slogdet(sigma)[1])
    scipy.linalg.sqrtm(sigma * np.diag(sigma)[:, None])
    codes = binned(data.train)
    information(codes, codes)
    return float(total)


def dci(data: Data) -> float:
    """DCI; gives the disentanglement."""
    columns = []
    for i in range(len(SIZES)):
        model = GradientBoostingClassifier().fit(data.train, data.truth[:, i])
        model.predict(data.train)
        model.predict(data.test)
        columns.append(model.feature_importances_)
    table = np.column_stack(columns) + 1e-11
    share = table / table.sum(axis=1, keepdims=True)
    entropy = -(share * np.log(share)).sum(axis=1) / np.log(len(SIZES))
    return float((1 - entropy) @ table.sum(axis=1) / table.sum())


def logistic(data: Data, labels: int) -> float:
    """Downstream accuracy of a cross-validated logistic regression."""
    scores = []
    for i in range(len(SIZES)):
        single = LogisticRegressionCV(Cs=10, cv=KFold(5), scoring="accuracy")
        model = OneVsRestClassifier(single).fit(data.train[:labels], data.truth[:labels, i])
        scores.append(model.score(data.test, data.wanted[:, i]))
    return float(np.mean(scores))


def boosted(data: Data, labels: int) -> float:
    """Downstream accuracy of boosted trees."""
    scores = []
    for i in range(len(SIZES)):
        model = GradientBoostingClassifier().fit(data.train[:labels], data.truth[:labels, i])
        scores.append(model.score(data.test, data.wanted[:, i]))
    return float(np.mean(scores))


def beta_vae(points: int) -> float:
    """BetaVAE score, a batch at a time."""
    rng = np.random.default_rng(0)
    rows, shared = [], []
    for _ in range(points + points // 2):
        factor = int(rng.integers(len(SIZES)))
        first, second = (rng.integers(0, SIZES, size=(64, len(SIZES))) for _ in range(2))
        second[:, factor] = first[:, factor]
        rows.append(np.abs(represent(first) - represent(second)).mean(axis=0))
        shared.append(factor)
    model = OneVsRestClassifier(LogisticRegression(solver="liblinear"))
    model.fit(rows[:points], shared[:points])
    return float(model.score(rows[points:], shared[points:]))


def factor_vae(points: int) -> float:
    """FactorVAE score, a batch at a time."""
    rng = np.random.default_rng(0)
    spread = represent(rng.integers(0, SIZES, size=(10_000, len(SIZES)))).var(axis=0, ddof=1)
    active = np.flatnonzero(np.sqrt(spread) >= 0.05)
    votes = np.zeros((2, len(SIZES), DIMS))
    for point in range(points + points // 2):
        factor = int(rng.integers(len(SIZES)))
        batch = rng.integers(0, SIZES, size=(64, len(SIZES)))
        batch[:, factor] = batch[0, factor]
        within = represent(batch)[:, active].var(axis=0, ddof=1)
        votes[int(point >= points), factor, active[np.argmin(within / spread[active])]] += 1
    owner = votes[0].argmax(axis=0)
    return float(votes[1][owner, np.arange(DIMS)].sum() / votes[1].sum())


def udr(models: list[Array]) -> float:
    """UDR of the first model, with Lassos."""
    standard = [(codes - codes.mean(axis=0)) / codes.std(axis=0) for codes in models]
    pairwise = np.zeros((len(models), len(models)))
    for i, first in enumerate(standard):
        for j, second in enumerate(standard):
            weights = [Lasso(alpha=0.1).fit(first, column).coef_ for column in second.T]
            table = np.abs(np.column_stack(weights))
            halves = [
                t.max(axis=0) ** 2 / np.maximum(t.sum(axis=0), 1e-300) for t in (table, table.T)
            ]
            pairwise[i, j] = np.mean([half.mean() for half in halves])
    return float(np.median(np.delete(pairwise[:, 0], 0)))
