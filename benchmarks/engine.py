"""Which way to train many models at once is fastest on this device: one table in one run.

    python benchmarks/engine.py [--device cuda:0] [--precision bf16] [--models 4,16,64]

All ways train the same network on the same data with the same optimiser; they take turns, and a
rate is the median over the rounds. Beside them stand a plain matrix product and a plain copy: what
a step reaches of these says how far it is from the device's limits. What needs a GPU says so.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from engine_ways import (
    WARM_STEPS,
    Graph,
    One,
    Product,
    Products,
    Setup,
    Vmapped,
    Way,
    on_device,
)
from machine import describe
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from vaebench.devices import resolve_device, resolve_precision
from vaebench.training import arithmetic, device_name, prepare, set_precision

STEPS_COMPARED = 5
PRODUCT_SIDE, COPIED_BYTES = {"cuda": 8192, "cpu": 512}, {"cuda": 2**30, "cpu": 2**24}


@dataclass
class Row:
    """One way, and what was measured of it.

    Attributes:
        way: Its name.
        models: Models at once.
        rates: Model-steps a second, one a round.
        memory_bytes: Of the device, for each model; None where nobody counts it.
        same_bits: Whether the first model has the weights that it has alone; None where the
            arithmetic is another.
        said: Why there is nothing, or a remark.
    """

    way: str
    models: int
    rates: list[float] = field(default_factory=list)
    memory_bytes: float | None = None
    same_bits: bool | None = None
    said: str = ""


class Traffic(TorchDispatchMode):
    """Counts the bytes that operations read and write, as if no cache kept any."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(
        self,
        function: Any,
        types: object,
        arguments: tuple[Any, ...] = (),
        named: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        found = function(*arguments, **(named or {}))
        if not function.is_view:
            values = tree_leaves((arguments, named, found))
            tensors = (value for value in values if isinstance(value, torch.Tensor))
            self.bytes += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return found


def main() -> None:
    """Measures, prints the table, and writes it to a file."""
    asked = _asked()
    device = resolve_device(asked.device)
    prepare(device, asked.threads)
    setup = Setup(
        device=torch.device(device),
        precision=resolve_precision(asked.precision, device),
        network=asked.network,
        size=asked.size,
        batch_size=asked.batch_size,
    )
    set_precision(setup.precision, device)
    counts = [int(count) for count in asked.models.split(",")]
    end = time.monotonic() + 60 * asked.minutes
    images = on_device(setup)
    limits = _limits(setup, asked.seconds)
    work = _work(One(setup, images))
    rows = [row for row, _ in _measured(setup, images, counts, asked, end)]
    cost = _cost_of_determinism(setup, asked)
    found = {
        "device": device,
        "device_name": device_name(device),
        **arithmetic(device),
        "machine": describe(),
        "setup": {**asdict(setup), "device": device},
        "step": work,
        "limits": limits,
        "rows": [asdict(row) for row in rows],
        "deterministic_cost": cost,
    }
    print(_table(found, rows))
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1) + "\n")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--network", default="locatello")
    parser.add_argument("--size", type=int, default=64, help="height and width of the images")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--models", default="4,16,64", help="how many at once")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a way in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=4.0, help="begin no way after so long")
    parser.add_argument("--threads", type=int, default=1, help="on a CPU")
    parser.add_argument("--out", type=Path, help="a JSON file")
    return parser.parse_args()


def _ways(setup: Setup, images: torch.Tensor, counts: list[int]) -> Iterator[tuple[Row, Any]]:
    """Yields each way's row with what makes it; None for what needs a GPU."""
    graphs = setup.device.type == "cuda"
    yield Row("the product today", 1), partial(Product, setup)
    yield Row("one step of its own memory", 1), partial(One, setup, images)
    make = partial(Graph, setup, images)
    yield Row("the same as a CUDA graph", 1), partial(make, 1) if graphs else None
    for count in counts:
        yield Row("branches of one graph", count), partial(make, count) if graphs else None
    for count in counts:
        yield Row("vmap: grouped convolutions", count), partial(Vmapped, setup, images, count)
    for count in counts:
        yield Row("batched matrix products", count), partial(Products, setup, images, count)


def _measured(
    setup: Setup, images: torch.Tensor, counts: list[int], asked: argparse.Namespace, end: float
) -> list[tuple[Row, Way | None]]:
    """Makes and checks each way, then times all that stand in turns."""
    made: list[tuple[Row, Way | None]] = []
    for row, make in _ways(setup, images, counts):
        way: Way | None = None
        if make is None:
            row.said = "needs a GPU"
        elif time.monotonic() > end:
            row.said = "no time was left"
        else:
            try:
                way = _made(setup, images, row, make)
            except (RuntimeError, TypeError, ValueError) as error:
                row.said = " ".join(str(error).split())[:150]
        made.append((row, way))
    for _ in range(asked.rounds):
        for row, way in made:
            if way is not None and (not row.rates or time.monotonic() < end):
                row.rates.append(row.models * _rate(setup, way.step, asked.seconds))
    return made


def _made(setup: Setup, images: torch.Tensor, row: Row, make: Callable[[], Way]) -> Way:
    """Makes a way, counts its memory, and compares its first model with one trained alone."""
    before = _reserved(setup)
    way = make()
    warm = 0 if isinstance(way, Graph) else WARM_STEPS  # which did so before it was captured
    _steps(warm + STEPS_COMPARED, way)
    if before is not None:
        row.memory_bytes = ((_reserved(setup, empty=False) or 0) - before) / row.models
    if not isinstance(way, (Vmapped, Products)):
        alone = One(setup, images)
        _steps(WARM_STEPS + STEPS_COMPARED, alone)
        row.same_bits = all(map(torch.equal, alone.weights(), way.weights()))
    return way


def _steps(count: int, way: Way) -> None:
    for _ in range(count):
        way.step()


def _reserved(setup: Setup, *, empty: bool = True) -> int | None:
    if setup.device.type != "cuda":
        return None
    torch.cuda.synchronize(setup.device)
    if empty:
        torch.cuda.empty_cache()
    return torch.cuda.memory_reserved(setup.device)


def _rate(setup: Setup, act: Callable[[], object], seconds: float) -> float:
    """Returns how often something can be done a second; the device is waited for at the end."""
    act()
    _wait(setup)
    start, done, batch = time.perf_counter(), 0, 1
    while (gone := time.perf_counter() - start) < seconds:
        for _ in range(batch):
            act()
        _wait(setup)
        done += batch
        batch = min(2 * batch, 64)
    return done / gone


def _wait(setup: Setup) -> None:
    if setup.device.type == "cuda":
        torch.cuda.synchronize(setup.device)


def _work(one: One) -> dict[str, float]:
    """Counts a step's floating-point operations, and the bytes that it moves without a cache."""
    _steps(1, one)
    with FlopCounterMode(display=False) as flops:
        one.step()
    with Traffic() as traffic:
        one.step()
    return {"flop": float(flops.get_total_flops()), "bytes": float(traffic.bytes)}


def _limits(setup: Setup, seconds: float) -> dict[str, float]:
    """Measures a plain matrix product, FLOP/s, and a plain copy, bytes/s read and written."""
    kind = "cuda" if setup.device.type == "cuda" else "cpu"
    dtype = torch.bfloat16 if setup.precision == "bf16" else torch.float32
    side = PRODUCT_SIDE[kind]
    left = torch.ones(side, side, dtype=dtype, device=setup.device)
    source = torch.ones(COPIED_BYTES[kind], dtype=torch.uint8, device=setup.device)
    target = torch.empty_like(source)
    return {
        "product_flops": 2 * side**3 * _rate(setup, lambda: torch.mm(left, left), seconds),
        "copy_bytes": 2 * len(source) * _rate(setup, lambda: target.copy_(source), seconds),
    }


def _cost_of_determinism(setup: Setup, asked: argparse.Namespace) -> float:
    """Returns how much longer the product's step takes with deterministic algorithms."""
    rates: dict[bool, list[float]] = {True: [], False: []}
    way = Product(setup)
    for _ in range(asked.rounds):
        for switch in rates:
            torch.use_deterministic_algorithms(switch)
            rates[switch].append(_rate(setup, way.step, asked.seconds))
    torch.use_deterministic_algorithms(True)
    return statistics.median(rates[False]) / statistics.median(rates[True])


def _table(found: dict[str, Any], rows: list[Row]) -> str:
    """Writes what was found as a table of Markdown, with what it was measured on."""
    setup, step, limits = found["setup"], found["step"], found["limits"]
    base = statistics.median(rows[0].rates) if rows[0].rates else None
    lines = [
        f"{found['device']} ({found['device_name']}); {found['machine']}",
        f"{setup['network']}, {setup['size']}×{setup['size']}, batches of {setup['batch_size']}, "
        f"{setup['precision']}: {step['flop'] / 1e9:.3g} GFLOP and {step['bytes'] / 1e6:.3g} MB "
        "a step, were nothing kept in a cache",
        f"a plain matrix product: {limits['product_flops'] / 1e12:.3g} TFLOP/s; a plain copy: "
        f"{limits['copy_bytes'] / 1e9:.3g} GB/s; deterministic algorithms make a step of the "
        f"product {found['deterministic_cost']:.2f} times as long",
        "",
        "| way | models | model-steps/s | min–max | of today's | of the product | of the copy "
        "| MB a model | same bits as alone |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if not row.rates:
            lines.append(f"| {row.way} | {row.models} | {row.said} | | | | | | |")
            continue
        rate = statistics.median(row.rates)
        memory = "–" if row.memory_bytes is None else f"{row.memory_bytes / 1e6:.0f}"
        bits = {True: "yes", False: "no", None: "other arithmetic"}[row.same_bits]
        lines.append(
            f"| {row.way} | {row.models} | {rate:,.1f} | {min(row.rates):,.1f}–"
            f"{max(row.rates):,.1f} | {f'{rate / base:.2f}×' if base else '–'} | "
            f"{rate * step['flop'] / limits['product_flops']:.1%} | "
            f"{rate * step['bytes'] / limits['copy_bytes']:.1%} | {memory} | {bits} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
