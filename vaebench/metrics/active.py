"""Active units: how many latent dimensions depend on the observation at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaebench.errors import DataError
from vaebench.metrics.metric import Metric
from vaebench.outcome import Score
from vaebench.records import Measure

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vaebench.metrics.points import Points


MEASURE = Measure(name="active_units", title="Active units", unit="latents", low=0.0, digits=1)


def active_mask(means: npt.ArrayLike, *, threshold: float = 0.01) -> npt.NDArray[np.bool_]:
    """Which dimensions are active; arguments and errors as `active_units`.

    Returns:
        bool [D].
    """
    import numpy as np

    from vaebench.metrics.inputs import check_codes

    checked = check_codes(means, "means").astype(np.float64)
    if len(checked) < 2:
        raise DataError("means has 1 row; a variance needs at least 2.")
    if not threshold >= 0:
        raise DataError(f"threshold is {threshold}; a variance of 0 or more is needed.")
    return np.asarray(checked.var(axis=0) > threshold)


def active_units(means: npt.ArrayLike, *, threshold: float = 0.01) -> int:
    r"""Number of active units of Burda et al. (2016).

    .. math:: A_u = \mathrm{Var}_x\left( \mathrm{E}_{u \sim q(u|x)}[u] \right) > \text{threshold}

    Args:
        means: Posterior means [N, D], one row per example.
        threshold: Variance over examples above which a dimension is active.

    Returns:
        How many of the D dimensions are active.

    Raises:
        DataError: Means that are not a finite matrix, fewer than two rows, a negative threshold.

    References:
        Importance Weighted Autoencoders, Y. Burda, R. Grosse, R. Salakhutdinov, 2016,
        https://arxiv.org/abs/1509.00519, section 5.2.
    """
    return int(active_mask(means, threshold=threshold).sum())


def _scores(points: Points) -> list[Score]:
    return [Score(MEASURE.name, float(active_units(points.codes)), len(points))]


ACTIVE_UNITS = Metric(measures=(MEASURE,), of_sample=_scores)
