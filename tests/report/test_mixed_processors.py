"""Runs of one cell that were trained on several kinds of processor: the report says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.report.databases import outcome, report, sweep
from vaebench.store import Reader, Store, processors_of


def written(place: Path, names: tuple[str, ...]) -> list[str]:
    """A database of two cells; the runs of the first were made on these processors in turn."""
    specs = sweep(("betavae_h",), (1.0, 4.0), seeds=len(names))
    processors = dict(zip(range(len(names)), names, strict=True))
    with Store(place) as store:
        sweep_id = store.add_sweep(specs, "vaebench sweep").sweep_id
        while claim := store.claim(sweep_id):
            made = outcome(claim.spec)
            if claim.spec.strength == 1.0:
                made = replace(
                    made,
                    environment={**made.environment, "device_name": processors[claim.spec.seed]},
                )
            assert store.complete(claim, made)
    return [spec.key for spec in specs if spec.strength == 1.0]


def test_a_cell_that_mixes_processors_is_named(tmp_path: Path) -> None:
    place = tmp_path / "results.db"
    keys = written(place, ("AMD EPYC 9R14", "Intel Xeon 8488C", "AMD EPYC 9R14"))
    with Reader.open(place) as reader:
        found = processors_of(reader, keys)
    assert sorted(found.values()) == ["AMD EPYC 9R14", "AMD EPYC 9R14", "Intel Xeon 8488C"]
    report(place, tmp_path / "report", only=("ran",))
    page = (tmp_path / "report" / "index.html").read_text()
    assert "1 of 2 cells have runs of several kinds of processor" in page
    assert "AMD EPYC 9R14; Intel Xeon 8488C" in page


def test_one_kind_is_not_mentioned(tmp_path: Path) -> None:
    place = tmp_path / "results.db"
    written(place, ("AMD EPYC 9R14",) * 2)
    report(place, tmp_path / "report", only=("ran",))
    page = (tmp_path / "report" / "index.html").read_text()
    assert "AMD EPYC 9R14" in page
    assert "kinds of processor" not in page
