"""A training step on a GPU, with torch's fake tensors: no mixed devices, nothing that waits.

Fake tensors have shapes, types and devices, and no values: whoever asks for a value, or computes
with tensors of two devices, gets an error. So the real step runs on a `cuda:0` that is not there:
all but its backward pass, whose engine asks the driver for streams, and which gives zeros here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeTensorDeviceMismatchError,
    FakeTensorMode,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests import two_gpus
from tests.training.conftest import make_spec
from vaebench.adam import Adam
from vaebench.data import Dataset
from vaebench.data.stored import StoredImages
from vaebench.evaluation import Encoder
from vaebench.evaluation.likelihood import likelihood_scores, widest
from vaebench.models import model_names
from vaebench.training import Feed, Trainer, build_model
from vaebench.training.shelf import Shelf, shelf

GPU = torch.device("cuda:0")
WAITS = {"_local_scalar_dense", "nonzero", "equal", "masked_select", "unique", "_unique2", "item"}
"""Operations whose result, or whose size, the host has to wait for."""


class Log(TorchDispatchMode):
    """Names of the operations that make the host wait, and of those that copy between devices."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []
        self.copies: list[str] = []
        self.back: list[torch.Size] = []
        self.count = 0

    def __torch_dispatch__(
        self,
        function: Any,
        types: object,
        arguments: tuple[Any, ...] = (),
        named: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        found = function(*arguments, **(named or {}))
        name, self.count = function.overloadpacket.__name__, self.count + 1
        tensors = [v for v in tree_leaves((arguments, named, found)) if isinstance(v, torch.Tensor)]
        masked = name.startswith("index") and any(v.dtype == torch.bool for v in tensors[1:-1])
        if name in WAITS or masked:
            self.waits.append(name)
        if len({v.device for v in tensors if v.ndim or v.device.type != "cpu"}) > 1:
            self.copies.append(name)
            self.back += [found.shape] if found.device.type == "cpu" else []
        return found


def images(count: int = 300, classes: int = 3) -> Dataset:
    rng = np.random.default_rng(0)
    return StoredImages(
        "made up",
        "made up",
        rng.integers(0, 256, (count, 32, 32, 1), dtype=np.uint8),
        labels=np.arange(count) % classes,
        label_names=[str(label) for label in range(classes)],
    )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tensors without values, and no driver asked; pinning is not simulated."""
    two_gpus.install(monkeypatch.setattr)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 0)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    monkeypatch.setattr(torch.nn.Module, "_apply", _apply)
    monkeypatch.setattr(torch.Tensor, "__getitem__", _item)
    monkeypatch.setattr(Shelf, "_brought", _brought)
    from_numpy = torch.from_numpy
    monkeypatch.setattr(torch.Tensor, "backward", lambda loss: None)
    monkeypatch.setattr(Trainer, "_check_loss", lambda made, loss: None)  # it has no gradient
    with FakeTensorMode() as mode, torch.no_grad():
        monkeypatch.setattr(torch, "from_numpy", lambda array: mode.from_tensor(from_numpy(array)))
        yield
    shelf.cache_clear()


def _apply(module: torch.nn.Module, act: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """As torch's, which changes a parameter in place, as one without values cannot be."""
    for child in module.children():
        _apply(child, act)
    for name, value in module._parameters.items():
        if value is not None:
            module._parameters[name] = torch.nn.Parameter(act(value), requires_grad=False)
    return module


def _brought(held: Shelf, data: Dataset) -> torch.Tensor:
    shape = (len(data), *data.observation_shape)
    return torch.empty(shape, dtype=torch.uint8, device=held.device)


def _item(tensor: torch.Tensor, key: Any) -> torch.Tensor:
    """`tensor[key]`, which in torch asks the driver for the device of a tensor on a GPU.

    After an ellipsis come but new dimensions.
    """
    place = 0
    for one in key if isinstance(key, tuple) else (key,):
        if isinstance(one, int):
            tensor = tensor.select(place, one)
        elif one is ...:
            place = tensor.ndim
        elif one is None:
            tensor, place = tensor.unsqueeze(place), place + 1
        elif isinstance(one, slice):
            stop = 2**62 if one.stop is None else one.stop
            tensor = torch.ops.aten.slice(tensor, place, one.start or 0, stop, one.step or 1)
            place += 1
        else:
            tensor, place = torch.ops.aten.index(tensor, [None] * place + [one]), place + 1
    return tensor


def trainer(model: str, data: Dataset, **changes: Any) -> Trainer:
    spec = make_spec(model, steps=1000, batch_size=16, **changes)
    made = build_model(spec, data.observation_shape, len(data.label_names))
    found = Trainer(spec, made, Feed(data, GPU), torch.arange(len(data)), GPU)
    beside = [] if found.adversary is None else [found.adversary.optimiser]
    for optimiser in (found.optimiser, *beside):
        assert isinstance(optimiser, Adam)
        optimiser.step = partial(_step, optimiser, optimiser.step)  # type: ignore[method-assign]
    return found


def _step(optimiser: Adam, step: Callable[[], None]) -> None:
    """Does a step with gradients, which fake tensors have none of."""
    for value in optimiser.parameters:
        value.grad = torch.zeros_like(value)
    step()


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize("model", model_names())
def test_no_step_waits_for_the_host_or_copies(model: str, precision: str) -> None:
    made = trainer(model, images(), precision=precision)
    made.advance()  # uploads: the epoch's order, a chunk of noise, the labels
    assert {v.device for v in made.model.parameters()} == {GPU}
    assert {v.device for s in made.optimiser.state.values() for v in s.values()} == {GPU}
    with Log() as log:
        for _ in range(3):
            made.advance()
    assert log.count > 300
    assert log.waits == []
    drawn = {"infovae": 3}.get(model, 0)  # draws of the prior, new ones each step, from the host
    assert len(log.copies) == drawn, log.copies


@pytest.mark.usefixtures("fake")
def test_fake_tensors_find_what_they_are_here_to_find() -> None:
    made = trainer("vae", images())
    made.advance()
    with pytest.raises(DataDependentOutputException):
        made.sums[0].item()
    made.batches = type(made.batches)(0, 300, 16, made.spec.latent_dim)  # noise on the CPU
    with pytest.raises((FakeTensorDeviceMismatchError, RuntimeError), match="device"):
        made.advance()
    with Log() as log, pytest.raises(DataDependentOutputException):
        made.sums.sum().item()
    assert made.sums.to("cpu").device.type == "cpu"
    with Log() as log:
        made.sums.to("cpu")
    assert len(log.copies) == 1


@pytest.mark.usefixtures("fake")
def test_a_point_of_the_curve_is_the_one_thing_that_waits() -> None:
    made = trainer("vae", images())
    for _ in range(made.curve_every - 1):
        made.advance()
    with pytest.raises(DataDependentOutputException):
        made.advance()


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("free", [100, 700_000])
def test_what_does_not_fit_stays_on_the_host(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """300 images of 1,024 bytes may take half of what is free."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 10**9))
    feed = Feed(images(), GPU)
    fits = free > 2 * 300 * 1024
    assert feed.place == (GPU if fits else torch.device("cpu"))
    assert Feed(images(), GPU, held=False).place == torch.device("cpu")
    if not fits:
        pinned: list[torch.Size] = []

        def pin(values: torch.Tensor) -> torch.Tensor:
            pinned.append(values.shape)
            return values

        monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
        monkeypatch.setattr(torch.Tensor, "numpy", lambda indices: np.arange(len(indices)))
        with Log() as log:
            x, label = feed.batch(torch.arange(8), labelled=True)
        assert (x.device, x.shape) == (GPU, (8, 1, 32, 32))
        assert label is not None
        assert label.device == GPU
        assert pinned == [(8,), (8, 1, 32, 32)]
        assert len(log.copies) == 2


def test_the_least_recently_used_data_set_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has 102,400 bytes, and there is room for two."""
    held = Shelf(torch.device("cpu"))
    monkeypatch.setattr(
        "vaebench.training.shelf.free_bytes", lambda device: 500_000 - held.held_bytes
    )
    sets = [images(100, classes) for classes in (1, 2, 3)]
    for number, data in enumerate(sets):
        data.name = f"set {number}"  # type: ignore[misc]
    first = held.images(sets[0])
    assert torch.equal(first, torch.from_numpy(sets[0].observations(np.arange(100))))
    held.images(sets[1])
    assert held.images(sets[0]) is first
    held.images(sets[2])
    assert held.held_bytes == 2 * 102_400
    assert held.images(sets[0]) is first  # and not the second, which was looked at before
    assert not held.fits(images(300))
    assert held.fits(sets[1])


class OnlyNarrow(TorchDispatchMode):
    """Refuses float64 on the device, as Apple's GPUs do."""

    def __torch_dispatch__(
        self,
        function: Callable[..., Any],
        types: object,
        arguments: tuple[Any, ...] = (),
        named: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        found = function(*arguments, **(named or {}))
        for value in tree_leaves(found):
            wide = isinstance(value, torch.Tensor) and value.dtype == torch.float64
            assert not (wide and value.device == GPU), function
        return found


def encoder(model: str, device: torch.device, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    """An untrained model that encodes 5,000 images; what comes to the host is zeros there."""
    monkeypatch.setattr("vaebench.training.shelf.free_bytes", lambda device: 10**9)
    kinds = {torch.float64: np.float64, torch.float32: np.float32}
    monkeypatch.setattr(torch.Tensor, "numpy", lambda t: np.zeros(tuple(t.shape), kinds[t.dtype]))
    data = images(5000)
    made = build_model(make_spec(model), data.observation_shape, len(data.label_names))
    return Encoder(made.to(device).eval(), Feed(data, device), "fp32")


@pytest.mark.usefixtures("fake")
def test_evaluation_encodes_thousands_at_once_with_one_copy_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, batches = encoder("cvae", GPU, monkeypatch), []
    made.on_batch = lambda: batches.append(made.encoded)
    with Log() as log:
        codes = made.codes(np.arange(5000))
    assert codes.shape == (5000, 10)
    assert batches == [2048, 4096, 5000]
    assert log.waits == []
    assert log.back == [(5000, 20)]
    with Log() as log:
        likelihood_scores(make_spec("cvae"), made, np.arange(4500))
    assert log.waits == []
    assert log.back == [(4500, 20), (3, 11), (2, 4500)]


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("model", ["vae", "vampprior"])
def test_apples_gpus_evaluate_without_float64(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert widest(GPU) == widest(torch.device("cpu")) == torch.float64
    assert widest(torch.device("mps")) == torch.float32
    made = encoder(model, GPU, monkeypatch)  # torch has no fake of an Apple GPU elsewhere
    with pytest.raises(AssertionError), OnlyNarrow():
        likelihood_scores(make_spec(model), made, np.arange(100))
    monkeypatch.setattr("vaebench.evaluation.likelihood.widest", lambda device: torch.float32)
    with OnlyNarrow():
        scores, _ = likelihood_scores(make_spec(model), made, np.arange(100))
    assert {"reconstruction", "kl", "elbo"} <= {score.name for score in scores}
