"""Random streams: functions of seed, name and step, and of nothing else."""

from __future__ import annotations

import torch

from vaebench.streams import CHUNK, derive
from vaebench.training import Batches, torch_generator


def test_streams_differ_by_seed_and_name_and_are_fixed() -> None:
    values = {derive(seed, *name) for seed in range(50) for name in (("a",), ("b",), ("a", 1))}
    assert len(values) == 150
    assert derive(3, "noise", 1) == derive(3, "noise", 1)
    assert derive(1, 11) != derive(11, 1)


def test_the_global_generator_is_neither_read_nor_moved() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = Batches(0, 100, 8, 3).noise(5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(Batches(0, 100, 8, 3).noise(5), first)


def test_an_epoch_is_a_permutation_though_batches_span_epochs() -> None:
    batches = Batches(seed=4, count=10, batch_size=4, latent_dim=1)
    positions = torch.cat([batches.positions(step) for step in range(10)])
    epochs = positions.reshape(4, 10)
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(10))
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 4


def test_a_batch_may_be_larger_than_the_set() -> None:
    positions = Batches(seed=0, count=3, batch_size=8, latent_dim=1).positions(0)
    assert torch.bincount(positions).sum() == 8
    assert set(torch.bincount(positions).tolist()) <= {2, 3}


def test_draws_do_not_depend_on_where_one_begins() -> None:
    straight = Batches(7, 50, 6, 2)
    order = [(straight.positions(step), straight.noise(step)) for step in range(2 * CHUNK + 3)]
    for step in (2 * CHUNK + 2, 0, CHUNK - 1, CHUNK):
        late = Batches(7, 50, 6, 2)
        assert torch.equal(late.positions(step), order[step][0])
        assert torch.equal(late.noise(step), order[step][1])


def test_noise_is_standard_normal_and_independent_over_steps() -> None:
    batches = Batches(0, 100, 64, 10)
    noise = torch.stack([batches.noise(step) for step in range(2 * CHUNK)])
    n = noise.numel()
    assert abs(noise.mean()) < 5 / n**0.5
    assert abs(noise.var() - 1) < 5 * (2 / n) ** 0.5
    neighbours = (noise[1:] * noise[:-1]).mean()
    assert abs(neighbours) < 5 / n**0.5


def test_generator_of_a_stream_starts_anew() -> None:
    first = torch.randn(4, generator=torch_generator(0, "x"))
    assert torch.equal(torch.randn(4, generator=torch_generator(0, "x")), first)
