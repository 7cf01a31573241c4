"""UDR: which of several models learnt what the others learnt too, without ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from vaebench.errors import DataError, unknown
from vaebench.metrics.metric import Metric
from vaebench.records import Measure

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from threadpoolctl import ThreadpoolController

    Matrix = npt.NDArray[np.float64]


MEASURE = Measure(
    name="udr",
    title="UDR",
    better="higher",
    low=0.0,
    high=1.0,
    needs="cell",
    tier="cell",
)
UDR = Metric(measures=(MEASURE,))

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
    import numpy as np
    from scipy.stats import rankdata

    if similarity not in SIMILARITIES:
        raise unknown("similarity", similarity, SIMILARITIES)
    if not penalty > 0:
        raise DataError(f"penalty is {penalty!r}; a number above 0 is needed.")
    models, informative = _check_models(codes, kl, kl_above)
    sizes = np.array([mask.sum() for mask in informative])
    # One thread, as their number changes the bits of sums.
    with _pools().limit(limits=1, user_api="blas"):
        alike = (
            _lasso(_side_by_side(models, informative), penalty)
            if similarity == "lasso"
            else _spearman(_side_by_side([rankdata(m, axis=0) for m in models], informative))
        )
    pairwise = relative_strength(alike, pooled=pooled, rows=sizes[:, None], columns=sizes)
    np.fill_diagonal(pairwise, 0.0)
    others = ~np.eye(len(models), dtype=bool)
    scores = [float(np.median(pairwise[others[:, i], i])) for i in range(len(models))]
    return UdrResult(np.asarray(scores), pairwise, tuple(informative))


@cache
def _pools() -> ThreadpoolController:
    """Finds the libraries that keep threads, which takes longer than a small cell."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _check_models(
    codes: Sequence[npt.ArrayLike], kl: Sequence[npt.ArrayLike] | None, kl_above: float
) -> tuple[list[Matrix], list[npt.NDArray[np.bool_]]]:
    import numpy as np

    from vaebench.metrics.inputs import as_array, check_codes, varying_dimensions

    if not isinstance(codes, Sequence | np.ndarray):
        raise DataError(f"codes is {codes!r}; a list of the models' codes is needed.")
    if len(codes) < 2:
        raise DataError(f"codes has {len(codes)} models; UDR compares models and needs 2 or more.")
    if kl is not None and len(kl) != len(codes):
        raise DataError(f"codes has {len(codes)} models and kl has {len(kl)}; one each is needed.")
    models = [check_codes(raw, f"codes[{i}]").astype(np.float64) for i, raw in enumerate(codes)]
    for i, values in enumerate(models):
        if len(values) != len(models[0]):
            raise DataError(
                f"codes[0] has {len(models[0])} rows and codes[{i}] has {len(values)}; "
                "all models must encode the same examples."
            )
    wide = np.concatenate(models, axis=1)
    ends = np.cumsum([values.shape[1] for values in models])[:-1]
    varying = varying_dimensions(wide)
    deviation = np.where(varying, wide.std(axis=0), 1.0)
    wide -= wide.mean(axis=0)
    wide /= np.where(deviation > 0, deviation, 1.0)
    informative = np.split(varying, ends)
    for i, mask in enumerate(informative if kl is not None else ()):
        assert kl is not None
        divergence = as_array(kl[i], f"kl[{i}]")
        if (
            divergence.dtype.kind not in "fiu"
            or divergence.shape != mask.shape
            or not np.isfinite(divergence).all()
        ):
            raise DataError(
                f"kl[{i}] has shape {divergence.shape}; {len(mask)} finite numbers, "
                "one per dimension, are needed."
            )
        mask &= divergence > kl_above
    return np.split(wide, ends, axis=1), informative


def _side_by_side(models: Sequence[Matrix], informative: Sequence[npt.NDArray[np.bool_]]) -> Matrix:
    """Puts the models' informative dimensions into one array [M, D, N], zeros elsewhere."""
    import numpy as np

    widest = max(model.shape[1] for model in models)
    table = np.zeros((len(models), widest, len(models[0])))
    for place, (model, mask) in enumerate(zip(models, informative, strict=True)):
        kept = model.T[mask]
        table[place, : len(kept)] = kept - kept.mean(axis=1, keepdims=True)
    return table


def _lasso(table: Matrix, penalty: float) -> Matrix:
    """Absolute weights from each model's dimensions to each other's [M, M, D, D]."""
    import numpy as np

    from vaebench.metrics.lasso import lasso

    count, width, points = table.shape
    flat = table.reshape(count * width, points)
    products = (flat @ flat.T).reshape(count, width, count * width)
    gram = np.stack([products[i, :, i * width : (i + 1) * width] for i in range(count)])
    squares = np.einsum("tn,tn->t", flat, flat)
    weights = lasso(gram, products, squares, penalty * points)
    return np.abs(weights).reshape(count, width, count, width).swapaxes(1, 2)


def _spearman(table: Matrix) -> Matrix:
    """Absolute correlations of ranks [M, M, D, D]."""
    import numpy as np

    count, width, points = table.shape
    flat = table.reshape(count * width, points)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    flat = flat / np.where(length > 0, length, 1.0)
    return np.abs(flat @ flat.T).reshape(count, width, count, width).swapaxes(1, 2)


def relative_strength(
    alike: Matrix,
    *,
    pooled: bool = False,
    rows: npt.ArrayLike | None = None,
    columns: npt.ArrayLike | None = None,
) -> Matrix:
    """Mean over rows and columns of the squared maximum over the sum.

    Args:
        alike: Absolute similarities [..., A, B].
        pooled: See `udr`.
        rows: How many rows count [...], where the rest are zeros; by default all of them.
        columns: How many columns count.

    Returns:
        1 for a permutation matrix, less when a dimension resembles several; 0 without rows or
        columns [...].
    """
    import numpy as np

    wide = np.maximum(alike.shape[-1] if columns is None else np.asarray(columns), 1)
    high = np.maximum(alike.shape[-2] if rows is None else np.asarray(rows), 1)
    sums = []
    for axis in (-2, -1):
        total = alike.sum(axis=axis)
        best = alike.max(axis=axis) ** 2
        sums.append(np.divide(best, total, out=np.zeros_like(best), where=total > 0).sum(axis=-1))
    if pooled:
        return np.asarray((sums[0] + sums[1]) / (wide + high))
    return np.asarray((sums[0] / wide + sums[1] / high) / 2)
