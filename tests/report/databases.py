"""Result databases of every kind the report may meet, written through the store as a sweep does."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.asked import jobs_of
from vaebench.outcome import Artifact, CurvePoint, JobOutcome, Score
from vaebench.report import ReportSummary, build_report
from vaebench.spec import JobSpec, Setting
from vaebench.store import Reader, Store

SHAPES = ["square", "ellipse", "heart"]
CLASSES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
           "Bag", "Ankle boot"]  # fmt: skip
LATENT_VALUES = ["-2", "-1.5", "-1", "-0.5", "0", "0.5", "1", "1.5", "2"]
Images = npt.NDArray[np.uint8]


def sprites(size: int) -> Images:
    """Genuine dSprites frames where they lie at hand, else squares; uint8 [N, size, size]."""
    shared = Path(__file__).parents[3] / "shared" / "data"
    found = Path(os.environ.get("VAEBENCH_DATA", shared)) / "dsprites" / "real_frames.npz"
    if found.exists() and size == 64:
        with np.load(found) as archive:
            return np.asarray(archive["image"] * 255, dtype=np.uint8)
    frames = np.zeros((60, size, size), dtype=np.uint8)
    for i in range(60):
        side, x, y = size // 6 + i % 8, 2 + (7 * i) % (size // 2), 3 + (5 * i) % (size // 2)
        frames[i, y : y + side, x : x + side] = 255
    return frames


def blur(images: Images, rounds: int) -> Images:
    """Smears pictures as a weak decoder does."""
    values = images.astype(np.float64)
    for _ in range(rounds):
        values = sum(np.roll(values, shift, axis) for shift in (-1, 1) for axis in (1, 2)) / 4
    return np.clip(values, 0, 255).astype(np.uint8)


def tiled(name: str, tiles: Images, columns: int, **detail: object) -> Artifact:
    """Packs tiles [N, H, W] into an artifact, row by row."""
    number, height, width = tiles.shape
    rows = number // columns
    grid = tiles[: rows * columns].reshape(rows, columns, height, width)
    picture = grid.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="png")
    return Artifact(name, buffer.getvalue(), rows, columns, detail)


def outcome(spec: JobSpec) -> JobOutcome:
    """A plausible end of a job: figures that depend on model, strength and seed."""
    rng = np.random.default_rng(int(spec.key, 16) % 2**32)
    strength = 1.0 if spec.strength is None else spec.strength
    power = math.log10(1 + strength)
    has_kl = spec.model != "ae"
    latents = spec.latent_dim
    kl_each = np.sort(rng.gamma(0.5, 4.0 / (0.4 + power), latents))[::-1]
    rng.shuffle(kl_each)
    kl = float(kl_each.sum())
    reconstruction = float(18 + 30 * power + 2 * rng.standard_normal())
    scores = [Score("reconstruction", reconstruction, points=1000)]
    if has_kl:
        scores += [Score("kl", kl), Score("elbo", -reconstruction - kl)]
        scores += [Score(f"kl_latent_{i:02d}", float(v)) for i, v in enumerate(kl_each)]
    scores.append(Score("active_units", float((kl_each > 0.1).sum()) if has_kl else float(latents)))
    gap = float(np.clip(0.04 + 0.13 * power * (spec.model != "cvae") + 0.02 * rng.random(), 0, 1))
    if spec.dataset == "dsprites":
        scores += [
            Score("mig", gap, points=10_000),
            Score("beta_vae_score", float(min(0.7 + 0.3 * gap + 0.1 * rng.random(), 1))),
            Score("factor_vae_score", float(0.45 + gap + 0.1 * rng.random()), points=500),
            Score("mig_label", None, note="the data set has factors"),
        ]
    else:
        scores += [Score("mig_label", gap), Score("mig", None, note="no ground-truth factors")]
    curve = []
    for step in range(25, spec.steps + 1, 25):
        away = math.exp(-step / 120)
        fit = reconstruction + (680 - reconstruction) * away + 3 * rng.standard_normal()
        cost = kl * (1 - away) if has_kl else None
        curve.append(CurvePoint(step, fit + strength * (cost or 0.0), fit, cost))
    return JobOutcome(
        key=spec.key,
        status="complete",
        scores=tuple(scores),
        curves=tuple(curve),
        artifacts=pictures(spec, rng, 1 + int(2 * power), kl_each),
        environment={
            "device": "cpu",
            "device_name": "AMD EPYC 9R14",
            "host": "laptop",
            "threads": 1,
            "system": "Linux-6.1",
            "python": "3.11.9",
            "packages": {"vaebench": "0.1.0", "torch": "2.15.0", "torchvision": None},
            "data": "drawn from formulas",
            "git_commit": "0123456789abcdef0123456789abcdef01234567",
            "git_dirty": False,
        },
        train_seconds=float(20 + rng.random()),
        eval_seconds=float(4 + rng.random() * 0.5),
    )


def pictures(
    spec: JobSpec, rng: np.random.Generator, rounds: int, kl_each: npt.NDArray[np.float64]
) -> tuple[Artifact, ...]:
    """Originals over reconstructions, samples and traversals."""
    size = 64 if spec.dataset == "dsprites" else 28
    frames = sprites(size)
    chosen = frames[(np.arange(8) * 17 + spec.seed) % len(frames)]
    both = np.concatenate([chosen, blur(chosen, rounds)])
    names = SHAPES if spec.dataset == "dsprites" else CLASSES
    conditional = spec.model == "cvae"
    drawn = blur(frames[rng.integers(0, len(frames), 8 * (len(names) if conditional else 4))], 2)
    walks = np.stack(
        [
            np.roll(blur(frames[:1], rounds)[0], int((j - 4) * kl), axis=i % 2)
            for i, kl in enumerate(kl_each)
            for j in range(9)
        ]
    )
    has_kl = spec.model != "ae"
    what = "KL" if has_kl else "sd"
    rows = [f"z{i} · {what} {kl:.2f}" for i, kl in enumerate(kl_each)]
    blank = [""] * 8
    both_rows = ["original", "reconstruction"]
    sample_rows = names if conditional else [""] * 4
    return (
        tiled("reconstructions", both, 8, row_labels=both_rows, column_labels=blank),
        tiled("samples", drawn, 8, row_labels=sample_rows, column_labels=blank),
        tiled("traversals", walks, 9, row_labels=rows, column_labels=LATENT_VALUES),
    )


def sweep(
    models: Sequence[str] = ("cvae", "betavae_h"),
    betas: Sequence[float] = (0.5, 1, 3, 10),
    seeds: int = 3,
    **setting: object,
) -> list[JobSpec]:
    """The jobs of a sweep; the literal command's by default."""
    wanted = Setting(**{"steps": 700, **setting})  # type: ignore[arg-type]
    return jobs_of(*models, setting=wanted, seeds=tuple(range(seeds)), betas=tuple(betas))


Fate = Callable[[JobSpec], str]


def write(path: Path, *sweeps: list[JobSpec], fate: Fate = lambda spec: "complete") -> Path:
    """Writes a database as the runner would.

    Args:
        path: The file.
        *sweeps: Jobs by sweep.
        fate: What becomes of a job: `complete`, `failed`, `running` or `pending`.
    """
    with Store(path) as store:
        for number, specs in enumerate(sweeps):
            store.add_sweep(specs, f"vaebench sweep --models cvae,betavae_h  # {number}")
            wanted = [spec for spec in specs if fate(spec) != "pending"]
            if not wanted:
                continue
            runnable = store.add_sweep(wanted, "vaebench sweep").sweep_id
            while claim := store.claim(runnable):
                end = fate(claim.spec)
                if end == "complete":
                    assert store.complete(claim, outcome(claim.spec))
                elif end == "failed":
                    error = "DivergedError: loss is nan at step 312 <of 700> & more"
                    trace = f"Traceback (most recent call last):\n{error}"
                    broken = JobOutcome(claim.spec.key, "failed", error=error, traceback=trace)
                    assert store.fail(claim, broken, retries=0)
    return path


def report(path: Path, out: Path, **options: object) -> ReportSummary:
    """Builds the report of a database."""
    with Reader.open(path) as reader:
        return build_report(reader, out, **options)  # type: ignore[arg-type]
