"""The benchmark of ways to train many models: each way trains what one model alone does."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from vaebench.training import prepare

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
MODELS, STEPS = 3, 4


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    prepare("cpu", 1)
    return importlib.import_module("engine_ways")


def setup(ways: ModuleType, network: str, size: int) -> Any:
    return ways.Setup(torch.device("cpu"), "fp32", network, size, batch_size=6)


def test_one_model_of_its_own_memory_is_the_product_to_the_bit(ways: ModuleType) -> None:
    made = setup(ways, "burgess", 32)
    product, alone = ways.Product(made), ways.One(made, ways.on_device(made))
    for _ in range(STEPS):
        product.step()
        alone.step()
    assert all(map(torch.equal, product.weights(), alone.weights()))


@pytest.mark.parametrize("way", ["Vmapped", "Products"])
@pytest.mark.parametrize(("network", "size"), [("locatello", 64), ("burgess", 32), ("mlp", 32)])
def test_many_models_at_once_are_each_what_it_is_alone(
    ways: ModuleType, way: str, network: str, size: int
) -> None:
    """To rounding at the first step; then Adam divides by gradients that are nearly 0."""
    made = setup(ways, network, size)
    images = ways.on_device(made)
    together = getattr(ways, way)(made, images, MODELS)
    alone = [ways.One(made, images, seed) for seed in range(MODELS)]
    for step in range(STEPS):
        together.step()
        for model, one in enumerate(alone):
            one.step()
            for name, value in one.model.named_parameters():
                stacked = together.parameters[name].grad[model]
                error = (stacked - value.grad).norm() / value.grad.norm()
                assert error < (1e-4 if step == 0 else 0.1), (step, name, error)
            assert together.draws.at == one.draws.at == step + 1


def test_the_table_says_what_only_a_gpu_can_run(tmp_path: Path) -> None:
    options = "--device cpu --precision fp32 --network burgess --size 32 --batch-size 4"
    quick = "--models 2 --seconds 0.02 --rounds 1 --minutes 5"
    out = tmp_path / "engine.json"
    command = [sys.executable, str(BENCHMARKS / "engine.py"), *options.split(), *quick.split()]
    done = subprocess.run(
        [*command, "--out", str(out)], capture_output=True, text=True, check=True, timeout=300
    )
    lines = done.stdout.splitlines()
    assert "| branches of one graph | 2 | needs a GPU |" in done.stdout
    assert sum(line.startswith("| ") for line in lines) == 1 + 6
    found = json.loads(out.read_text())
    rates = {row["way"]: row["rates"] for row in found["rows"]}
    assert min(rates["the product today"] + rates["vmap: grouped convolutions"]) > 0
    bits = {row["way"]: row["same_bits"] for row in found["rows"]}
    assert bits["the product today"] is True
    assert bits["batched matrix products"] is None
    assert found["step"]["flop"] > 1e6
