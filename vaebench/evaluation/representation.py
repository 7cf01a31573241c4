"""The scores of a representation: disentanglement, its unsupervised kin, downstream tasks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vaebench import metrics
from vaebench.data import Dataset
from vaebench.errors import DataError
from vaebench.evaluation.encoder import Encoder
from vaebench.metrics.dci import dci_from_fits
from vaebench.metrics.downstream import SIZES
from vaebench.metrics.linear import Solver
from vaebench.metrics.points import Points, Sampler, Split
from vaebench.outcome import Score
from vaebench.spec import JobSpec
from vaebench.training import numpy_generator, split

OnImportances = Callable[[NDArray[np.float64]], object]
"""Takes DCI's importances, of each latent for each factor that varies [D, F]."""

TEST_SHARE = 2
"""Classifiers are tested on the number of points they are trained on, divided by this."""


def representation_scores(
    spec: JobSpec,
    encoder: Encoder,
    indices: NDArray[np.int64],
    on_importances: OnImportances = lambda importances: None,
) -> list[Score]:
    """Computes the scores of the representation.

    Args:
        spec: The job; its `scores` are `core`, or `all` with those that train classifiers on
            every latent and factor, of the mean and of the sampled representation.
        encoder: The trained model.
        indices: Examples for the scores of a fixed sample, int64 [N].
        on_importances: Is given DCI's importances of the mean representation, where it is scored.
    """
    from sklearn.exceptions import ConvergenceWarning

    encoder.codes(indices)  # first, as what shares a batch with an image is part of its bits
    if encoder.data.factors(indices) is None:
        return _without_factors(encoder, indices)
    with warnings.catch_warnings():
        # What a user at a terminal can do nothing about: solvers that stop at their last iteration.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        drawn = _drawn(spec, encoder, len(indices))
        if spec.scores == "all":
            return drawn + _all(spec, encoder, indices, on_importances)
        return drawn + _core(encoder, indices)


def _without_factors(encoder: Encoder, indices: NDArray[np.int64]) -> list[Score]:
    """Computes the scores that need no ground-truth factors."""
    labels = encoder.data.labels(indices)
    points = Points(encoder.codes(indices), labels=labels)
    note = "the data set has no ground-truth factors"
    lacking = [
        Score(measure.name, None, note=note)
        for measure in metrics.all_measures()
        if measure.needs in {"factors", "grid"} and measure.column
    ]
    return [*metrics.score_points(points).values(), *lacking]


def _core(encoder: Encoder, indices: NDArray[np.int64]) -> list[Score]:
    """Computes the scores of a fixed sample, without intervals."""
    factors = _varying(encoder.data, indices)
    return [*metrics.score_points(Points(encoder.codes(indices), factors)).values()]


def _varying(data: Dataset, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the factors of examples [N, F], without those of one value."""
    factors = data.factors(indices)
    assert factors is not None
    return factors[:, [place for place, size in enumerate(data.factor_sizes) if size > 1]]


def _drawn(spec: JobSpec, encoder: Encoder, num_variance: int) -> list[Score]:
    """Computes the scores of images drawn by their factors."""
    data = encoder.data
    if not data.has_grid:
        note = "the data set has no image for some values of its factors"
        return [
            Score(measure.name, None, note=note)
            for measure in metrics.all_measures()
            if measure.needs == "grid"
        ]
    sampler = Sampler(
        represent=encoder.represent,
        factor_sizes=data.factor_sizes,
        rng=partial(numpy_generator, spec.seed),
        num_train=spec.eval_size,
        num_eval=spec.eval_size // TEST_SHARE,
        num_variance=num_variance,
        solver=_solver(spec),
    )
    return [*metrics.score_drawn(sampler).values()]


def _solver(spec: JobSpec) -> Solver:
    return "lbfgs" if spec.solver == "lbfgs" else "liblinear"


def _all(
    spec: JobSpec,
    encoder: Encoder,
    indices: NDArray[np.int64],
    on_importances: OnImportances,
) -> list[Score]:
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
    truth, wanted = _varying(data, train), _varying(data, test)
    representations = [("", encoder.codes(train), encoder.codes(test))]
    if encoder.model.stochastic:
        drawn = encoder.sampled(train, rng), encoder.sampled(test, rng)
        representations.append((metrics.SAMPLED, *drawn))
    scores = []
    for prefix, codes, others in representations:
        resampling = np.random.default_rng(0)
        whole = len(train) == len(indices)
        sample = codes if whole else np.concatenate([codes, others])
        factors = truth if whole else np.concatenate([truth, wanted])
        try:
            found = [*metrics.score_sample(sample, factors, rng=resampling).values()]
        except DataError as error:  # a factor that has one value in the sample
            found = _core(encoder, indices)
            if prefix:
                found = [replace(score, value=None, note=str(error)) for score in found]
        try:
            split_points = Split(
                codes,
                truth,
                others,
                wanted,
                solver=_solver(spec),
                method="reference" if spec.dci == "reference" else "histogram",
                sizes=[count for count in SIZES if count <= len(train)],
                rng=resampling,
            )
            found += metrics.score_learnt(split_points).values()
            if not prefix:
                on_importances(dci_from_fits(split_points.trees).importances)
        except DataError as error:
            found += [
                Score(measure.name, None, len(train), note=str(error))
                for metric in metrics.all_metrics()
                if metric.of_split is not None
                for measure in metric.measures
            ]
        scores += [replace(score, name=prefix + score.name) for score in found]
    return scores
