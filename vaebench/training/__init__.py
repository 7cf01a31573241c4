"""Training: the loop, its random streams, checkpoints and devices."""

from vaebench.streams import Batches, numpy_generator, torch_generator
from vaebench.training.checkpoints import check_file, read_tensors, set_aside, write_tensors
from vaebench.training.devices import arithmetic, device_name, prepare, set_precision
from vaebench.training.feed import Feed, split
from vaebench.training.global_generators import GlobalGenerators
from vaebench.training.loop import Trainer, build_model

__all__ = [
    "Batches",
    "Feed",
    "GlobalGenerators",
    "Trainer",
    "arithmetic",
    "build_model",
    "check_file",
    "device_name",
    "numpy_generator",
    "prepare",
    "read_tensors",
    "set_aside",
    "set_precision",
    "split",
    "torch_generator",
    "write_tensors",
]
