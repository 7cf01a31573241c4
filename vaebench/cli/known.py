"""`vaebench models`, `networks` and `scores`: what there is, and which plug-in what is from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vaebench import plugins
from vaebench.cli import tables
from vaebench.cli.tables import Column
from vaebench.declared import Record
from vaebench.metrics import all_metrics
from vaebench.models import all_models
from vaebench.networks import all_networks
from vaebench.records import Measure

OURS = "vaebench"
"""Where records that are no plug-in's are from."""


def models() -> None:
    """List the models, with their parameters and the one that is swept."""
    columns = [Column("name"), Column("model"), Column("swept"), Column("parameters and defaults")]
    rows = []
    for model in all_models():
        values = [
            f"{each.name}={'steps' if each.default is None else f'{each.default:g}'}"
            for each in model.parameters
        ]
        names = " = ".join(model.aliases)
        name = f"{model.name} (= {names})" if names else model.name
        rows.append([name, model.cited, model.strength or "-", ", ".join(values) or "-"])
    _emit(columns, rows, all_models())


def networks() -> None:
    """List the networks, with the sizes of images that they take."""
    columns = [Column("name"), Column("pixels"), Column("source")]
    rows = [
        [
            network.name,
            ", ".join(f"{size}×{size}" for size in network.sizes) or "any",
            "-" if network.source is None else network.source.citation,
        ]
        for network in all_networks()
    ]
    _emit(columns, rows, all_networks())


def scores() -> None:
    """List the scores: which way is better, where they lie, what they need."""
    columns = [
        Column("name"),
        Column("score"),
        Column("better"),
        Column("range"),
        Column("needs"),
        Column("with --scores", spare=1),
    ]
    metrics = [metric for metric in all_metrics() for _ in metric.measures]
    rows = [
        [
            one.name,
            one.label,
            one.better or "-",
            _range(one),
            one.needs or "-",
            {"core": "core, all", "all": "all", "cell": "core, all"}[one.tier],
        ]
        for metric in all_metrics()
        for one in metric.measures
    ]
    _emit(columns, rows, metrics)


def _range(measure: Measure) -> str:
    if measure.low is None and measure.high is None:
        return "-"
    low, high = ("" if end is None else f"{end:g}" for end in (measure.low, measure.high))
    return f"{low or '-∞'} to {high or '∞'}"


def _emit(columns: Sequence[Column], rows: list[list[str]], records: Iterable[Record]) -> None:
    shown, cells = with_sources(columns, rows, records)
    tables.emit(tables.table(shown, cells, width=tables.terminal_width())[0])


def with_sources(
    columns: Sequence[Column], rows: Sequence[Sequence[tables.Cell]], records: Iterable[Record]
) -> tuple[list[Column], list[list[tables.Cell]]]:
    """Adds a column to a list of what there is: whose each is, where a plug-in has added some.

    Args:
        columns: Those of the list.
        rows: Its rows, one a record.
        records: What is listed.
    """
    owners = [_source(record) for record in records]
    if set(owners) <= {OURS}:
        return [*columns], [[*row] for row in rows]
    named = [[*row, owner] for row, owner in zip(rows, owners, strict=True)]
    return [*columns, Column("from", fold=30)], named


def _source(record: Record) -> str:
    """Whose a record is: vaebench, a package with its version, or a file."""
    own = plugins.owner(type(record), record.names[0])
    return OURS if own is None else own.source
