"""FactorVAE's second network: who moves whom, which codes it sees, and that it can be resumed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.training.conftest import make_spec, make_trainer
from tests.training.test_loop import run, same, weights
from vaebench.adam import Adam
from vaebench.errors import UsageError
from vaebench.models.adversary import BETAS, LEARNING_RATE, Permutations
from vaebench.spec import JobSpec
from vaebench.streams import CHUNK
from vaebench.training import Trainer


def factor_vae(*, gamma: float = 10, halves: float = 0, **changes: object) -> JobSpec:
    parameters = {"gamma": gamma, "halves": halves}
    return dataclasses.replace(make_spec("factorvae", **changes), parameters=parameters)


def learning(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Tensor, ...]]:
    """Records the codes that the discriminator is given."""
    assert trainer.adversary is not None
    seen: list[tuple[torch.Tensor, ...]] = []
    learn = trainer.adversary.learn

    def spy(z: torch.Tensor, others: torch.Tensor, step: int) -> None:
        seen.append((z, others))
        learn(z, others, step)

    monkeypatch.setattr(trainer.adversary, "learn", spy)
    return seen


def test_permutations_are_permutations_of_every_latent_by_itself() -> None:
    permutations = Permutations(0, 9, 4)
    order = permutations.order(3)
    assert order.shape == (9, 4)
    assert torch.equal(order.sort(0).values, torch.arange(9)[:, None].expand(9, 4))
    columns = {tuple(column.tolist()) for column in order.T}
    assert len(columns) == 4


def test_permutations_depend_on_seed_and_step_alone() -> None:
    straight = Permutations(7, 6, 2)
    orders = [straight.order(step) for step in range(2 * CHUNK + 1)]
    for step in (2 * CHUNK, 0, CHUNK - 1, CHUNK):
        assert torch.equal(Permutations(7, 6, 2).order(step), orders[step])
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(Permutations(8, 6, 2).order(0), orders[0])
    counts = torch.stack(orders)[:, 0, 0].bincount(minlength=6)
    assert counts.min() > 0.5 * len(orders) / 6


def test_each_step_learns_from_its_own_permutation() -> None:
    """The same codes at the same weights: another step is another update, the same one is not."""
    z = torch.randn(8, 10, generator=torch.Generator().manual_seed(0))
    learnt = []
    for step in (0, 0, 1):
        trainer = make_trainer(factor_vae())
        assert trainer.adversary is not None
        trainer.adversary.learn(z, z, step)
        learnt.append(
            torch.cat([p.flatten() for p in trainer.adversary.discriminator.parameters()])
        )
    assert torch.equal(learnt[0], learnt[1])
    assert not torch.equal(learnt[0], learnt[2])


def test_without_gamma_the_model_trains_as_a_vae_and_the_discriminator_learns_all_the_same() -> (
    None
):
    """Neither weights nor random streams of the model are touched by what trains beside it."""
    beside, alone = make_trainer(factor_vae(gamma=0)), make_trainer(make_spec("vae"))
    before = weights(beside)
    for _ in range(3):
        beside.advance()
        alone.advance()
    for ours, theirs in zip(
        beside.model.state_dict().values(), alone.model.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)
    assert all(not torch.equal(a, b) for a, b in zip(before, weights(beside), strict=True))


def test_the_models_loss_does_not_reach_the_discriminator_nor_its_loss_the_model() -> None:
    trainer = make_trainer(factor_vae())
    adversary = trainer.adversary
    assert adversary is not None
    x, _ = trainer.feed.batch(torch.arange(8), labelled=False)
    mu, logvar = trainer.model.encode(x)
    z = trainer.model.sample(mu, logvar, torch.randn_like(mu))
    z.retain_grad()
    adversary.log_ratio(z).mean().backward()
    assert z.grad is not None
    assert z.grad.abs().max() > 0
    assert all(p.grad is None for p in adversary.discriminator.parameters())
    trainer.model.zero_grad(set_to_none=True)
    before = [p.clone() for p in adversary.discriminator.parameters()]
    adversary.learn(z, z, 0)
    assert all(p.grad is None for p in trainer.model.parameters())
    after = list(adversary.discriminator.parameters())
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_its_optimiser_is_the_published_one_whatever_the_jobs_own() -> None:
    trainer = make_trainer(factor_vae(learning_rate=0.5, weight_decay=0.1))
    assert trainer.adversary is not None
    own = trainer.adversary.optimiser
    assert isinstance(own, Adam)
    assert (own.learning_rate, own.betas, own.weight_decay) == (1e-4, (0.5, 0.9), 0)
    assert (LEARNING_RATE, BETAS) == (1e-4, (0.5, 0.9))


def test_the_loss_holds_gamma_times_the_mean_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(factor_vae(gamma=20, steps=100))
    assert trainer.adversary is not None
    ratios: list[torch.Tensor] = []
    log_ratio = trainer.adversary.log_ratio

    def spy(z: torch.Tensor) -> torch.Tensor:
        ratios.append(log_ratio(z))
        return ratios[-1]

    monkeypatch.setattr(trainer.adversary, "log_ratio", spy)
    trainer.advance()
    (point,) = trainer.curve
    assert point.kl is not None
    expected = point.reconstruction + point.kl + 20 * ratios[0].mean().item()
    assert ratios[0].abs().max() > 0
    assert point.loss == pytest.approx(expected, rel=1e-6)


def test_same_batch_variant_permutes_the_codes_that_the_model_drew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = make_trainer(factor_vae())
    seen = learning(trainer, monkeypatch)
    trainer.advance()
    ((z, others),) = seen
    assert z is others
    assert z.shape == (8, 10)


@pytest.mark.parametrize(("batch", "own"), [(8, 4), (7, 4), (2, 1)])
def test_halves_variant_permutes_codes_of_the_other_half(
    batch: int, own: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second half is encoded after the model's own step, as in the paper's algorithm 2."""
    trainer = make_trainer(factor_vae(halves=1, batch_size=batch))
    seen = learning(trainer, monkeypatch)
    positions, noise = trainer.batches.positions(0), trainer.batches.noise(0)
    trainer.advance()
    ((z, others),) = seen
    assert (len(z), len(others)) == (own, batch - own)
    x, _ = trainer.feed.batch(trainer.train_indices[positions[own:]], labelled=False)
    with torch.no_grad():
        expected = trainer.model.sample(*trainer.model.encode(x), noise[own:])
    torch.testing.assert_close(others, expected)
    assert not others.requires_grad


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_halves_variant_is_resumed_as_never_stopped(precision: str, tmp_path: Path) -> None:
    spec = factor_vae(halves=1, precision=precision)
    straight, resumed = make_trainer(spec), make_trainer(spec)
    assert run(straight, tmp_path / "straight.pt")
    assert not run(make_trainer(spec), tmp_path / "stopped.pt", stop_after=6)
    assert run(resumed, tmp_path / "stopped.pt")
    assert same(straight, resumed)


def test_impossible_variants_are_refused_with_the_value_seen() -> None:
    with pytest.raises(UsageError, match=r"halves is 1 and --batch-size is 1"):
        make_trainer(factor_vae(halves=1, batch_size=1))
    with pytest.raises(UsageError, match=r"factorvae.halves is 0.5: it must be 0 or 1"):
        make_trainer(factor_vae(halves=0.5))


@pytest.mark.gpu
@pytest.mark.parametrize("halves", [0, 1])
def test_on_a_gpu_either_variant_is_resumed_as_never_stopped(
    halves: float, device: str, tmp_path: Path
) -> None:
    spec = factor_vae(halves=halves, precision="bf16", steps=40)
    straight, resumed = make_trainer(spec, device), make_trainer(spec, device)
    assert run(straight, tmp_path / "straight.pt")
    assert not run(make_trainer(spec, device), tmp_path / "stopped.pt", stop_after=17)
    assert run(resumed, tmp_path / "stopped.pt")
    assert same(straight, resumed)
