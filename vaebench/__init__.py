"""vaebench: reproducible sweeps of variational autoencoders with a result database.

Everything that the command `vaebench` does is a function here; see `docs/python.md`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vaebench.version import __version__

if TYPE_CHECKING:
    from vaebench import figures, metrics
    from vaebench.data import load_dataset
    from vaebench.errors import VaebenchError
    from vaebench.frames import curves, runs, scores
    from vaebench.plugging import use_plugins
    from vaebench.sweeping.library import SweepResult, sweep
    from vaebench.trained import TrainedModel, load_model

_HOMES = {
    "SweepResult": "vaebench.sweeping.library",
    "TrainedModel": "vaebench.trained",
    "VaebenchError": "vaebench.errors",
    "curves": "vaebench.frames",
    "figures": "vaebench.figures",
    "load_dataset": "vaebench.data",
    "load_model": "vaebench.trained",
    "metrics": "vaebench.metrics",
    "runs": "vaebench.frames",
    "scores": "vaebench.frames",
    "sweep": "vaebench.sweeping.library",
    "use_plugins": "vaebench.plugging",
}
"""Where each public name is at home: imported when it is first asked for."""

__all__ = [
    "SweepResult",
    "TrainedModel",
    "VaebenchError",
    "__version__",
    "curves",
    "figures",
    "load_dataset",
    "load_model",
    "metrics",
    "runs",
    "scores",
    "sweep",
    "use_plugins",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vaebench' has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    return home if home.__name__ == f"vaebench.{name}" else getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
