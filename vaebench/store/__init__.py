"""The result database: the only room with SQLAlchemy; hands out frozen dataclasses."""

from vaebench.store.claims import STALE_SECONDS, Claim
from vaebench.store.database import DatabaseLockedError
from vaebench.store.figures import (
    LATENT_KL,
    curves_of,
    environments_of,
    figures_of_cell,
    figures_of_runs,
    figures_of_sweep,
    scores_of,
)
from vaebench.store.reading import TABLES, Reader
from vaebench.store.renewal import forget, made_by_other_code, renew, stored_outcome
from vaebench.store.rows import Added, JobRow, SweepRow
from vaebench.store.schema import RELATIVE, STATES
from vaebench.store.store import MAX_LOSSES, Store

__all__ = [
    "LATENT_KL",
    "MAX_LOSSES",
    "RELATIVE",
    "STALE_SECONDS",
    "STATES",
    "TABLES",
    "Added",
    "Claim",
    "DatabaseLockedError",
    "JobRow",
    "Reader",
    "Store",
    "SweepRow",
    "curves_of",
    "environments_of",
    "figures_of_cell",
    "figures_of_runs",
    "figures_of_sweep",
    "forget",
    "made_by_other_code",
    "renew",
    "scores_of",
    "stored_outcome",
]
