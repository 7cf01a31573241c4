"""Where checkpoints and trained models lie: in a folder, or at a URL with a cache before it."""

from vaebench.outputs.jobs import JobFiles
from vaebench.outputs.place import PATIENCE_SECONDS, STOP_SECONDS, Outputs, is_url

__all__ = ["PATIENCE_SECONDS", "STOP_SECONDS", "JobFiles", "Outputs", "is_url"]
