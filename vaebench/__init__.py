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
    from vaebench.frames import curves, jobs, runs, scores
    from vaebench.plugging import use_plugins
    from vaebench.sweeping.evaluating import Evaluated, evaluate
    from vaebench.sweeping.library import SweepResult, sweep
    from vaebench.sweeping.picturing import write_pictures
    from vaebench.sweeping.reproducing import Reproduced, reproduce
    from vaebench.sweeping.stored import compare, merge, write_explorer, write_report
    from vaebench.trained import TrainedModel, load_model

_HOMES = {
    "Evaluated": "vaebench.sweeping.evaluating",
    "Reproduced": "vaebench.sweeping.reproducing",
    "SweepResult": "vaebench.sweeping.library",
    "TrainedModel": "vaebench.trained",
    "VaebenchError": "vaebench.errors",
    "compare": "vaebench.sweeping.stored",
    "curves": "vaebench.frames",
    "evaluate": "vaebench.sweeping.evaluating",
    "figures": "vaebench.figures",
    "jobs": "vaebench.frames",
    "load_dataset": "vaebench.data",
    "load_model": "vaebench.trained",
    "merge": "vaebench.sweeping.stored",
    "metrics": "vaebench.metrics",
    "reproduce": "vaebench.sweeping.reproducing",
    "runs": "vaebench.frames",
    "scores": "vaebench.frames",
    "sweep": "vaebench.sweeping.library",
    "use_plugins": "vaebench.plugging",
    "write_explorer": "vaebench.sweeping.stored",
    "write_pictures": "vaebench.sweeping.picturing",
    "write_report": "vaebench.sweeping.stored",
}
"""Where each public name is at home: imported when it is first asked for."""

__all__ = [
    "Evaluated",
    "Reproduced",
    "SweepResult",
    "TrainedModel",
    "VaebenchError",
    "__version__",
    "compare",
    "curves",
    "evaluate",
    "figures",
    "jobs",
    "load_dataset",
    "load_model",
    "merge",
    "metrics",
    "reproduce",
    "runs",
    "scores",
    "sweep",
    "use_plugins",
    "write_explorer",
    "write_pictures",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vaebench' has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    return home if home.__name__ == f"vaebench.{name}" else getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
