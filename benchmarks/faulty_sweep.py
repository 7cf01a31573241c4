"""One sweep under faults: its commands, and what happens to each of them at which moment."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from vaebench.errors import VaebenchError
from vaebench.saved import load_model

SWEEP = (
    "sweep --models cvae,betavae_h --betas 1,4 --seeds 3 --steps 60 --batch-size 4 "
    "--network burgess --latent-dim 3 --eval-size 10 --checkpoint-every 0.2 --precision fp32 "
    "--dataset npz:images.npz"
).split()

PATIENCE = 1200.0
"""Seconds after which a process that does not end counts as hanging."""

EARLY, LATE = 0.08, 0.4
"""Shares of the sweep's time in which faults come: half while a command starts, half in both."""

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
STEPS = (5, 300, 7200)
"""Seconds by which a clock is set wrong, forth or back."""

LOSSES = 3
"""Deaths of its worker that fail a job, as vaebench documents it: one fewer are its share here."""

KILLED, STOPPED = (-9,), (130,)
BEFORE_OURS = (1, 130, -2, -15)
"""How a stop ends Python itself, before a line of vaebench has run."""


@dataclass
class Tally:
    """Counts of faults by kind, and of what went wrong, from several threads."""

    faults: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, kind: str, count: int = 1) -> None:
        """Counts faults that reached a running command or a file of it."""
        with self.lock:
            self.faults[kind] += count

    def bad(self, what: str, detail: str, count: int = 1) -> None:
        """Counts what must not be, and says it."""
        with self.lock:
            self.wrong[what] += count
            print(f"!! {what}: {detail}", flush=True)


@dataclass
class FaultySweep:
    """A sweep that is typed again and again until it is complete.

    Attributes:
        folder: Its working folder, a small disk of its own where `own_disk`.
        rng: Draws faults and moments.
        tally: Where they are counted.
        span: Seconds that the whole sweep takes without a fault.
        own_disk: Whether the folder is a disk that may be filled and made read-only.
    """

    folder: Path
    rng: random.Random
    tally: Tally
    span: float
    own_disk: bool
    kills: int = 0
    done: Counter[str] = field(default_factory=Counter)
    orphaned: list[subprocess.Popen[str]] = field(default_factory=list)
    """Commands killed without their workers, which end by themselves while the next is at work."""

    @property
    def clock(self) -> Path:
        """The file that a wrong clock is set by; not on the small disk."""
        return self.folder.with_name(f"{self.folder.name}.clock")

    def start(self, *, clock: bool = False) -> subprocess.Popen[str]:
        """Types the command: leader of a process group of its own."""
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}
        environment.pop("VAEBENCH_DB", None)
        if clock:
            self.clock.write_text("+0")
            environment |= {
                "LD_PRELOAD": str(FAKETIME),
                "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_CACHE_DURATION": "1",
            }
        with self.tally.lock:
            self.tally.commands += 1
        workers = str(self.rng.choice((1, 2)))
        return subprocess.Popen(
            [sys.executable, "-m", "vaebench", *SWEEP, "--workers", workers],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def ended(self, process: subprocess.Popen[str], codes: tuple[int, ...], kind: str) -> bool:
        """Waits until all of a command's processes are gone; looks at what it said and returned.

        Returns:
            Whether the sweep is complete.
        """
        try:
            text, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            self.tally.bad("hanging", f"{kind}: no end within {PATIENCE:.0f} s")
            return False
        self.done.update(re.findall(r"^done +([0-9a-f]{8})", text, re.MULTILINE))
        if "Traceback" in text and codes != BEFORE_OURS:
            at = text.index("Traceback")
            self.tally.bad("tracebacks", f"{kind}: {text[max(0, at - 400) : at + 3000]}")
        if process.returncode not in (0, *codes):
            self.tally.bad("exit codes", f"{kind}: {process.returncode}: {text[-800:]}")
        return process.returncode == 0

    def complete(self) -> None:
        """Types the command once more, without a fault, and sees that nothing is left running."""
        if not self.ended(self.start(), (), "the last line"):
            self.tally.bad("unfinished", str(self.folder))
        for process in self.orphaned:
            self.ended(process, KILLED, "orphans")

    def command(self) -> bool:
        """Types the command and lets things happen to it; true once the sweep is complete."""
        rng = self.rng
        if self.own_disk and rng.random() < 0.08:
            return self._read_only()
        stepping = FAKETIME.exists() and rng.random() < 0.6
        ending = rng.choice(ENDINGS if self.own_disk else ENDINGS[:-1])
        last = self.span * rng.random() * rng.choice((EARLY, LATE)) if ending else PATIENCE
        over = min(last, self.span * LATE)
        process = self.start(clock=stepping)
        happenings = [lambda: self._to_a_worker(process)] * rng.randrange(5)
        if stepping:
            happenings += [lambda: self._step(process)] * rng.randint(1, 3)
        events = [(over * rng.random(), happen) for happen in happenings]
        began = time.monotonic()
        for at, happen in sorted(events, key=lambda event: event[0]):
            if _over(process, began + at):
                break
            happen()
        codes: tuple[int, ...] = ()
        if ending and not _over(process, began + last):
            codes = self._end(process, *ending)
        if ending == (signal.SIGKILL, "runner") and codes and process.wait() in codes:
            self.orphaned.append(process)
            return False
        finished = self.ended(process, codes, " ".join(map(str, ending or ("no end",))))
        (self.folder / "filler").unlink(missing_ok=True)
        if rng.random() < 0.6:
            self._damage_checkpoints()
        return finished

    def _end(
        self, process: subprocess.Popen[str], number: signal.Signals | None, target: str
    ) -> tuple[int, ...]:
        """Ends a command, and says how it may end."""
        if number is None:
            with suppress(OSError), (self.folder / "filler").open("wb") as file:
                while True:
                    file.write(bytes(1 << 16))
            self.tally.fault("disk full")
            return (1,)
        codes = STOPPED if _ours(process) else BEFORE_OURS
        with suppress(ProcessLookupError):
            if target == "group":
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            self.tally.fault(f"{number.name} to the {target}")
        return KILLED if number is signal.SIGKILL else codes

    def _to_a_worker(self, process: subprocess.Popen[str]) -> None:
        """Sends a worker a signal: those of a stop are not for it, and it lives on."""
        number = self.rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM))
        workers = _workers(process)
        if not workers or (number is signal.SIGKILL and not self._may_lose()):
            return
        self.kills += number is signal.SIGKILL
        with suppress(psutil.NoSuchProcess):
            self.rng.choice(workers).send_signal(number)
            self.tally.fault(f"{number.name} to a worker")

    def _may_lose(self) -> bool:
        """Whether no job would fail, as it should, because its worker died too often."""
        rows = read(self.folder, "SELECT coalesce(sum(losses), 0), max(losses) FROM jobs")
        known, most = rows[0] if rows else (0, 0)
        return int(most or 0) + self.kills - int(known) < LOSSES - 1

    def _step(self, process: subprocess.Popen[str]) -> None:
        if process.poll() is None:
            self.clock.write_text(f"{self.rng.choice((-1, 1)) * self.rng.choice(STEPS):+d}")
            self.tally.fault("clock step")

    def _read_only(self) -> bool:
        """Types the command on a disk that cannot be written."""
        mount("remount,ro", self.folder)
        try:
            self.tally.fault("read-only disk")
            return self.ended(self.start(), (1,), "read-only disk")
        finally:
            mount("remount,rw", self.folder)

    def _damage_checkpoints(self) -> None:
        for file in sorted((self.folder / "results" / "checkpoints").glob("*.pt")):
            if content := file.read_bytes():
                file.write_bytes(damaged(content, self.rng))
                self.tally.fault("damaged checkpoint")

    def damage_a_model(self) -> None:
        """Damages one of the trained models, which must then be refused."""
        file = self.rng.choice(sorted((self.folder / "results" / "models").glob("*.pt")))
        file.write_bytes(damaged(file.read_bytes(), self.rng))
        self.tally.fault("damaged model")
        with contextlib.suppress(VaebenchError):
            load_model(file)
            self.tally.bad("damaged models used", str(file))


ENDINGS: tuple[tuple[signal.Signals | None, str] | None, ...] = (
    None,
    *((number, target) for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
      for target in ("group", "runner")),
    (None, "disk full"),
)  # fmt: skip
"""What ends a command before its time; the last needs a disk of one's own."""


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Cuts a file short, or flips one bit of it or some."""
    if rng.random() < 0.2:
        return content[: rng.randrange(len(content))]
    changed = bytearray(content)
    places = rng.sample(range(8 * len(content)), rng.choice((1, 1, 8)))
    for place in places:
        changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def read(folder: Path, query: str) -> list[tuple[object, ...]]:
    """Reads the sweep's database; nothing where it is not there or is being written."""
    base = sqlite3.connect(f"file:{folder}/results/results.db?mode=ro", uri=True, timeout=0.1)
    try:
        return base.execute(query).fetchall()
    except sqlite3.Error:
        return []
    finally:
        base.close()


def mount(options: str, folder: Path) -> None:
    """Changes how a disk is mounted."""
    subprocess.run(["mount", "-o", options, str(folder)], check=True)


def images(folder: Path) -> None:
    """Writes the images that the sweep trains on."""
    draw = np.random.default_rng(0)
    pixels = (draw.random((128, 32, 32)) < 0.3).astype(np.uint8) * 255
    np.savez(folder / "images.npz", images=pixels, labels=draw.integers(0, 4, 128))


def _over(process: subprocess.Popen[str], until: float) -> bool:
    """Waits for a moment, and says whether the process ended before it came."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, until - time.monotonic()))
        return True
    return False


def _ours(process: subprocess.Popen[str]) -> bool:
    """Whether a line of vaebench has run: the process handles SIGTERM."""
    with suppress(OSError):
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", status, re.MULTILINE)
        return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def _workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []
