"""Makes databases of 24, 288 and 12,600 made-up runs and times `vaebench report` on them.

    python benchmarks/report.py --folder /tmp/reports                 all three
    python benchmarks/report.py --folder /tmp/reports --only small

Databases are made once and kept. Of each the table has wall and processor time, the peak of the
memory (of the greatest process), the size of the page, and how long it takes until Chromium, where
there is one, has loaded it.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from vaebench.spec import JobSpec, Setting
from vaebench.store import Store
from vaebench.study import PLAIN

STUDIED = ("dsprites", "color_dsprites", "noisy_dsprites", "scream_dsprites", "smallnorb", "cars3d",
           "shapes3d")  # fmt: skip
SIX = {
    "betavae_h": {"beta": (1, 2, 4, 6, 8, 16)},
    "betavae_b": {"c_max": (5, 10, 25, 50, 75, 100)},
    "factorvae": {"gamma": (10, 20, 30, 40, 50, 100)},
    "dipvae_i": {"lambda_od": (1, 2, 5, 10, 20, 50)},
    "dipvae_ii": {"lambda_od": (1, 2, 5, 10, 20, 50)},
    "btcvae": {"beta": (1, 2, 4, 6, 8, 10)},
}
CORE = ("udr", "beta_vae_score", "factor_vae_score", "mig", "modularity", "explicitness",
        "dci_disentanglement", "dci_completeness", "dci_informativeness", "sap",
        "irs")  # fmt: skip
DEPENDENCE = ("gaussian_total_correlation", "gaussian_wasserstein",
              "gaussian_wasserstein_normalised", "mutual_information")  # fmt: skip
TASKS = [f"downstream_{predictor}_{labels}" for predictor in ("logistic", "boosted")
         for labels in (10, 100, 1000, 10_000, "efficiency")]  # fmt: skip
SAMPLED = [f"sampled_{name}" for name in (*DEPENDENCE, *TASKS, *CORE[3:])]
LATENTS = 10


def plans() -> dict[str, list[JobSpec]]:
    """Returns the jobs of each database."""
    two = {name: SIX[name] for name in ("betavae_h", "btcvae")}
    small = _jobs(("dsprites",), {name: _first(grid, 4) for name, grid in two.items()}, 3)
    four = {name: _first(SIX[name], 4) for name in ("betavae_h", "factorvae", "dipvae_i", "btcvae")}
    medium = _jobs(("dsprites", "smallnorb", "cars3d"), four, 6)
    return {"small": small, "medium": medium, "large": _jobs(STUDIED, SIX, 50)}


def _first(grid: dict[str, tuple[int, ...]], count: int) -> dict[str, tuple[int, ...]]:
    return {name: values[:count] for name, values in grid.items()}


def _jobs(
    datasets: tuple[str, ...], models: dict[str, dict[str, tuple[int, ...]]], seeds: int
) -> list[JobSpec]:
    found = []
    for dataset in datasets:
        setting = Setting(dataset=dataset, steps=300_000, scores="all", latent_dim=LATENTS)
        study = PLAIN.over(models=tuple(models), seeds=tuple(range(seeds)), grid=models)
        found += study.jobs(lambda entry, setting=setting: setting)
    return found


def make(path: Path, specs: list[JobSpec]) -> None:
    """Writes a database: jobs by the store, figures by the thousand."""
    with Store(path) as store:
        store.add_sweep(specs, "vaebench sweep  # made up by benchmarks/report.py")
    pictures = _pictures()
    connection = sqlite3.connect(path)
    ids = dict(connection.execute("SELECT job_key, id FROM jobs"))
    detail = json.dumps({"device": "cpu", "host": "made-up", "threads": 1, "packages": {}})
    connection.execute(
        "INSERT INTO environments (digest, device, host, threads, detail) "
        "VALUES ('0', 'cpu', 'made-up', 1, ?)",
        (detail,),
    )
    for spec in specs:
        rng = np.random.default_rng(int(spec.key, 16) % 2**32)
        figures, curve = _figures(spec, rng)
        job = ids[spec.key]
        connection.executemany(
            "INSERT INTO scores (job_id, name, value, points, low, high) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (job, name, value, 1000, value - 0.02, value + 0.02)
                for name, value in figures.items()
            ],
        )
        connection.executemany(
            "INSERT INTO curves VALUES (?, ?, ?, ?, ?)", [(job, *row) for row in curve]
        )
        connection.executemany(
            "INSERT INTO artifacts VALUES (?, ?, ?, ?, ?, ?)", [(job, *one) for one in pictures]
        )
        connection.execute(
            "UPDATE jobs SET state = 'COMPLETE', environment_id = 1, train_seconds = ?, "
            "eval_seconds = ?, finished_at = '2026-01-01T00:00:00+00:00' WHERE id = ?",
            (60 + rng.random(), 20 + rng.random(), job),
        )
    connection.commit()
    connection.close()


def _figures(
    spec: JobSpec, rng: np.random.Generator
) -> tuple[dict[str, float], list[tuple[int, float, float, float]]]:
    """Makes up figures with effects of data set, model, strength and seed."""
    model = zlib.crc32(f"{spec.dataset} {spec.model}".encode()) % 100 / 400
    seed = zlib.crc32(f"{spec.dataset} {spec.model} {spec.seed}".encode()) % 100 / 600
    strength = np.log(1 + (spec.strength or 0.0)) / 20
    level = 0.1 + model + seed + strength
    figures = {name: float(np.clip(level + 0.05 * rng.standard_normal(), 0, 1)) for name in CORE}
    figures |= {name: float(np.clip(0.5 + level / 2 + 0.02 * rng.standard_normal(), 0, 1))
                for name in (*TASKS, *SAMPLED)}  # fmt: skip
    figures |= {name: float(rng.gamma(2.0)) for name in DEPENDENCE}
    kl, fit = 30 - 100 * strength, 40 + 100 * strength + rng.standard_normal()
    figures |= {"kl": kl, "reconstruction": fit, "elbo": -fit - kl, "active_units": 6.0}
    figures |= {f"kl_latent_{place:02d}": kl / LATENTS for place in range(LATENTS)}
    if spec.strength == 100 and spec.seed % 10 == 0:
        figures["active_units"] = 0.0
    curve = [(step, fit + 600 * 0.5**n, fit + 500 * 0.5**n, kl)
             for n, step in enumerate(range(30_000, 300_001, 30_000))]  # fmt: skip
    return figures, curve


def _pictures() -> list[tuple[str, bytes, int, int, str]]:
    found = []
    y, x = np.mgrid[:64, :64]
    for name, rows, columns in (("reconstructions", 2, 10), ("samples", 4, 10),
                                ("traversals", LATENTS, 9)):  # fmt: skip
        canvas = np.zeros((rows * 64, columns * 64), dtype=np.uint8)
        for row in range(rows):
            for column in range(columns):
                apart = np.hypot(y - 20 - 2 * row, x - 12 - 4 * column)
                tile = np.clip(255 * (12 - apart) / 4, 0, 255) // 8 * 8
                canvas[64 * row : 64 * row + 64, 64 * column : 64 * column + 64] = tile
        buffer = io.BytesIO()
        Image.fromarray(canvas).save(buffer, "PNG")
        labels = [f"z{row} · KL 1.00" if name == "traversals" else "" for row in range(rows)]
        detail = json.dumps({"row_labels": labels, "column_labels": [""] * columns})
        found.append((name, buffer.getvalue(), rows, columns, detail))
    return found


CHILD = """
import resource, sys
from vaebench.__main__ import main
sys.argv = ["vaebench", "report", "--db", sys.argv[1], "--out", sys.argv[2]]
try:
    main()
finally:
    each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in each)
    print(f"{cpu:.1f} {max(one.ru_maxrss for one in each) / 1024:.0f}", file=sys.stderr)
"""


def measure(path: Path, out: Path) -> tuple[float, float, float, float]:
    """Runs the command once; returns wall s, CPU s, peak MB of a process and MB of the page."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), str(out)],
        check=True,
        capture_output=True,
        text=True,
    )
    wall = time.perf_counter() - start
    cpu, peak = map(float, done.stderr.splitlines()[-1].split())
    return wall, cpu, peak, (out / "index.html").stat().st_size / 1e6


def opened(page: Path) -> float | None:
    """Returns seconds until Chromium has loaded and drawn the page; None without Chromium."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update",
             "--disable-sync"]  # fmt: skip
    times = []
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.html"
        empty.write_text("<!DOCTYPE html><title>empty</title>")
        for one in (empty, empty, page):
            start = time.perf_counter()
            shot = f"--screenshot={folder}/shot.png"
            command = [browser, *flags, f"--user-data-dir={folder}/profile", shot, one.as_uri()]
            subprocess.run(command, check=True, capture_output=True, timeout=120)
            times.append(time.perf_counter() - start)
    return times[2] - times[1]


def main() -> None:
    """Makes what is missing and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--only", choices=["small", "medium", "large"], action="append")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    head = ("database", "runs", "wall s", "CPU s", "peak MB", "page MB", "opens s")
    print("".join(f"{word:>10}" for word in head))
    for name, specs in plans().items():
        if options.only and name not in options.only:
            continue
        path = options.folder / f"{name}.db"
        if not path.exists():
            make(path, specs)
        out = options.folder / name
        wall, cpu, peak, size = measure(path, out)
        opens = opened(out / "index.html")
        cells = [name, f"{len(specs):,}", f"{wall:.1f}", f"{cpu:.1f}", f"{peak:.0f}",
                 f"{size:.1f}", "–" if opens is None else f"{opens:.1f}"]  # fmt: skip
        print("".join(f"{cell:>10}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
