"""Faults on purpose: sweeps killed, stopped, starved, misclocked and damaged, then compared.

    python benchmarks/faults.py --minutes 60            prints a table; 1 where it is not all 0
    python benchmarks/faults.py --minutes 60 --lanes 1  one sweep at a time, not one a core

One small sweep runs without a fault. Then the same sweep runs in new folders, where its command is
killed, stopped, or starved of disk at random moments from the first millisecond on, its workers are
killed, its clock is set, its checkpoints are damaged, and is typed again at once, until it is
complete; and every stored figure is compared. Disk faults need root (a small tmpfs is mounted),
clock steps libfaketime. What is drawn follows `--seed`; when it strikes, the machine decides too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faulty_sweep import FaultySweep, Tally, images, read

FIGURES = (
    "SELECT job_key, name, value, points, low, high, note FROM scores JOIN jobs ON id = job_id",
    "SELECT job_key, c.step, loss, reconstruction, kl FROM curves c JOIN jobs ON id = job_id",
    "SELECT job_key, name, png FROM artifacts JOIN jobs ON id = job_id",
    "SELECT job_key, points, latents, codes FROM representations JOIN jobs ON id = job_id",
    "SELECT job_key, spec, state FROM jobs",
)
"""Every stored figure, without times."""

COMMANDS = 16
"""Commands under faults after which a sweep is let to its end."""

WRONG = ("jobs lost", "jobs doubled", "jobs different", "attempts that a fault cost",
         "losses beyond killed workers", "damaged models used", "unfinished", "tracebacks",
         "exit codes", "hanging")  # fmt: skip


@dataclass
class Campaign:
    """Sweeps under faults, several side by side.

    Attributes:
        root: Where their folders are.
        seed: What is drawn follows it.
        until: When the last sweep is begun, by the monotonic clock.
        own_disk: Whether each may have a small disk of its own.
    """

    root: Path
    seed: int
    until: float
    own_disk: bool
    tally: Tally = field(default_factory=Tally)
    rounds: int = 0
    span: float = 60.0
    reference: list[list[tuple[Any, ...]]] = field(default_factory=list)

    def prepare(self) -> None:
        """Runs the sweep without a fault: what all others must come to, and how long it takes."""
        with self._disk("reference") as folder:
            sweep = FaultySweep(folder, random.Random(0), Tally(), self.span, own_disk=False)
            began = time.monotonic()
            sweep.complete()
            self.span = time.monotonic() - began
            self.reference = figures(folder)
            if not self.reference[-1] or any(row[2] != "COMPLETE" for row in self.reference[-1]):
                raise SystemExit("The sweep without a fault failed.")

    def lane(self, number: int) -> None:
        """Runs one sweep after the other until the time is over."""
        for place in range(1 << 30):
            if time.monotonic() > self.until:
                return
            name = f"{number}-{place}"
            rng = random.Random(f"{self.seed}-{name}")
            with self._disk(name) as folder:
                sweep = FaultySweep(folder, rng, self.tally, self.span, self.own_disk)
                for _ in range(COMMANDS):
                    if sweep.command() or time.monotonic() > self.until:
                        break
                sweep.complete()
                sweep.damage_a_model()
                self._compare(sweep)
            with self.tally.lock:
                self.rounds += 1
                faults, wrong = self.tally.faults.total(), dict(+self.tally.wrong)
                print(f"{self.rounds} sweeps, {faults} faults, wrong: {wrong or 0}", flush=True)

    @contextmanager
    def _disk(self, name: str) -> Iterator[Path]:
        """Gives a sweep a folder with its images: a small disk of its own where it may."""
        folder = self.root / name
        folder.mkdir()
        if self.own_disk:
            command = ["mount", "-t", "tmpfs", "-o", "size=64m", "vaebench-faults", str(folder)]
            subprocess.run(command, check=True)
        try:
            images(folder)
            yield folder
        finally:
            if self.own_disk:
                subprocess.run(["umount", "-l", str(folder)], check=False)
            shutil.rmtree(folder, ignore_errors=True)

    def _compare(self, sweep: FaultySweep) -> None:
        """Counts jobs that were lost, done twice, or came out different."""
        found, name = figures(sweep.folder), sweep.folder.name
        whole = {row[0] for row in found[-1] if row[2] == "COMPLETE"}
        if lost := {row[0] for row in self.reference[-1]} - whole:
            self.tally.bad("jobs lost", f"{name}: {sorted(lost)}", len(lost))
        if twice := [key for key, count in sweep.done.items() if count > 1]:
            self.tally.bad("jobs doubled", f"{name}: {twice}", len(twice))
        pairs = zip(self.reference, found, strict=True)
        if different := {row[0] for theirs, ours in pairs for row in set(theirs) ^ set(ours)}:
            self.tally.bad("jobs different", f"{name}: {sorted(different)}", len(different))
        attempts, losses = read(sweep.folder, "SELECT sum(attempts), sum(losses) FROM jobs")[0]
        if attempts:
            self.tally.bad("attempts that a fault cost", f"{name}: {attempts}", int(attempts))
        if (beyond := int(losses or 0) - sweep.kills) > 0:
            self.tally.bad("losses beyond killed workers", f"{name}: {beyond}", beyond)

    def table(self, minutes: float) -> str:
        """Returns what happened, as a Markdown table."""
        faults = self.tally.faults
        jobs = len(self.reference[-1])
        lines = [
            f"{faults.total():,} faults on {self.tally.commands:,} commands of {self.rounds:,} "
            f"sweeps of {jobs} jobs in {minutes:.0f} min; the first alone took {self.span:.0f} s.",
            "",
            "| fault | times |",
            "|---|---|",
            *(f"| {kind} | {count:,} |" for kind, count in sorted(faults.items())),
            "",
            "| what must not be | times |",
            "|---|---|",
            *(f"| {kind} | {self.tally.wrong[kind]:,} |" for kind in WRONG),
        ]
        return "\n".join(lines)


def figures(folder: Path) -> list[list[tuple[Any, ...]]]:
    """Returns every stored figure but times, exactly."""
    return [sorted(read(folder, query), key=repr) for query in FIGURES]


def main() -> int:
    """Runs the campaign.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="begin no sweep after these")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    parser.add_argument("--lanes", type=int, help="sweeps side by side; one a core by default")
    parser.add_argument("--json", type=Path, help="also write the counts here")
    chosen = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # `&` has it ignored, and by commands
    root = Path(tempfile.mkdtemp(prefix="vaebench-faults-"))
    campaign = Campaign(root, chosen.seed, 0.0, hasattr(os, "geteuid") and os.geteuid() == 0)
    try:
        campaign.prepare()
        began = time.monotonic()
        campaign.until = began + 60 * chosen.minutes
        count = chosen.lanes or os.cpu_count() or 1
        lanes = [threading.Thread(target=campaign.lane, args=(n,)) for n in range(count)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        minutes = (time.monotonic() - began) / 60
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(f"\n{campaign.table(minutes)}")
    if chosen.json is not None:
        tally = campaign.tally
        counts = {"sweeps": campaign.rounds, "commands": tally.commands, "faults": tally.faults}
        chosen.json.write_text(json.dumps({**counts, "wrong": tally.wrong}, indent=1))
    return 1 if +campaign.tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
