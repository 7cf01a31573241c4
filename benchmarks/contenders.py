"""The contenders of `peers.py`: each a function that trains for a while and says how fast."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from machine import Load, cores

HERE = Path(__file__).parent
WARM_STEPS = 12
BATCH = 64
PACKAGES = {"pythae": ["pythae==0.1.2"], "disent": ["disent==0.8.0", "lightning==2.6.6"]}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Timing:
    """One measurement.

    Attributes:
        rate: Optimiser steps a second once warm, over all models trained at once.
        whole_rate: Steps over the wall time of the whole command, whatever else it did.
        load: Wall time, and what others used of the machine.
        parameters: Trainable parameters of the model.
        versions: What was measured.
    """

    rate: float
    whole_rate: float
    load: Load
    parameters: int
    versions: str


@dataclass(frozen=True)
class Vaebench:
    """`vaebench sweep` as a process of its own, with its default plan: one worker a core.

    Each worker trains two jobs. The first of them also draws the data set; the rate is that of
    the second, from the database. The whole command starts Python, draws the data set in each
    worker, trains and evaluates all jobs and stores them.

    Attributes:
        name: For the table.
        options: Further options of the command.
        jobs_each: Jobs a worker.
    """

    name: str
    options: tuple[str, ...] = ()
    jobs_each: int = 2

    def run(self, steps: int, data: Path) -> Timing:
        """Trains jobs of so many steps; `data` is for the peers."""
        del data
        jobs = self.jobs_each * cores()
        with tempfile.TemporaryDirectory() as folder, open_log(self.name) as log:
            command = [sys.executable, "-m", "vaebench", "sweep", "--models", "betavae_h"]
            command += ["--betas", "4", "--seeds", str(jobs), "--steps", str(steps)]
            command += ["--out", "results", *self.options]
            with Load() as load:
                subprocess.run(command, cwd=folder, stdout=log, stderr=log, check=True, env=_env())
            database = Path(folder, "results", "results.db")
            with contextlib.closing(sqlite3.connect(database)) as connection:
                rows = connection.execute(
                    "select train_seconds, precision from jobs where state = 'COMPLETE' "
                    "order by started_at, id"
                ).fetchall()
        if len(rows) != jobs:
            raise RuntimeError(f"{self.name} finished {len(rows)} of {jobs} jobs, see {log.name}")
        seconds = statistics.mean(row[0] for row in rows[cores() :])
        return Timing(
            cores() * steps / seconds,
            jobs * steps / load.seconds,
            load,
            _parameters(),
            f"{rows[0][1]}, {cores()} workers of 1 thread",
        )


@dataclass(frozen=True)
class Peer:
    """A peer's script in the peer's own environment.

    Attributes:
        name: For the table.
        script: File beside this one.
        python: Interpreter that has the peer.
        processes: Trained at once.
        threads: Threads of each process; 0 for what torch takes, which is all cores.
        options: Further options of the script.
    """

    name: str
    script: str
    python: Path
    processes: int = 1
    threads: int = 0
    options: tuple[str, ...] = field(default=())

    def run(self, steps: int, data: Path) -> Timing:
        """Trains for so many steps in each process, let go at once when all are prepared."""
        command = [str(self.python), str(HERE / self.script), *self.options, "--data", str(data)]
        command += ["--steps", str(steps), "--warm-steps", str(WARM_STEPS)]
        with (
            tempfile.TemporaryDirectory() as folder,
            open_log(self.name) as log,
            Load() as load,
        ):
            started = [
                subprocess.Popen(
                    [*command, "--scratch", folder],
                    cwd=folder,
                    env=_env(self.threads),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
                for _ in range(self.processes)
            ]
            try:
                answers = _race(started)
            finally:
                for process in started:
                    process.kill()
                    process.wait()
        if len(answers) != self.processes:
            raise RuntimeError(f"{self.name} did not end well, see {log.name}")
        rates = [answer["steps"] / answer["seconds"] for answer in answers]
        threads = answers[0]["threads"]
        return Timing(
            sum(rates),
            self.processes * steps / load.seconds,
            load,
            answers[0]["parameters"],
            f"{answers[0]['peer']}, torch {answers[0]['torch']}, fp32, "
            f"{self.processes} × {threads} thread{'s' if threads > 1 else ''}",
        )


def open_log(name: str) -> IO[str]:
    """A file for what a contender prints, in the system's folder of temporary files."""
    safe = "".join(letter if letter.isalnum() else "-" for letter in name)
    return Path(tempfile.gettempdir(), f"vaebench-peers-{safe}.log").open("w")


def environment(peer: str, folder: Path) -> Path:
    """Makes an environment for a peer that shares this one's torch, so that all have the same.

    Args:
        peer: Key of `PACKAGES`.
        folder: Where environments are kept.

    Returns:
        Its interpreter.
    """
    home = folder / peer
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        venv.create(home, with_pip=True, clear=True)
        query = "import sysconfig; print(sysconfig.get_path('purelib'))"
        answer = subprocess.run([python, "-c", query], capture_output=True, text=True, check=True)
        shared = Path(answer.stdout.strip(), "_shared_torch.pth")
        shared.write_text(sysconfig.get_path("purelib") + "\n")
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES[peer]], check=True)
        (home / "complete").touch()
    return python


def save_images(path: Path, count: int) -> None:
    """Saves images of dSprites, chosen at random, for the peers: uint8 [count, 1, 64, 64]."""
    from vaebench.data import load_dataset

    data = load_dataset("dsprites", path.parent)
    chosen = np.random.default_rng(0).choice(len(data), count, replace=False)
    np.savez(path, images=np.ascontiguousarray(data.observations(chosen)))


def _race(started: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    """Waits for all processes to be prepared, lets them go, and reads what they answer."""
    for process in started:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            return []
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    lines = [process.communicate()[0] for process in started]
    return [json.loads(line) for line in lines if line]


def _env(threads: int = 0) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if name not in THREADS}
    return env | dict.fromkeys(THREADS, str(threads)) if threads else env


def _parameters() -> int:
    from vaebench.networks import build_network

    network = build_network("locatello", (1, 64, 64), 10)
    return sum(values.numel() for values in network.parameters())
