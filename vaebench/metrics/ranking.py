"""UDR: which of several models learnt what the others learnt too, without ground truth."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from vaebench.errors import DataError, unknown
from vaebench.metrics.inputs import as_array, check_codes, varying_dimensions

Matrix = npt.NDArray[np.float64]
Similarity = Literal["lasso", "spearman"]
SIMILARITIES: tuple[Similarity, ...] = ("lasso", "spearman")


@dataclass(frozen=True)
class UdrResult:
    """UDR of every model and what it was computed from.

    Attributes:
        scores: Per model [M], the median over the other models, from 0 to 1 or a little more.
        pairwise: How alike two models are [M, M], row predicting column; 0 on the diagonal.
        informative: Per model, which dimensions took part, bool [D].
    """

    scores: Matrix
    pairwise: Matrix
    informative: tuple[npt.NDArray[np.bool_], ...]


def udr(
    codes: Sequence[npt.ArrayLike],
    kl: Sequence[npt.ArrayLike] | None = None,
    *,
    similarity: Similarity = "lasso",
    kl_above: float = 0.01,
    penalty: float = 0.1,
    pooled: bool = False,
) -> UdrResult:
    r"""Unsupervised disentanglement ranking of Duan et al. (2020).

    Models of one cell (the same objective and strength, other seeds) that disentangle agree up to
    the order and sign of their dimensions. With R the absolute similarities of two models'
    informative dimensions,

    .. math:: UDR_{ij} = \frac12 \left( \frac1{|b|} \sum_b \frac{\max_a R_{ab}^2}{\sum_a R_{ab}} +
        \frac1{|a|} \sum_a \frac{\max_b R_{ab}^2}{\sum_b R_{ab}} \right)

    and a model's score is the median over the others. Codes are brought to mean 0 and standard
    deviation 1 first. A dimension without similarity to any other adds 0.

    Args:
        codes: Per model, the codes [N, D] of the same N examples (1,000 in the paper's code).
        kl: Per model, the mean KL of each dimension to the prior, in nats [D]. Dimensions at or
            below `kl_above` are left out. By default every dimension that varies takes part.
        similarity: `lasso`: absolute weights of a Lasso from one model's codes to the other's.
            `spearman`: absolute rank correlation.
        kl_above: Least KL of an informative dimension, in nats.
        penalty: The Lasso's alpha.
        pooled: Whether rows and columns are averaged together, as in the paper's formula with its
            1 / (d_a + d_b), instead of each apart, as in the published code. The two differ when
            the models have unlike numbers of informative dimensions.

    Returns:
        The scores. A model without informative dimensions scores 0.

    Raises:
        DataError: Fewer than two models, codes that are not finite or not of the same examples,
            or KLs that do not match them.
        UsageError: An unknown similarity.

    References:
        Unsupervised Model Selection for Variational Disentangled Representation Learning,
        S. Duan, L. Matthey, A. Saraiva, N. Watters, C. P. Burgess, A. Lerchner, I. Higgins, 2020,
        https://arxiv.org/abs/1905.12614, section 4.
    """
    if similarity not in SIMILARITIES:
        raise unknown("similarity", similarity, SIMILARITIES)
    if not penalty > 0:
        raise DataError(f"penalty is {penalty!r}; a number above 0 is needed.")
    models, informative = _check_models(codes, kl, kl_above)
    kept = [model[:, mask] for model, mask in zip(models, informative, strict=True)]
    count = len(kept)
    pairwise = np.zeros((count, count))
    for i in range(count):
        for j in range(count):
            if i != j and informative[i].any() and informative[j].any():
                alike = (
                    _lasso(models[i], informative[i], kept[j], penalty)
                    if similarity == "lasso"
                    else _spearman(kept[i], kept[j])
                )
                pairwise[i, j] = relative_strength(alike, pooled=pooled)
    others = ~np.eye(count, dtype=bool)
    scores = [float(np.median(pairwise[others[:, i], i])) for i in range(count)]
    return UdrResult(np.asarray(scores), pairwise, tuple(informative))


def _check_models(
    codes: Sequence[npt.ArrayLike], kl: Sequence[npt.ArrayLike] | None, kl_above: float
) -> tuple[list[Matrix], list[npt.NDArray[np.bool_]]]:
    if not isinstance(codes, Sequence | np.ndarray):
        raise DataError(f"codes is {codes!r}; a list of the models' codes is needed.")
    if len(codes) < 2:
        raise DataError(f"codes has {len(codes)} models; UDR compares models and needs 2 or more.")
    if kl is not None and len(kl) != len(codes):
        raise DataError(f"codes has {len(codes)} models and kl has {len(kl)}; one each is needed.")
    models: list[Matrix] = []
    informative: list[npt.NDArray[np.bool_]] = []
    for i, raw in enumerate(codes):
        values = check_codes(raw, f"codes[{i}]").astype(np.float64)
        if i and len(values) != len(models[0]):
            raise DataError(
                f"codes[0] has {len(models[0])} rows and codes[{i}] has {len(values)}; "
                "all models must encode the same examples."
            )
        varying = varying_dimensions(values)
        mask = varying
        if kl is not None:
            divergence = as_array(kl[i], f"kl[{i}]")
            if (
                divergence.dtype.kind not in "fiu"
                or divergence.shape != (values.shape[1],)
                or not np.isfinite(divergence).all()
            ):
                raise DataError(
                    f"kl[{i}] has shape {divergence.shape}; {values.shape[1]} finite numbers, "
                    "one per dimension, are needed."
                )
            mask = varying & (divergence > kl_above)
        deviation = np.where(varying, values.std(axis=0), 1.0)
        models.append((values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0))
        informative.append(mask)
    return models, informative


def _lasso(source: Matrix, mask: npt.NDArray[np.bool_], target: Matrix, penalty: float) -> Matrix:
    """Absolute weights from the informative source dimensions to the target's [A, B]."""
    model = Lasso(alpha=penalty)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # The published code has these limits.
        model.fit(source[:, mask], target)
    return np.asarray(np.abs(np.atleast_2d(model.coef_)).T)


def _spearman(source: Matrix, target: Matrix) -> Matrix:
    """Absolute rank correlations [A, B]."""
    first, second = rankdata(source, axis=0), rankdata(target, axis=0)
    table = np.corrcoef(first, second, rowvar=False)
    return np.asarray(np.abs(table[: source.shape[1], source.shape[1] :]))


def relative_strength(alike: Matrix, *, pooled: bool = False) -> float:
    """Mean over rows and columns of the squared maximum over the sum.

    Args:
        alike: Absolute similarities [A, B].
        pooled: See `udr`.

    Returns:
        1 for a permutation matrix, less when a dimension resembles several.
    """
    halves = []
    for axis in (0, 1):
        total = alike.sum(axis=axis)
        best = alike.max(axis=axis) ** 2
        halves.append(np.divide(best, total, out=np.zeros_like(best), where=total > 0))
    if pooled:
        return float(np.concatenate(halves).mean())
    return float(np.mean([half.mean() for half in halves]))
