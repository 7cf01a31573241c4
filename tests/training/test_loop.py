"""The loop: resumed is the same as never stopped, bad losses are named, and it learns."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from tests.training.conftest import make_spec, make_trainer
from vaebench.errors import DivergedError
from vaebench.models import model_names
from vaebench.training import Trainer
from vaebench.training.loop import CURVE_POINTS


def weights(trainer: Trainer) -> list[torch.Tensor]:
    modules = [trainer.model]
    if trainer.adversary is not None:
        modules.append(trainer.adversary.discriminator)
    return [value.clone() for module in modules for value in module.state_dict().values()]


def same(first: Trainer, second: Trainer) -> bool:
    pairs = zip(weights(first), weights(second), strict=True)
    return all(torch.equal(a, b) for a, b in pairs) and first.curve == second.curve


def run(trainer: Trainer, checkpoint: Path, stop_after: int | None = None) -> bool:
    steps = 0

    def should_stop() -> bool:
        nonlocal steps
        steps += 1
        return steps == stop_after

    return trainer.run(
        checkpoint=checkpoint,
        every_seconds=math.inf,
        on_step=lambda trainer: None,
        should_stop=should_stop,
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("model", model_names())
def test_stopped_and_resumed_is_never_stopped(model: str, precision: str, tmp_path: Path) -> None:
    spec = make_spec(model, precision=precision, warmup_steps=5)
    straight = make_trainer(spec)
    assert run(straight, tmp_path / "straight.pt")
    path = tmp_path / "stopped.pt"
    assert not run(make_trainer(spec), path, stop_after=1)
    assert not run(make_trainer(spec), path, stop_after=6)
    resumed = make_trainer(spec)
    assert run(resumed, path)
    assert same(straight, resumed)
    assert [point.step for point in resumed.curve] == list(range(1, 13))


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    first, second = make_trainer(make_spec()), make_trainer(make_spec(seed=1))
    for trainer in (first, second):
        trainer.advance()
    assert not same(first, second)


def test_training_lowers_the_loss_and_the_curve_is_the_mean_of_its_steps() -> None:
    spec = make_spec(steps=250, batch_size=16)
    trainer = make_trainer(spec)
    assert trainer.curve_every == 250 // CURVE_POINTS == 2
    while not trainer.done:
        trainer.advance()
    assert [point.step for point in trainer.curve] == list(range(2, 251, 2))
    assert trainer.curve[-1].loss < 0.5 * trainer.curve[0].loss
    for point in trainer.curve:
        assert point.kl is not None
        beta = spec.parameters["beta"]
        assert point.loss == pytest.approx(point.reconstruction + beta * point.kl, rel=1e-5)


def test_a_loss_that_is_not_finite_is_named_with_its_step() -> None:
    trainer = make_trainer(make_spec(steps=300))
    for _ in range(4):
        trainer.advance()
    with torch.no_grad():
        next(trainer.model.parameters()).fill_(math.nan)
    trainer.advance()
    with pytest.raises(DivergedError, match=r"at step 5 of 300"):
        trainer.advance()


def test_an_autoencoder_has_neither_noise_nor_kl() -> None:
    trainer = make_trainer(make_spec("ae"))
    trainer.advance()
    assert trainer.curve[0].kl is None
    x, _ = trainer.feed.batch(torch.arange(4), labelled=False)
    mu, logvar = trainer.model.encode(x)
    noise = torch.ones_like(mu)
    assert torch.equal(trainer.model.sample(mu, logvar, noise), mu)


def test_weight_decay_is_in_the_gradient() -> None:
    """Adam's first step has the size of the learning rate whatever the gradient's: so decay of a
    weight without other gradient moves it by lr, where decoupled decay would move it by lr · w."""
    spec = make_spec("ae", weight_decay=0.01, learning_rate=1e-3)
    trainer = make_trainer(spec)
    head = trainer.model.network.head[-1]
    before = head.weight.detach().clone()
    trainer.advance()
    unused = slice(spec.latent_dim, None)  # logvar rows: an autoencoder does not use them
    moved = (before - head.weight.detach())[unused]
    plain = before[unused].abs() > 1e-3  # Adam's epsilon weighs in below
    expected = 1e-3 * before[unused][plain].sign()
    torch.testing.assert_close(moved[plain], expected, rtol=0.01, atol=0)


def test_the_objective_is_told_how_many_examples_it_learns_from() -> None:
    trainer = make_trainer(make_spec("btcvae"))
    assert trainer.hyper["examples"].item() == len(trainer.train_indices) > 100_000


@pytest.mark.gpu
@pytest.mark.parametrize("model", model_names())
def test_on_a_gpu_resumed_is_never_stopped(model: str, device: str, tmp_path: Path) -> None:
    spec = make_spec(model, precision="bf16", steps=40)
    straight = make_trainer(spec, device)
    run(straight, tmp_path / "straight.pt")
    path = tmp_path / "stopped.pt"
    run(make_trainer(spec, device), path, stop_after=17)
    resumed = make_trainer(spec, device)
    run(resumed, path)
    assert same(straight, resumed)
