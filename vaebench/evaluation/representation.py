"""The scores of a representation: disentanglement, its unsupervised kin, downstream tasks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vaebench import metrics
from vaebench.data import Dataset
from vaebench.errors import DataError
from vaebench.evaluation.encoder import Encoder
from vaebench.metrics.linear import Solver
from vaebench.metrics.suite import SAMPLE, SPLIT, UNSUPERVISED
from vaebench.outcome import Score
from vaebench.spec import JobSpec
from vaebench.training import numpy_generator, split

TEST_SHARE = 2
"""Classifiers are tested on the number of points they are trained on, divided by this."""

DOWNSTREAM_SIZES = (10, 100, 1_000, 10_000)
"""Labels that downstream classifiers are trained on, as far as there are points."""

NEED_FACTORS = (
    "mig",
    "beta_vae_score",
    "factor_vae_score",
    "modularity",
    "explicitness",
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness",
    "sap",
    "irs",
)
"""Scores that are NULL where a data set has no ground-truth factors."""


def representation_scores(
    spec: JobSpec, encoder: Encoder, indices: NDArray[np.int64]
) -> list[Score]:
    """Computes the scores of the representation.

    Args:
        spec: The job; its `scores` are `core`, or `all` with those that train classifiers on
            every latent and factor, of the mean and of the sampled representation.
        encoder: The trained model.
        indices: Examples for the scores of a fixed sample, int64 [N].
    """
    data, codes = encoder.data, encoder.codes(indices)
    n = len(indices)
    scores = [_defined("active_units", lambda: float(metrics.active_units(codes)), n)]
    scores += _unsupervised(codes)
    factors = data.factors(indices)
    if factors is None:
        note = "the data set has no ground-truth factors"
        scores += [Score(name, None, note=note) for name in NEED_FACTORS]
        labels = data.labels(indices)
        if labels is not None:
            scores.append(_defined("mig_label", lambda: metrics.mig(codes, labels[:, None]), n))
        return scores
    varying = factors[:, _varying(data)]
    scores.append(_defined("mig", lambda: metrics.mig(codes, varying), n))
    scores.append(_defined("modularity", lambda: metrics.modularity(codes, varying), n))
    scores.append(_defined("irs", lambda: metrics.irs(codes, varying), n))
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # What a user at a terminal can do nothing about: solvers that stop at their last iteration.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        scores += _drawn(spec, encoder, n)
        if spec.scores == "all":
            scores = _replaced(scores, _suite(spec, encoder, indices))
    return scores


def _defined(name: str, compute: Callable[[], float], points: int) -> Score:
    """Computes a score; where the data do not allow it, the reason stands in its place."""
    try:
        return Score(name, compute(), points)
    except DataError as error:
        return Score(name, None, points, note=str(error))


def _varying(data: Dataset) -> list[int]:
    """Returns the places of the factors that take more than one value."""
    return [place for place, size in enumerate(data.factor_sizes) if size > 1]


def _unsupervised(codes: NDArray[np.float32]) -> list[Score]:
    try:
        result = metrics.unsupervised(codes)
    except DataError as error:
        return [Score(name, None, len(codes), note=str(error)) for name in UNSUPERVISED]
    return [
        Score(name, getattr(result, name), len(codes), note=result.reasons.get(name))
        for name in UNSUPERVISED
    ]


def _drawn(spec: JobSpec, encoder: Encoder, num_variance: int) -> list[Score]:
    """Computes the scores of images drawn by their factors."""
    data = encoder.data
    if not data.has_grid:
        note = "the data set has no image for some values of its factors"
        return [Score(name, None, note=note) for name in ("beta_vae_score", "factor_vae_score")]
    size: dict[str, int] = {"num_train": spec.eval_size, "num_eval": spec.eval_size // TEST_SHARE}
    beta = metrics.beta_vae_details(
        encoder.represent,
        data.factor_sizes,
        rng=numpy_generator(spec.seed, "beta_vae_score"),
        solver=_solver(spec),
        **size,
    )
    factor = metrics.factor_vae_details(
        encoder.represent,
        data.factor_sizes,
        rng=numpy_generator(spec.seed, "factor_vae_score"),
        num_variance=num_variance,
        **size,
    )
    scores = []
    for name, result in (("beta_vae_score", beta), ("factor_vae_score", factor)):
        likely = metrics.accuracy_interval(result.hits)
        scores.append(Score(name, result.score, spec.eval_size, likely.low, likely.high))
    return scores


def _solver(spec: JobSpec) -> Solver:
    return "lbfgs" if spec.solver == "lbfgs" else "liblinear"


def _suite(spec: JobSpec, encoder: Encoder, indices: NDArray[np.int64]) -> list[Score]:
    """Computes every score of a fixed sample, of the mean and of the sampled representation."""
    data = encoder.data
    rng = numpy_generator(spec.seed, "suite")
    train = rng.permutation(indices)
    pool = np.setdiff1d(split(spec, data)[1], indices)
    size = len(indices) // TEST_SHARE
    if len(pool) < size:  # a small data set: what it is tested on comes out of the sample
        train, test = train[size:], train[:size]
    else:
        test = rng.choice(pool, size, replace=False)
    factors_train, factors_test = data.factors(train), data.factors(test)
    assert factors_train is not None
    assert factors_test is not None
    varying = _varying(data)
    truth, wanted = factors_train[:, varying], factors_test[:, varying]
    scores = []
    representations = [("", encoder.codes(train), encoder.codes(test))]
    if encoder.model.stochastic:
        drawn = encoder.sampled(train, rng), encoder.sampled(test, rng)
        representations.append(("sampled_", *drawn))
    for prefix, codes, others in representations:
        resampling = np.random.default_rng(0)
        sample, factors = codes, truth
        if len(train) < len(indices):
            sample, factors = np.concatenate([codes, others]), np.concatenate([truth, wanted])
        scores += _named(
            prefix,
            SAMPLE,
            len(sample),
            partial(metrics.score_sample, sample, factors, rng=resampling),
        )
        scores += _named(
            prefix,
            SPLIT,
            len(train),
            partial(
                metrics.score_split,
                codes,
                truth,
                others,
                wanted,
                solver=_solver(spec),
                dci_method="reference" if spec.dci == "reference" else "histogram",
                downstream_sizes=[count for count in DOWNSTREAM_SIZES if count <= len(train)],
                rng=resampling,
            ),
        )
    return scores


def _named(
    prefix: str, names: Sequence[str], points: int, compute: Callable[[], dict[str, metrics.Score]]
) -> list[Score]:
    """Computes scores; where the data do not allow them, the reason stands in their place."""
    try:
        found = compute()
    except DataError as error:
        found = dict.fromkeys(names, metrics.Score(None, str(error)))
    return [
        Score(prefix + name, score.value, points, score.low, score.high, score.reason)
        for name, score in found.items()
    ]


def _replaced(scores: list[Score], better: list[Score]) -> list[Score]:
    """Returns scores with those of the same name replaced where there is a value, each once."""
    found = {score.name: score for score in scores}
    for score in better:
        if score.value is not None or score.name not in found:
            found[score.name] = score
    return list(found.values())
