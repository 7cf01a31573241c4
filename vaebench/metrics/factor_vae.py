"""The FactorVAE score: does the dimension that stays still tell which factor was fixed?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaebench.metrics.metric import Metric
from vaebench.outcome import Score
from vaebench.records import Measure

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vaebench.metrics.inputs import FloatArray, IntArray
    from vaebench.metrics.points import Sampler
    from vaebench.metrics.sampling import Represent


MEASURE = Measure(
    name="factor_vae_score",
    title="FactorVAE score",
    short="FactorVAE",
    better="higher",
    low=0.0,
    high=1.0,
    needs="grid",
)


@dataclass(frozen=True)
class FactorVaeResult:
    """The FactorVAE score and what goes with it.

    Attributes:
        score: Accuracy on the evaluation points, from 0 to 1.
        train_accuracy: Accuracy on the training points.
        active: Which dimensions were not pruned, bool [D].
        votes: Training votes [F, D]: how often fixing a factor left a dimension stillest.
        hits: Which evaluation points were right, bool [num_eval].
    """

    score: float
    train_accuracy: float
    active: npt.NDArray[np.bool_]
    votes: IntArray
    hits: npt.NDArray[np.bool_]


def factor_vae_score(
    represent: Represent,
    factor_sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    batch_size: int = 64,
    num_variance: int = 10_000,
    prune_below: float = 0.05,
) -> float:
    r"""FactorVAE score of Kim & Mnih (2018), with the sizes of Locatello et al. (2019).

    One point fixes one factor in `batch_size` images and takes the dimension whose variance over
    them, as a share of its variance over all images, is least:

    .. math:: d^* = \mathrm{argmin}_d \; \mathrm{Var}_l(z_{l,d}) / \mathrm{Var}(z_d)

    A majority vote then maps dimensions to factors. Both variances have ddof 1. Dimensions whose
    standard deviation over all images is under `prune_below` do not stand for election; with all
    of them pruned the score is 0. Factors of one value are drawn but never fixed. All factors
    are drawn first and encoded in one call of `represent` with num_variance + batch_size ·
    (num_train + num_eval) rows, 970,000 by default, many of them alike.

    Args:
        represent: Encodes the images of given factors, int64 [N, F] -> float [N, D].
        factor_sizes: Number of values of each factor [F].
        rng: Source of randomness.
        num_train: Points that vote.
        num_eval: Points that the vote is judged on.
        batch_size: Images per point.
        num_variance: Images from which the global variances are estimated.
        prune_below: Least global standard deviation of a dimension that takes part.

    Returns:
        Accuracy on the evaluation points, from 0 to 1.

    Raises:
        DataError: Sizes that are not positive, no factor that varies, or codes that are not
            finite or not one row per row of factors.

    References:
        Disentangling by Factorising, H. Kim, A. Mnih, 2018, https://arxiv.org/abs/1802.05983,
        section 4 and appendix B.
    """
    return factor_vae_details(
        represent,
        factor_sizes,
        rng=rng,
        num_train=num_train,
        num_eval=num_eval,
        batch_size=batch_size,
        num_variance=num_variance,
        prune_below=prune_below,
    ).score


def factor_vae_details(
    represent: Represent,
    factor_sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    batch_size: int = 64,
    num_variance: int = 10_000,
    prune_below: float = 0.05,
) -> FactorVaeResult:
    """The FactorVAE score with its parts; arguments and errors as `factor_vae_score`."""
    import numpy as np

    from vaebench.metrics.inputs import (
        check_factor_sizes,
        check_generator,
        check_size,
        varying_dimensions,
    )
    from vaebench.metrics.sampling import draw_factors, draw_fixed, encode

    sizes = check_factor_sizes(factor_sizes)
    num_train = check_size(num_train, "num_train")
    points = num_train + check_size(num_eval, "num_eval")
    batch_size = check_size(batch_size, "batch_size", least=2)
    num_variance = check_size(num_variance, "num_variance", least=2)
    anywhere = draw_factors(sizes, num_variance, check_generator(rng))
    fixed = draw_fixed(sizes, points, rng)
    groups = draw_groups(sizes, fixed, batch_size, rng)
    codes = encode(represent, np.concatenate([anywhere, groups]))
    spread = codes[:num_variance].var(axis=0, ddof=1, dtype=np.float64)
    spread[~varying_dimensions(codes[:num_variance])] = 0
    within = group_variances(codes[num_variance:], points, batch_size)
    return factor_vae_from_variances(
        within, spread, fixed, num_train, len(sizes), prune_below=prune_below
    )


def draw_groups(
    sizes: IntArray, fixed: IntArray, batch_size: int, rng: np.random.Generator
) -> IntArray:
    """Draws the factors of `batch_size` images per point that agree in one factor.

    Args:
        sizes: Number of values of each factor [F].
        fixed: Which factor each point fixes [P].
        batch_size: Images per point (L).
        rng: Source of randomness.

    Returns:
        int64 [P · L, F]; reshaped to [P, L, F] the first axis is the point.
    """
    import numpy as np

    from vaebench.metrics.sampling import draw_factors

    points = len(fixed)
    drawn = draw_factors(sizes, points * batch_size, rng)
    groups = drawn.reshape(points, batch_size, len(sizes))
    rows = np.arange(points)
    groups[rows, :, fixed] = groups[rows, 0, fixed][:, None]
    return drawn


def group_variances(codes: FloatArray, points: int, batch_size: int) -> npt.NDArray[np.float64]:
    """Variance of every dimension within each point's images, ddof 1.

    Args:
        codes: Codes [P · L, D] of what `draw_groups` drew.
        points: Number of points (P).
        batch_size: Images per point (L).

    Returns:
        float64 [P, D].
    """
    import numpy as np

    grouped = codes.reshape(points, batch_size, codes.shape[1])
    return np.asarray(grouped.var(axis=1, ddof=1, dtype=np.float64))


def factor_vae_from_variances(
    within: npt.NDArray[np.float64],
    spread: npt.NDArray[np.float64],
    fixed: IntArray,
    num_train: int,
    num_factors: int,
    *,
    prune_below: float = 0.05,
) -> FactorVaeResult:
    """Holds the vote on variances that are known already.

    Args:
        within: Variances within each point's images [P, D].
        spread: Variances over all images [D].
        fixed: Which factor each point fixes [P].
        num_train: The first so many points vote, the rest judge.
        num_factors: Number of factors (F).
        prune_below: See `factor_vae_score`.

    Returns:
        The score with its parts.
    """
    import numpy as np

    active = np.sqrt(spread) >= prune_below
    active &= spread > 0
    votes = np.zeros((num_factors, len(spread)), dtype=np.int64)
    if not active.any():
        hits = np.zeros(len(fixed), dtype=bool)
    else:
        ratio = np.full(within.shape, np.inf)
        ratio[:, active] = within[:, active] / spread[active]
        stillest = ratio.argmin(axis=1)
        np.add.at(votes, (fixed[:num_train], stillest[:num_train]), 1)
        hits = votes.argmax(axis=0)[stillest] == fixed
    return FactorVaeResult(
        score=float(hits[num_train:].mean()),
        train_accuracy=float(hits[:num_train].mean()),
        active=np.asarray(active),
        votes=votes,
        hits=np.asarray(hits[num_train:]),
    )


def _scores(sampler: Sampler) -> list[Score]:
    found = factor_vae_details(
        sampler.represent,
        sampler.factor_sizes,
        rng=sampler.rng(MEASURE.name),
        num_train=sampler.num_train,
        num_eval=sampler.num_eval,
        num_variance=sampler.num_variance,
    )
    return [sampler.accuracy(MEASURE, found.score, found.hits)]


FACTOR_VAE = Metric(measures=(MEASURE,), drawn=_scores)
