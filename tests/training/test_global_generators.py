"""Randomness of objectives: from the job's own stream; a draw from elsewhere is an error."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.conftest import make_spec, make_trainer
from tests.training.test_loop import run, same
from vaebench import models
from vaebench.errors import GlobalRandomError
from vaebench.protocols import Terms
from vaebench.spec import JobSpec
from vaebench.training import GlobalGenerators

DRAWS: dict[str, Callable[[], object]] = {
    "torch's": lambda: torch.rand(()),
    "NumPy's": lambda: np.random.random(),  # noqa: NPY002
    "Python's": lambda: random.random(),
}


def small(**changes: object) -> JobSpec:
    return make_spec("vae", latent_dim=2, batch_size=2, **changes)


def replace(monkeypatch: pytest.MonkeyPatch, objective: Callable[..., Tensor]) -> None:
    """Has the VAE minimise something else."""
    changed = dataclasses.replace(models.find_model("vae"), objective=objective)
    others = [model for model in models.MODELS if model.name != "vae"]
    monkeypatch.setattr(models, "MODELS", (changed, *others))


def use(monkeypatch: pytest.MonkeyPatch, extra: Callable[[Terms, Tensor], object]) -> None:
    """Has a VAE's objective do something beside."""
    plain = models.find_model("vae").objective

    def objective(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
        extra(terms, step)
        return plain(terms, hyper, step)

    replace(monkeypatch, objective)


def noisy(monkeypatch: pytest.MonkeyPatch, seen: list[Tensor]) -> None:
    """Has a VAE's objective weigh the KL by a number that it draws."""
    plain = models.find_model("vae").objective

    def objective(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
        seen.append(torch.rand(3, generator=terms.generator))
        return plain(terms, hyper, step) + seen[-1][0] * terms.kl.sum(1).mean()

    replace(monkeypatch, objective)


def test_an_objective_that_draws_from_its_stream_is_resumed_as_never_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Tensor] = []
    noisy(monkeypatch, seen)
    straight, resumed = make_trainer(small()), make_trainer(small())
    assert run(straight, tmp_path / "straight.pt")
    drawn, seen[:] = list(seen), []
    assert len({value.item() for values in drawn for value in values}) == 36  # another every step
    torch.manual_seed(99)
    assert not run(make_trainer(small()), tmp_path / "job.pt", stop_after=5)
    assert run(resumed, tmp_path / "job.pt")
    assert torch.equal(torch.stack(seen), torch.stack(drawn))
    assert same(straight, resumed)
    make_trainer(small(seed=1)).advance()
    assert not torch.equal(seen[-1], drawn[0])


@pytest.mark.parametrize("whose", DRAWS)
def test_a_draw_from_a_global_generator_is_an_error_that_says_so(
    whose: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use(monkeypatch, lambda terms, step: DRAWS[whose]())
    with pytest.raises(GlobalRandomError, match=f"by step 1, drew from {whose} global random"):
        run(make_trainer(small()), tmp_path / "job.pt")
    assert not (tmp_path / "job.pt").exists()


def test_one_draw_late_in_training_is_found_before_a_checkpoint_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use(monkeypatch, lambda terms, step: step.item() == 10 and random.random())
    assert not run(make_trainer(small()), tmp_path / "job.pt", stop_after=6)
    before = (tmp_path / "job.pt").read_bytes()
    with pytest.raises(GlobalRandomError, match="by step 12, drew from Python's"):
        run(make_trainer(small()), tmp_path / "job.pt")
    assert (tmp_path / "job.pt").read_bytes() == before


def test_a_generator_that_is_seeded_anew_counts_as_drawn_from() -> None:
    watched = GlobalGenerators(torch.device("cpu"))
    watched.check("This", "")
    before = torch.get_rng_state()
    torch.manual_seed(4)
    with pytest.raises(GlobalRandomError, match=r"This drew from torch's .* or seeded it"):
        watched.check("This", "")
    torch.set_rng_state(before)
    watched.check("This", "")
