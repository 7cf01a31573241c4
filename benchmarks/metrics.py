"""Times each metric beside a plain scikit-learn or NumPy version, in turns in one run.

    python benchmarks/metrics.py                       10,000 training points, some minutes
    python benchmarks/metrics.py --points 2000         a quick look
    python benchmarks/metrics.py --all                 DCI and boosted trees beside scikit-learn too

Both versions of a metric get the same arrays and run after one another, `--rounds` times; the
table shows medians of process time on one thread and how far the scores lie apart. The plain
versions are in `metrics_plain.py`. Random draws differ between the versions of the BetaVAE and
FactorVAE scores, ties and bins between those of boosted trees.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy reads them

import metrics_plain as plain  # noqa: E402
import numpy as np  # noqa: E402
from metrics_plain import DIMS, SIZES, Data, represent  # noqa: E402

from vaebench import metrics  # noqa: E402

SUITE_SECONDS = 20

Case = tuple[str, Callable[[], float], Callable[[], float], bool]


def cases(data: Data) -> list[Case]:
    """Name, ours, plain, and whether the plain version takes minutes."""
    points = len(data.train)
    small = {"num_train": points, "num_eval": points // 2}
    rng = np.random.default_rng
    models = [represent(data.truth[:1_000]) for _ in range(6)]

    def downstream(predictor: str, labels: int) -> Callable[[], float]:
        def ours() -> float:
            found = metrics.downstream(*data.split, predictor=predictor, sizes=(labels,))
            return found.test_accuracy[labels] or 0.0

        return ours

    some = min(1_000, points)  # labels at which the plain logistic regression takes seconds
    return [
        ("mig", lambda: metrics.mig(data.train, data.truth), lambda: plain.mig(data), False),
        (
            "modularity",
            lambda: metrics.modularity(data.train, data.truth),
            lambda: plain.modularity(data),
            False,
        ),
        ("irs", lambda: metrics.irs(data.train, data.truth), lambda: plain.irs(data), False),
        (
            "unsupervised",
            lambda: metrics.unsupervised(data.train).gaussian_total_correlation or 0.0,
            lambda: plain.unsupervised(data),
            False,
        ),
        ("sap", lambda: metrics.sap(*data.split), lambda: plain.sap(data), False),
        (
            "explicitness",
            lambda: metrics.explicitness(*data.split),
            lambda: plain.explicitness(data),
            False,
        ),
        (
            "beta_vae_score",
            lambda: metrics.beta_vae_score(represent, SIZES, rng=rng(0), **small),
            lambda: plain.beta_vae(points),
            False,
        ),
        (
            "factor_vae_score",
            lambda: metrics.factor_vae_score(represent, SIZES, rng=rng(0), **small),
            lambda: plain.factor_vae(points),
            False,
        ),
        (
            "udr, 6 models",
            lambda: float(metrics.udr(models).scores[0]),
            lambda: plain.udr(models),
            False,
        ),
        (
            f"logistic, {some} labels",
            downstream("logistic", some),
            lambda: plain.logistic(data, some),
            False,
        ),
        (
            "boosted, 100 labels",
            downstream("boosted", 100),
            lambda: plain.boosted(data, 100),
            False,
        ),
        (
            "dci",
            lambda: metrics.dci(*data.split).disentanglement or 0.0,
            lambda: plain.dci(data),
            True,
        ),
        (
            f"logistic, {points} labels",
            downstream("logistic", points),
            lambda: plain.logistic(data, points),
            True,
        ),
    ]


def timed(call: Callable[[], float]) -> tuple[float, float]:
    """Seconds of process time, and what was computed."""
    start = time.process_time()
    value = call()
    return time.process_time() - start, value


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--points", type=int, default=10_000, help="training points")
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds; slow plain versions run once"
    )
    parser.add_argument("--all", action="store_true", help="also plain versions that take minutes")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of the plain versions: no convergence, future changes
    rng = np.random.default_rng(1)
    truth = rng.integers(0, SIZES, size=(options.points, len(SIZES)))
    wanted = rng.integers(0, SIZES, size=(options.points // 2, len(SIZES)))
    data = Data(represent(truth), truth, represent(wanted), wanted)
    metrics.dci(*(part[:200] for part in data.split))  # imports LightGBM
    print(f"{options.points} training points, {DIMS} dimensions, factors {SIZES}, one thread")
    print(f"{'metric':24} {'ours s':>9} {'plain s':>9} {'ratio':>7} {'difference':>11}")
    for name, ours, other, slow in cases(data):
        fast_runs, plain_runs = [], []
        for turn in range(options.rounds):
            fast_runs.append(timed(ours))
            if not slow or (options.all and turn == 0):
                plain_runs.append(timed(other))
        seconds = statistics.median(run[0] for run in fast_runs)
        if not plain_runs:
            print(f"{name:24} {seconds:9.3f} {'--all':>9}")
            continue
        longer = statistics.median(run[0] for run in plain_runs)
        apart = abs(fast_runs[0][1] - plain_runs[0][1])
        print(f"{name:24} {seconds:9.3f} {longer:9.3f} {longer / seconds:7.1f} {apart:11.1e}")
    runs = [
        timed(lambda: len(metrics.score_representation(*data.split)))[0]
        for _ in range(options.rounds)
    ]
    print(f"whole suite, with intervals: {statistics.median(runs):.1f} s of {SUITE_SECONDS} s")


if __name__ == "__main__":
    main()
