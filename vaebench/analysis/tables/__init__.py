"""The statistics of a sweep, each a function of a frame of runs that gives a tidy table."""

from vaebench.analysis.tables.correlations import metric_correlation
from vaebench.analysis.tables.record import Needs, Rows, Table, table

TABLES: tuple[Table, ...] = (metric_correlation,)
"""Every table of the report, in the order to read them."""

__all__ = ["TABLES", "Needs", "Rows", "Table", "metric_correlation", "table"]
