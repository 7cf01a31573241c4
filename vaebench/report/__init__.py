"""The report: figures, tables and one HTML page from a result database."""

from vaebench.report.build import ReportSummary, build_report

__all__ = ["ReportSummary", "build_report"]
