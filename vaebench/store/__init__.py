"""The result database: the only room with SQLAlchemy; hands out frozen dataclasses."""

from vaebench.store.allocations import add_allocations, allocations_of
from vaebench.store.chosen import chosen, revision
from vaebench.store.claimants import Claimant, at_work
from vaebench.store.claims import STALE_SECONDS, Claim
from vaebench.store.database import DatabaseAwayError, DatabaseLockedError
from vaebench.store.figures import (
    curves_of,
    environments_of,
    figures_of_runs,
    figures_of_sweep,
    finished_trainings,
    latent_kl,
    pictures_of,
    processors_of,
    scores_of,
)
from vaebench.store.merging import Merged, merge
from vaebench.store.moving import Kept, kept, move_in, move_out, shrink, unnamed
from vaebench.store.reading import Reader, recall_plugins
from vaebench.store.renewal import (
    forget,
    made_by_other_code,
    other_plugins,
    renew,
    score_anew,
    stored_outcome,
)
from vaebench.store.rows import ELSEWHERE, Added, JobRow, SweepRow
from vaebench.store.schema import RELATIVE, STATES
from vaebench.store.store import MAX_LOSSES, Store
from vaebench.store.tables import TABLES, results_of, table_of

__all__ = [
    "ELSEWHERE",
    "MAX_LOSSES",
    "RELATIVE",
    "STALE_SECONDS",
    "STATES",
    "TABLES",
    "Added",
    "Claim",
    "Claimant",
    "DatabaseAwayError",
    "DatabaseLockedError",
    "JobRow",
    "Kept",
    "Merged",
    "Reader",
    "Store",
    "SweepRow",
    "add_allocations",
    "allocations_of",
    "at_work",
    "chosen",
    "curves_of",
    "environments_of",
    "figures_of_runs",
    "figures_of_sweep",
    "finished_trainings",
    "forget",
    "kept",
    "latent_kl",
    "made_by_other_code",
    "merge",
    "move_in",
    "move_out",
    "other_plugins",
    "pictures_of",
    "processors_of",
    "recall_plugins",
    "renew",
    "results_of",
    "revision",
    "score_anew",
    "scores_of",
    "shrink",
    "stored_outcome",
    "table_of",
    "unnamed",
]
