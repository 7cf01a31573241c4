"""Where checkpoints and trained models lie: in a folder, or at a URL with a cache before it."""

from vaebench.outputs.courier import AwayError
from vaebench.outputs.jobs import JobFiles
from vaebench.outputs.place import CACHE_VARIABLE, PATIENCE_SECONDS, Outputs, is_url

__all__ = ["CACHE_VARIABLE", "PATIENCE_SECONDS", "AwayError", "JobFiles", "Outputs", "is_url"]
