"""A small data set of real shape for training tests."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from vaebench.data import Dataset, load_dataset
from vaebench.models import find_model
from vaebench.spec import JobSpec
from vaebench.training import Feed, Trainer, build_model, prepare


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    prepare("cpu", 1)


def make_spec(model: str = "betavae_h", **changes: object) -> JobSpec:
    """A job of few, small steps on dSprites."""
    parameters = find_model(model).defaults(steps=10)
    parameters |= {name: 3.0 for name in parameters if name == "components"}
    values = {"steps": 12, "batch_size": 8, "seed": 0, "network": "burgess", **changes}
    return JobSpec(model=model, parameters=parameters, **values)  # type: ignore[arg-type]


def make_trainer(spec: JobSpec, device: str = "cpu") -> Trainer:
    """A trainer of a job at its first step."""
    feed = Feed(_data(spec.dataset), torch.device(device))
    model = build_model(spec, feed.data.observation_shape, len(feed.data.label_names))
    indices = torch.from_numpy(np.asarray(feed.data.train_indices))
    return Trainer(spec, model, feed, indices, feed.device)


@cache
def _data(name: str) -> Dataset:
    return load_dataset(name)
