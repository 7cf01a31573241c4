"""The feed and the split: folds that divide, batches in [0, 1], draws that follow the step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from tests.training.conftest import make_spec, make_trainer
from vaebench.data import Dataset, load_dataset
from vaebench.errors import DataError
from vaebench.training import Feed, split


@dataclass
class Thousand:
    """A stand-in for a data set with a split: what `split` looks at, and nothing else."""

    name: str = "thousand"
    train_indices = np.arange(0, 2000, 2)
    test_indices = np.arange(1, 201, 2)


def halves(folds: int | None, fold: int | None, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    data: Dataset = Thousand()  # type: ignore[assignment]
    return split(make_spec(folds=folds, fold=fold, seed=seed), data)


def test_without_folds_it_is_the_data_sets_own_split() -> None:
    train, test = halves(None, None)
    np.testing.assert_array_equal(train, Thousand.train_indices)
    np.testing.assert_array_equal(test, Thousand.test_indices)


def test_folds_divide_the_training_set_and_leave_the_test_set_alone() -> None:
    held_out = []
    for fold in range(3):
        train, test = halves(3, fold)
        assert not set(train) & set(test)
        assert set(train) | set(test) == set(Thousand.train_indices)
        held_out.append(test)
    assert sorted(map(len, held_out)) == [333, 333, 334]
    np.testing.assert_array_equal(np.sort(np.concatenate(held_out)), Thousand.train_indices)


def test_folds_are_the_same_for_every_job_and_not_blocks() -> None:
    first, again = halves(4, 1, seed=0)[1], halves(4, 1, seed=7)[1]
    np.testing.assert_array_equal(first, again)
    assert first.max() - first.min() > 1900


def test_batches_are_in_zero_to_one_and_carry_labels_on_demand() -> None:
    feed = Feed(load_dataset("dsprites"), torch.device("cpu"))
    indices = torch.tensor([0, 300_000, 700_000])
    x, label = feed.batch(indices, labelled=True)
    assert x.shape == (3, 1, 64, 64)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert label is not None
    assert label.tolist() == [0, 1, 2]
    assert feed.batch(indices, labelled=False)[1] is None


def test_labels_that_are_not_there_are_a_clear_error() -> None:
    data = load_dataset("dsprites")
    data.labels = lambda indices: None  # type: ignore[assignment, method-assign, return-value]
    with pytest.raises(DataError, match="needs labels"):
        Feed(data, torch.device("cpu")).batch(torch.tensor([0]), labelled=True)


def test_the_random_part_of_a_stochastic_set_follows_the_step() -> None:
    feed = Feed(load_dataset("noisy_dsprites"), torch.device("cpu"))
    indices = torch.arange(5)
    first, again, other = (feed.batch(indices, labelled=False, draw=d)[0] for d in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("dataset", ["color_dsprites", "noisy_dsprites"])
def test_colour_sets_train_with_three_channels(dataset: str) -> None:
    trainer = make_trainer(make_spec(dataset=dataset, steps=3))
    while not trainer.done:
        trainer.advance()
    assert trainer.model.network.trunk[0].weight.shape[1] == 3
    assert all(np.isfinite(point.loss) for point in trainer.curve)


@pytest.mark.gpu
def test_what_lies_on_the_device_is_what_the_data_set_gives(device: str) -> None:
    data = load_dataset("dsprites")
    indices = torch.tensor([5, 737_279, 5])
    there, _ = Feed(data, torch.device(device)).batch(indices, labelled=False)
    here, _ = Feed(data, torch.device("cpu")).batch(indices, labelled=False)
    assert torch.equal(there.cpu(), here)
