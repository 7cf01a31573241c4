"""The result database: the only room with SQLAlchemy; hands out frozen dataclasses."""

from vaebench.store.database import DatabaseLockedError
from vaebench.store.reading import STALE_SECONDS, TABLES, JobRow, Reader, SweepRow
from vaebench.store.schema import STATES
from vaebench.store.store import MAX_LOSSES, Added, Claim, Store

__all__ = [
    "MAX_LOSSES",
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
]
