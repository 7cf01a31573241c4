"""Faults on purpose: sweeps killed, stopped, starved, misclocked and damaged, then compared.

`python benchmarks/faults.py --minutes 60` runs one small sweep without a fault, then the same sweep
again and again with faults at random moments from the first millisecond on, until it is done, and
compares every stored figure. It prints a table and exits with 1 where a job was lost, doubled or
came out different. Disk faults need root (a small tmpfs is mounted), clock steps libfaketime.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

SWEEP = (
    "sweep --models cvae,betavae_b --betas 1,4 --seeds 2 --steps 150 --batch-size 16 "
    "--network burgess --eval-size 20 --checkpoint-every 0.2 --workers 2 --precision fp32"
).split()
FIGURES = (
    "SELECT job_key, name, value, points, low, high, note FROM scores JOIN jobs ON id = job_id",
    "SELECT job_key, c.step, loss, reconstruction, kl FROM curves c JOIN jobs ON id = job_id",
    "SELECT job_key, name, png FROM artifacts JOIN jobs ON id = job_id",
    "SELECT job_key, points, latents, codes FROM representations JOIN jobs ON id = job_id",
    "SELECT job_key, spec, state FROM jobs",
)
"""Every stored figure, without times."""

PATIENCE = 1200.0
"""Seconds after which a process that does not end counts as hanging."""

ROUND = 12
"""Faults after which a sweep is let to its end."""

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


@dataclass
class Round:
    """One sweep under faults.

    Attributes:
        folder: Its working folder.
        rng: Draws faults and moments.
        tally: Counts of faults and of what went wrong, over all rounds.
        worker_kills: SIGKILLs of workers: three with one job would fail it, as they should.
    """

    folder: Path
    rng: random.Random
    tally: Counter[str]
    worker_kills: int = 0
    done: Counter[str] = field(default_factory=Counter)

    def start(self) -> subprocess.Popen[str]:
        """Starts the sweep as leader of a process group."""
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}
        environment.pop("VAEBENCH_DB", None)
        if (self.folder / "clock").exists():
            environment |= {
                "LD_PRELOAD": FAKETIME,
                "FAKETIME_TIMESTAMP_FILE": str(self.folder / "clock"),
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_CACHE_DURATION": "1",
            }
        command = [sys.executable, "-m", "vaebench", *SWEEP, "--dataset", "npz:images.npz"]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def moment(self) -> float:
        """Draws when a fault comes, seconds after the start: often within the first instants."""
        return self.rng.choice((0.3, 2.0, 8.0, 20.0)) * self.rng.random()

    def ended(self, process: subprocess.Popen[str], codes: tuple[int, ...], kind: str) -> bool:
        """Waits for the end of a process and looks at what it left behind."""
        try:
            text, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            self.wrong("hanging", f"{kind}: no end within {PATIENCE:.0f} s")
            return False
        self.done.update(re.findall(r"^done +([0-9a-f]{8})", text, re.MULTILINE))
        if "Traceback" in text:
            self.wrong("tracebacks", f"{kind}: {text[-1500:]}")
        if process.returncode not in codes:
            self.wrong("exit codes", f"{kind}: {process.returncode}: {text[-800:]}")
        return process.returncode == 0

    def wrong(self, what: str, detail: str) -> None:
        """Counts what must not be and says it."""
        self.tally[what] += 1
        print(f"!! {what}: {detail}", flush=True)


Fault = Callable[[Round], bool]


def signalled(number: signal.Signals, target: str) -> Fault:
    """Makes the fault of a signal to the group, the runner or a worker; true once all is done."""

    def fault(this: Round) -> bool:
        process = this.start()
        time.sleep(this.moment())
        reached = process.poll() is None
        if target == "worker":
            workers = _workers(process)
            reached = bool(workers) and this.worker_kills < 2
            if reached:
                this.worker_kills += 1
                with suppress(psutil.NoSuchProcess):
                    this.rng.choice(workers).send_signal(number)
        elif reached and target == "group":
            os.killpg(process.pid, number)
        elif reached:
            process.send_signal(number)
        this.tally[f"{number.name} to the {target}"] += reached
        codes = {"SIGKILL": (0, -9), "SIGINT": (0, 130), "SIGTERM": (0, 130)}[number.name]
        return this.ended(process, codes, f"{number.name} to the {target}")

    return fault


def damaged(this: Round) -> bool:
    """Stops the sweep, then flips bits of its checkpoints or cuts them short."""
    process = this.start()
    time.sleep(this.moment())
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    finished = this.ended(process, (0, -9), "damage")
    for file in sorted((this.folder / "results" / "checkpoints").glob("*.pt")):
        content = bytearray(file.read_bytes())
        if not content:
            continue
        if this.rng.random() < 0.2:
            del content[this.rng.randrange(len(content)) :]
        else:
            for _ in range(this.rng.choice((1, 1, 8))):
                content[this.rng.randrange(len(content))] ^= 1 << this.rng.randrange(8)
        file.write_bytes(content)
        this.tally["damaged checkpoint"] += 1
    return finished


def full_disk(this: Round) -> bool:
    """Fills the disk while the sweep runs, and frees it again after its end."""
    process = this.start()
    time.sleep(this.moment())
    filler = this.folder / "filler"
    with suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(1 << 16))
    this.tally["full disk"] += process.poll() is None
    finished = this.ended(process, (0, 1), "full disk")
    filler.unlink()
    return finished


def read_only(this: Round) -> bool:
    """Starts the sweep on a disk that cannot be written."""
    _mount("remount,ro", this.folder)
    try:
        this.tally["read-only disk"] += 1
        return this.ended(this.start(), (0, 1), "read-only disk")
    finally:
        _mount("remount,rw", this.folder)


def clock_step(this: Round) -> bool:
    """Sets the host's clock by minutes or hours while the sweep runs, then kills it or not."""
    clock = this.folder / "clock"
    clock.write_text("+0")
    process = this.start()
    for _ in range(3):
        time.sleep(this.moment())
        clock.write_text(f"{this.rng.choice((-1, 1)) * this.rng.choice((5, 300, 7200))}")
        this.tally["clock step"] += process.poll() is None
    if this.rng.random() < 0.5:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return this.ended(process, (0, -9), "clock step")


def _workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _mount(options: str, folder: Path) -> None:
    subprocess.run(["mount", "-o", options, str(folder)], check=True)


@contextmanager
def _disk(folder: Path, *, own: bool) -> Iterator[None]:
    """Gives a round a small disk of its own, where that can be had."""
    folder.mkdir()
    if own:
        command = ["mount", "-t", "tmpfs", "-o", "size=64m", "vaebench-faults", str(folder)]
        subprocess.run(command, check=True)
    try:
        yield
    finally:
        if own:
            subprocess.run(["umount", "-l", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def figures(folder: Path) -> list[list[tuple[Any, ...]]]:
    """Every stored figure but times, exactly."""
    base = sqlite3.connect(f"file:{folder}/results/results.db?mode=ro", uri=True)
    try:
        return [sorted(base.execute(query).fetchall(), key=repr) for query in FIGURES]
    finally:
        base.close()


def _compare(this: Round, reference: list[list[tuple[Any, ...]]]) -> None:
    found = figures(this.folder)
    jobs = {row[0] for row in reference[-1]}
    complete = {row[0] for row in found[-1] if row[2] == "COMPLETE"}
    this.tally["jobs lost"] += len(jobs - complete)
    this.tally["jobs doubled"] += sum(count > 1 for count in this.done.values())
    for theirs, ours in zip(reference, found, strict=True):
        different = {row[0] for row in set(theirs) ^ set(ours)}
        if different:
            this.wrong("jobs different", f"{sorted(different)}")
    base = sqlite3.connect(f"file:{this.folder}/results/results.db?mode=ro", uri=True)
    unjust = base.execute("SELECT sum(attempts), sum(losses) FROM jobs").fetchone()
    base.close()
    this.tally["attempts that a fault cost"] += unjust[0]
    if unjust[1] > this.worker_kills:
        this.wrong("losses beyond killed workers", f"{unjust[1]} of {this.worker_kills}")


def main() -> int:
    """Runs the campaign.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the table here")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="vaebench-faults-"))
    mounts = hasattr(os, "geteuid") and os.geteuid() == 0
    kinds: list[Fault] = [
        *(signalled(signal.SIGKILL, target) for target in ("group", "runner", "worker")),
        *(signalled(signal.SIGTERM, target) for target in ("group", "runner")),
        *(signalled(signal.SIGINT, target) for target in ("group", "runner")),
        damaged,
        damaged,
        *((full_disk, read_only) if mounts else ()),
        *((clock_step,) if Path(FAKETIME).exists() else ()),
    ]
    tally: Counter[str] = Counter()
    rng = random.Random(options.seed)
    until = time.monotonic() + 60 * options.minutes
    rounds = 0
    try:
        reference = _reference(root, mounts)
        while time.monotonic() < until:
            with _disk(root / str(rounds), own=mounts):
                this = Round(root / str(rounds), rng, tally)
                _images(this.folder)
                for _ in range(ROUND):
                    if rng.choice(kinds)(this) or time.monotonic() > until:
                        break
                (this.folder / "clock").unlink(missing_ok=True)
                this.ended(this.start(), (0,), "the last line")
                _compare(this, reference)
            rounds += 1
            print(f"round {rounds}: {dict(tally)}", flush=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return _table(tally, rounds, len(reference[-1]), options.json)


def _images(folder: Path) -> None:
    draw = np.random.default_rng(0)
    images = (draw.random((256, 32, 32)) < 0.3).astype(np.uint8) * 255
    np.savez(folder / "images.npz", images=images, labels=draw.integers(0, 4, 256))


def _reference(root: Path, own: bool) -> list[list[tuple[Any, ...]]]:
    with _disk(root / "reference", own=own):
        this = Round(root / "reference", random.Random(0), Counter())
        _images(this.folder)
        if not this.ended(this.start(), (0,), "the reference"):
            raise SystemExit("The sweep without a fault failed.")
        return figures(this.folder)


WRONG = ("jobs lost", "jobs doubled", "jobs different", "attempts that a fault cost",
         "losses beyond killed workers", "tracebacks", "exit codes", "hanging")  # fmt: skip


def _table(tally: Counter[str], rounds: int, jobs: int, file: Path | None) -> int:
    faults = {kind: count for kind, count in sorted(tally.items()) if kind not in WRONG}
    bad = {kind: tally[kind] for kind in WRONG}
    print(f"\n{sum(faults.values())} faults in {rounds} sweeps of {jobs} jobs")
    for name, count in (*faults.items(), *bad.items()):
        print(f"{name:32} {count:6}")
    if file is not None:
        file.write_text(json.dumps({"rounds": rounds, "faults": faults, "wrong": bad}, indent=1))
    return 1 if any(bad.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
