"""Unsupervised scores: how dependent the dimensions of a representation are on each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaebench.errors import DataError
from vaebench.metrics.metric import Metric
from vaebench.outcome import Score
from vaebench.records import Measure

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vaebench.metrics.information import Weights
    from vaebench.metrics.inputs import FloatArray
    from vaebench.metrics.points import Points

    Matrix = npt.NDArray[np.float64]


MEASURES = (
    Measure(name="gaussian_total_correlation", title="Gaussian TC", unit="nats", low=0.0),
    Measure(name="gaussian_wasserstein", title="Wasserstein corr.", low=0.0),
    Measure(name="gaussian_wasserstein_normalised", title="Wasserstein corr. (norm.)", low=0.0),
    Measure(name="mutual_information", title="Pairwise MI", unit="nats", low=0.0),
)


@dataclass(frozen=True)
class UnsupervisedResult:
    """Scores that need no ground truth. One that has no finite value is None, with the reason.

    Attributes:
        gaussian_total_correlation: Of a Gaussian with the codes' covariance, in nats.
        gaussian_wasserstein: Squared 2-Wasserstein distance from that Gaussian to the one with
            independent dimensions, in squared units of the codes.
        gaussian_wasserstein_normalised: The same over the codes' total variance, from 0 to 2.
        mutual_information: Mean over pairs of different binned dimensions, in nats.
        notes: Field name -> why it is None.
    """

    gaussian_total_correlation: float | None
    gaussian_wasserstein: float | None
    gaussian_wasserstein_normalised: float | None
    mutual_information: float | None
    notes: Mapping[str, str]


def unsupervised(codes: npt.ArrayLike, *, bins: int = 20) -> UnsupervisedResult:
    r"""Gaussian total correlation, Wasserstein correlation and pairwise mutual information.

    .. math:: TC = \tfrac12 \left( \sum_d \log \Sigma_{dd} - \log \det \Sigma \right)

    .. math:: W = 2 \, \mathrm{tr}\, \Sigma -
        2 \, \mathrm{tr} \left( \Delta^{1/2} \Sigma \Delta^{1/2} \right)^{1/2}, \quad
        \Delta = \mathrm{diag}\, \Sigma

    Exactly constant dimensions depend on nothing and add 0 to the first two, where the published
    implementation gives NaN. When one dimension is a linear function of others, the total
    correlation is infinite: it is None, and `notes` says so.

    Args:
        codes: Numbers [N, D], one row per example, N of 2 or more.
        bins: Equal-width bins per dimension for the mutual information.

    Returns:
        The scores. The normalised distance is None when every dimension is constant, the mutual
        information when there is one dimension.

    Raises:
        DataError: Codes that are not finite, or fewer points than bins.

    References:
        Challenging Common Assumptions in the Unsupervised Learning of Disentangled
        Representations, F. Locatello et al., 2019, https://arxiv.org/abs/1811.12359, section 5.3
        and appendix C.

        The Distance between Two Random Vectors with Given Dispersion Matrices, I. Olkin,
        F. Pukelsheim, 1982, https://doi.org/10.1016/0024-3795(82)90112-4 (the distance between
        Gaussians).
    """
    from vaebench.metrics.information import different_pairs, discretise
    from vaebench.metrics.inputs import check_bins, check_codes

    checked = check_codes(codes)
    binned = discretise(checked, check_bins(bins, len(checked)))
    pairs = different_pairs(binned) if checked.shape[1] > 1 else None
    return unsupervised_from_parts(
        covariance(checked),
        None if pairs is None else float(pairs.information().mean()),
        rounding_of(checked),
    )


def rounding_of(codes: FloatArray) -> float:
    """Share of a dimension's variance that rounding alone may add: the type's precision squared."""
    import numpy as np

    return max(float(np.finfo(codes.dtype).eps) ** 2, float(np.finfo(np.float64).eps))


def covariance(codes: FloatArray) -> Matrix:
    """Covariance of the dimensions, ddof 1, with exact zeros for constant ones.

    Args:
        codes: Numbers [N, D], N of 2 or more.

    Returns:
        [D, D].
    """
    import numpy as np

    from vaebench.metrics.inputs import varying_dimensions

    if len(codes) < 2:
        raise DataError("codes has 1 row; a covariance needs at least 2.")
    sigma = np.atleast_2d(np.cov(codes.T.astype(np.float64), ddof=1))
    return without(sigma, ~varying_dimensions(codes))


def without(sigma: Matrix, constant: npt.NDArray[np.bool_]) -> Matrix:
    """A covariance with zeros where a dimension is constant [D]."""
    import numpy as np

    kept = np.where(constant, 0.0, 1.0)
    return np.asarray(sigma * np.outer(kept, kept))


def weighted_covariance(codes: Matrix, weights: Weights) -> Matrix:
    """Covariance of repeated rows, ddof 1, for resamples.

    Args:
        codes: float64 [N, D].
        weights: How often each row counts, whole numbers [N].

    Returns:
        [D, D], with exact zeros for dimensions that are constant in what was drawn.
    """
    import numpy as np

    count = weights.sum()
    centred = codes - weights @ codes / count
    sigma = (centred * weights[:, None]).T @ centred / (count - 1)
    rounding = 4 * np.finfo(np.float64).eps * np.abs(codes).max(axis=0)
    return without(sigma, np.diag(sigma) <= rounding**2)


def unsupervised_from_parts(
    sigma: Matrix, information: float | None, rounding: float
) -> UnsupervisedResult:
    """The scores of a covariance and a mutual information.

    Args:
        sigma: Covariance [D, D].
        information: Mean over pairs of dimensions, in nats; None if there is no pair.
        rounding: Share of a variance below which an eigenvalue counts as 0.

    Returns:
        The scores.
    """
    import numpy as np

    notes: dict[str, str] = {}
    total = gaussian_total_correlation(sigma, rounding)
    if total is None:
        notes["gaussian_total_correlation"] = (
            "infinite: a dimension is a linear function of others (singular covariance)"
        )
    distance = gaussian_wasserstein(sigma)
    variance = float(np.trace(sigma))
    normalised = distance / variance if variance > 0 else None
    if normalised is None:
        notes["gaussian_wasserstein_normalised"] = "every dimension is constant"
    if information is None:
        notes["mutual_information"] = "there is one dimension, so no pair"
    return UnsupervisedResult(total, distance, normalised, information, notes)


def gaussian_total_correlation(sigma: Matrix, rounding: float = 2.3e-16) -> float | None:
    """Total correlation of a Gaussian, in nats; None where it is infinite.

    Args:
        sigma: Covariance [D, D]; dimensions of variance 0 are left out.
        rounding: Share of a variance below which an eigenvalue counts as 0.
    """
    import numpy as np

    deviations = np.sqrt(np.diag(sigma))
    alive = deviations > 0
    if alive.sum() < 2:
        return 0.0
    scale, kept = deviations[alive], sigma[np.ix_(alive, alive)]
    # Of the correlation matrix, whose rank does not depend on the dimensions' scales.
    eigenvalues = np.linalg.eigvalsh(kept / np.outer(scale, scale))
    if eigenvalues[0] <= len(scale) * rounding * eigenvalues[-1]:
        return None
    marginal = float(np.log(np.diag(kept)).sum())
    return max(0.0, 0.5 * (marginal - float(np.linalg.slogdet(kept)[1])))


def gaussian_wasserstein(sigma: Matrix) -> float:
    """Squared 2-Wasserstein distance from a Gaussian to its independent counterpart.

    Args:
        sigma: Covariance [D, D].
    """
    import numpy as np

    deviations = np.sqrt(np.diag(sigma))
    eigenvalues = np.linalg.eigvalsh(sigma * np.outer(deviations, deviations))
    root = float(np.sqrt(np.maximum(eigenvalues, 0)).sum())
    return max(0.0, 2 * float(np.trace(sigma)) - 2 * root)


def _scores(points: Points, weights: Weights | None) -> list[Score]:
    information = points.information_of_pairs(weights)
    sigma = (
        covariance(points.codes)
        if weights is None
        else weighted_covariance(points.codes64, weights)
    )
    found = unsupervised_from_parts(sigma, information, rounding_of(points.codes))
    return [
        Score(one.name, getattr(found, one.name), len(points), note=found.notes.get(one.name))
        for one in MEASURES
    ]


UNSUPERVISED = Metric(measures=MEASURES, resampled=_scores)
