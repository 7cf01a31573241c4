"""Times the same training through vaebench and through other libraries, in turns in one run.

The network is `locatello` on dSprites, beta-VAE with a Bernoulli likelihood, batches of 64 and
Adam. vaebench runs as `vaebench sweep` does by default; each peer as it is shipped (one process,
all cores), and as a careful user would run several trainings at once (one process of one thread
a core). All have all cores, so rates are of all models trained at once. `docs/speed.md` has the
figures and what they mean.

    python benchmarks/peers.py --rounds 5 --steps 200

makes the peers' environments at the first call (needs a package index) and takes about three
minutes a round on two cores. Use a machine that does nothing else: what other processes used
meanwhile is measured and printed, and with `--patience` a disturbed measurement is repeated.
Ctrl-C ends it with the table of what has been measured.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from contenders import (
    BATCH,
    WARM_STEPS,
    Peer,
    Timing,
    Vaebench,
    environment,
    save_images,
)
from machine import cores, describe, wait_until_quiet

Contender = Vaebench | Peer


def main() -> None:
    """Runs the rounds and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300, help="timed steps of each model")
    parser.add_argument("--pythae-python", type=Path, help="interpreter that has pythae")
    parser.add_argument("--disent-python", type=Path, help="interpreter that has disent")
    parser.add_argument("--own-encoder", action="store_true", help="disent with its own encoder")
    parser.add_argument("--only", default="", help="words, one of which a contender's name has")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir(), "vaebench-peers"),
        help="for the peers' environments and data  [default: %(default)s]",
    )
    parser.add_argument(
        "--quiet", type=float, default=0.05, help="share of the cores that others may use"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=0.0,
        help="seconds to wait for quiet and to repeat, in all",
    )
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    data = chosen.folder / "dsprites.npz"
    save_images(data, (WARM_STEPS + chosen.steps) * BATCH)
    contenders = [
        contender
        for contender in _contenders(chosen)
        if not chosen.only or any(word in contender.name for word in chosen.only.split(","))
    ]
    timings: dict[str, list[Timing]] = {contender.name: [] for contender in contenders}
    until = time.monotonic() + chosen.patience
    with contextlib.suppress(KeyboardInterrupt):
        for number in range(1, chosen.rounds + 1):
            for contender in list(contenders):
                try:
                    timing = _measure(contender, chosen.steps, data, chosen.quiet, until)
                except (RuntimeError, subprocess.CalledProcessError) as error:
                    _say(f"{contender.name} cannot be measured: {error}")
                    contenders.remove(contender)
                    continue
                timings[contender.name].append(timing)
                _say(
                    f"round {number}: {contender.name}: {timing.rate:.1f} steps/s "
                    f"(whole {timing.whole_rate:.1f}, {timing.load.seconds:.0f} s, "
                    f"others {timing.load.others:.1%})"
                )
    timings = {name: rows for name, rows in timings.items() if rows}
    counts = {timing.parameters for rows in timings.values() for timing in rows}
    _table(timings)
    rounds = max(map(len, timings.values()), default=0)
    print(f"\n{describe()}. {rounds} rounds in turns, {chosen.steps} steps a model,")
    print(f"{', '.join(f'{count:,}' for count in sorted(counts))} parameters.")
    for name, rows in timings.items():
        print(f"- {name}: {rows[0].versions}")


def _contenders(chosen: argparse.Namespace) -> list[Contender]:
    many = cores()
    found: list[Contender] = [
        Vaebench("vaebench"),
        Vaebench("vaebench --precision fp32", ("--precision", "fp32")),
    ]
    for name in ("pythae", "disent"):
        if chosen.only and not any(word in name for word in chosen.only.split(",")):
            continue
        python = getattr(chosen, f"{name}_python") or environment(name, chosen.folder)
        script = f"peer_{name}.py"
        found.append(Peer(f"{name} as shipped", script, python))
        found.append(Peer(f"{name}, {many} × 1 thread", script, python, many, 1))
        if name == "disent" and chosen.own_encoder:
            own = ("--own-encoder",)
            found.append(Peer("disent as shipped, own encoder", script, python, options=own))
    return found


def _measure(contender: Contender, steps: int, data: Path, quiet: float, until: float) -> Timing:
    """Measures once; again while others disturb it and there is patience left."""
    while True:
        if time.monotonic() < until:
            wait_until_quiet(quiet, until)
        timing = contender.run(steps, data)
        if timing.load.others <= quiet or time.monotonic() > until:
            return timing
        _say(f"others used {timing.load.others:.0%} beside {contender.name}: once more")


def _table(timings: dict[str, list[Timing]]) -> None:
    """Prints the table in Markdown; ratios are medians over rounds of the pairs' ratios."""
    ours = timings.get("vaebench", [])
    print("| contender | model-steps/s | min–max | vaebench's ratio to it | whole command |")
    print("|---|---|---|---|---|")
    for name, rows in timings.items():
        rates = [row.rate for row in rows]
        ratios = [mine.rate / row.rate for mine, row in zip(ours, rows, strict=False)]
        ratio = ""
        if ratios and name != "vaebench":
            low, high = min(ratios), max(ratios)
            ratio = f"{statistics.median(ratios):.2f} ({low:.2f}–{high:.2f})"
        whole = statistics.median(row.whole_rate for row in rows)
        print(
            f"| {name} | {statistics.median(rates):.1f} | {min(rates):.1f}–{max(rates):.1f} "
            f"| {ratio} | {whole:.1f} |"
        )
    disturbance = [row.load.others for rows in timings.values() for row in rows]
    print(
        f"\nOther processes used {statistics.median(disturbance):.1%} of the cores "
        f"(median; at most {max(disturbance):.1%})."
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
