"""The BetaVAE score: can a linear classifier tell which factor two images share?"""

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
    from vaebench.metrics.linear import Solver
    from vaebench.metrics.points import Sampler
    from vaebench.metrics.sampling import Represent


MEASURE = Measure(
    name="beta_vae_score",
    title="BetaVAE score",
    short="BetaVAE",
    better="higher",
    low=0.0,
    high=1.0,
    needs="grid",
)


@dataclass(frozen=True)
class BetaVaeResult:
    """The BetaVAE score and what goes with it.

    Attributes:
        score: Accuracy on the evaluation points, from 0 to 1.
        train_accuracy: Accuracy on the training points.
        hits: Which evaluation points were right, bool [num_eval].
    """

    score: float
    train_accuracy: float
    hits: npt.NDArray[np.bool_]


def beta_vae_score(
    represent: Represent,
    factor_sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    batch_size: int = 64,
    solver: Solver = "liblinear",
) -> float:
    r"""BetaVAE score of Higgins et al. (2017), with the sizes of Locatello et al. (2019).

    One point is the mean absolute difference of the codes of `batch_size` pairs of images that
    share the value of one factor; a logistic regression is to say which factor.

    .. math:: z_{diff} = \frac{1}{L} \sum_{l=1}^{L} |z_{1,l} - z_{2,l}|

    Factors of one value are drawn but never shared. Constant codes give the share of the factor
    guessed most. All factors are drawn first and encoded in one call of `represent` with
    2 · batch_size · (num_train + num_eval) rows, 1.92 million by default, many of them alike.

    Args:
        represent: Encodes the images of given factors, int64 [N, F] -> float [N, D].
        factor_sizes: Number of values of each factor [F].
        rng: Source of randomness.
        num_train: Points that the classifier learns from.
        num_eval: Points that it is judged on.
        batch_size: Pairs per point (L).
        solver: `liblinear`, one-vs-rest, is the study's (scikit-learn 0.20's default);
            `lbfgs`, multinomial, is today's.

    Returns:
        Accuracy on the evaluation points, from 0 to 1.

    Raises:
        DataError: Sizes that are not positive, no factor that varies, or codes that are not
            finite or not one row per row of factors.

    References:
        beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework,
        I. Higgins et al., 2017, https://openreview.net/forum?id=Sy2fzU9gl, section 3.
    """
    return beta_vae_details(
        represent,
        factor_sizes,
        rng=rng,
        num_train=num_train,
        num_eval=num_eval,
        batch_size=batch_size,
        solver=solver,
    ).score


def beta_vae_details(
    represent: Represent,
    factor_sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    batch_size: int = 64,
    solver: Solver = "liblinear",
) -> BetaVaeResult:
    """The BetaVAE score with its parts; arguments and errors as `beta_vae_score`."""
    from vaebench.metrics.inputs import check_factor_sizes, check_generator, check_size
    from vaebench.metrics.sampling import draw_fixed, encode

    sizes = check_factor_sizes(factor_sizes)
    num_train = check_size(num_train, "num_train")
    points = num_train + check_size(num_eval, "num_eval")
    batch_size = check_size(batch_size, "batch_size")
    shared = draw_fixed(sizes, points, check_generator(rng))
    factors = draw_pairs(sizes, shared, batch_size, rng)
    differences = mean_differences(encode(represent, factors), points, batch_size)
    return beta_vae_from_points(differences, shared, num_train, solver=solver)


def draw_pairs(
    sizes: IntArray, shared: IntArray, batch_size: int, rng: np.random.Generator
) -> IntArray:
    """Draws the factors of `batch_size` pairs per point, each pair sharing one factor.

    Args:
        sizes: Number of values of each factor [F].
        shared: Which factor each point shares [P].
        batch_size: Pairs per point (L).
        rng: Source of randomness.

    Returns:
        int64 [2 · P · L, F]; reshaped to [2, P, L, F] the first axis is the pair.
    """
    import numpy as np

    from vaebench.metrics.sampling import draw_factors

    points, factors = len(shared), len(sizes)
    drawn = draw_factors(sizes, 2 * points * batch_size, rng)
    pairs = drawn.reshape(2, points, batch_size, factors)
    rows = np.arange(points)
    pairs[1, rows, :, shared] = pairs[0, rows, :, shared]
    return drawn


def mean_differences(codes: FloatArray, points: int, batch_size: int) -> npt.NDArray[np.float64]:
    """Mean absolute difference of each point's pairs.

    Args:
        codes: Codes [2 · P · L, D] of what `draw_pairs` drew.
        points: Number of points (P).
        batch_size: Pairs per point (L).

    Returns:
        float64 [P, D].
    """
    import numpy as np

    wide = codes.astype(np.result_type(codes, np.float32), copy=False)  # float16 would overflow.
    pairs = wide.reshape(2, points, batch_size, codes.shape[1])
    return np.asarray(np.abs(pairs[0] - pairs[1]).mean(axis=1, dtype=np.float64))


def beta_vae_from_points(
    differences: npt.NDArray[np.float64],
    shared: IntArray,
    num_train: int,
    *,
    solver: Solver = "liblinear",
) -> BetaVaeResult:
    """Trains and judges the classifier on points that are made already.

    Args:
        differences: Mean absolute differences [P, D].
        shared: Which factor each point shares [P].
        num_train: The first so many points are for training, the rest for judging.
        solver: See `beta_vae_score`.

    Returns:
        The score with its parts.
    """
    import numpy as np

    from vaebench.metrics.linear import logistic_regression

    model = logistic_regression(differences[:num_train], shared[:num_train], solver=solver)
    hits = model.predict(differences) == shared
    return BetaVaeResult(
        score=float(hits[num_train:].mean()),
        train_accuracy=float(hits[:num_train].mean()),
        hits=np.asarray(hits[num_train:]),
    )


def _scores(sampler: Sampler) -> list[Score]:
    found = beta_vae_details(
        sampler.represent,
        sampler.factor_sizes,
        rng=sampler.rng(MEASURE.name),
        num_train=sampler.num_train,
        num_eval=sampler.num_eval,
        solver=sampler.solver,
    )
    return [sampler.accuracy(MEASURE, found.score, found.hits)]


BETA_VAE = Metric(measures=(MEASURE,), drawn=_scores)
