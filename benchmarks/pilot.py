"""The pilot behind the study laptop-v1: MIG and ELBO of a few cells against steps, as CSV."""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from vaebench import metrics
from vaebench.data import load_dataset
from vaebench.evaluation import Encoder, held_out, likelihood_scores
from vaebench.spec import JobSpec, Setting
from vaebench.study import PLAIN
from vaebench.training import Feed, Trainer, build_model, prepare, split

COLUMNS = ("model", "beta", "learning_rate", "seed", "step", "mig", "elbo", "reconstruction", "kl")


def main() -> None:
    """Trains the cells one after the other and writes a row at each stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", nargs="+", default=["betavae_h:4", "btcvae:6"])
    parser.add_argument("--lr", nargs="+", type=float, default=[1e-3])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--steps", type=int, default=15_000)
    parser.add_argument("--every", type=int, default=1_000)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--figure", type=Path, help="draw what is in --out, and train nothing")
    options = parser.parse_args()
    if options.figure:
        draw(options.out, options.figure)
        return
    prepare("cpu", 1)
    feed = Feed(load_dataset("dsprites"), torch.device("cpu"))
    new = not options.out.exists()
    with options.out.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(COLUMNS)
        for seed, lr, cell in itertools.product(options.seeds, options.lr, options.cells):
            model, _, beta = cell.partition(":")
            spec = _spec(model, float(beta), lr, seed, options.steps, options.precision)
            for row in _trajectory(spec, feed, options.every):
                writer.writerow([model, beta, lr, seed, *row])
                file.flush()


def draw(rows: Path, figure: Path) -> None:
    """Draws MIG and ELBO against steps, a line a training."""
    import matplotlib as mpl
    import pandas as pd

    from vaebench.models import find_model
    from vaebench.report import style

    mpl.use("agg")
    from matplotlib import pyplot as plt

    known = pd.read_csv(rows)
    with mpl.rc_context(dict(style.SETTINGS)):
        drawn, places = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
        for (model, rate, seed), run in known.groupby(["model", "learning_rate", "seed"]):
            look = find_model(model)
            line = {"color": look.colour, "linestyle": "-" if rate == 1e-3 else ":"}
            label = f"{look.title}, learning rate {rate:g}" if seed == 0 else None
            for place, column in zip(places, ("mig", "elbo"), strict=True):
                marks = {"marker": look.marker, "markevery": 5, "markersize": 4}
                place.plot(run["step"], run[column], **line, **marks, label=label)
        for place, title in zip(places, ("MIG", "ELBO (nats)"), strict=True):
            place.axvline(6_000, color="0.7", linewidth=0.8, zorder=0)
            place.set_xticks(range(0, 15_001, 3_000))
            place.set_xlabel("step")
            place.set_ylabel(title)
        places[1].legend(loc="lower right")
        drawn.savefig(figure, dpi=150)


def _spec(model: str, beta: float, lr: float, seed: int, steps: int, precision: str) -> JobSpec:
    setting = Setting(
        dataset="dsprites", steps=steps, learning_rate=lr, eval_size=500, precision=precision
    )
    study = PLAIN.over(models=(model,), seeds=(seed,), grid={model: {"beta": (beta,)}})
    return study.jobs(lambda entry: setting)[0]


def _trajectory(spec: JobSpec, feed: Feed, every: int) -> Iterator[tuple[float, ...]]:
    data = feed.data
    model = build_model(spec, data.observation_shape, len(data.label_names))
    train, _ = split(spec, data)
    trainer = Trainer(spec, model, feed, torch.from_numpy(train), feed.device)
    indices = held_out(spec, data)
    for _ in range(spec.steps // every):
        for _ in range(every):
            trainer.advance()
        encoder = Encoder(model.eval(), feed, spec.precision, lambda: None)
        scores = {score.name: score.value for score in likelihood_scores(spec, encoder, indices)[0]}
        factors = data.factors(indices)[:, np.array(data.factor_sizes) > 1]
        mig = metrics.mig(encoder.codes(indices), factors)
        model.train()
        yield trainer.step, mig, scores["elbo"], scores["reconstruction"], scores["kl"]


if __name__ == "__main__":
    main()
