"""The closing table of a sweep and the lines of its jobs: what tells them apart, and what fits."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console

from tests.asked import jobs_of
from tests.cli.conftest import finished
from vaebench.cli import tables
from vaebench.cli.display import SweepDisplay
from vaebench.cli.summary import FIGURES, job_table, results_table
from vaebench.cli.tables import Column
from vaebench.runner import JobEnded
from vaebench.spec import JobSpec, Setting

OWN = ("npz:the_data/of_somebody/in_a_folder/a.npz", "npz:the_data/of_somebody/in_a_folder/b.npz")


def jobs(*datasets: str, models: Sequence[str] = ("vae",)) -> list[JobSpec]:
    """Returns a job of each data set, model and beta."""
    return [
        job
        for name in datasets
        for job in jobs_of(*models, setting=Setting(dataset=name), seeds=(0,), betas=(0.5, 4.0))
    ]


def results(of: Sequence[JobSpec], **figures: float | None) -> list[dict[str, Any]]:
    """Returns a row of `results` for each job, with figures as wide as real ones."""
    usual = dict.fromkeys(FIGURES, 0.123)
    usual |= {"reconstruction": 691.8, "kl": 255.2, "elbo": -947.0, "wall_seconds": 1234.5}
    return [{"job_key": job.key, "cell": "damaged", **usual, **figures} for job in of]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives the output 80 columns."""
    monkeypatch.setattr(tables, "terminal_width", lambda: 80)


def test_rows_name_their_data_set_where_there_are_several(
    capsys: pytest.CaptureFixture[str],
) -> None:
    both = jobs("noisy_dsprites", "scream_dsprites")
    results_table(results(both), both)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][:3] == ["data", "set", "model"]
    assert [line[0] for line in lines[1:]] == ["noisy_dsprites", "scream_dsprites"]
    results_table(results(both[:1]), both)
    assert capsys.readouterr().out.startswith("model ")


@pytest.mark.usefixtures("narrow")
def test_the_tutorial_s_line_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    cells = jobs("dsprites", models=("cvae", "betavae_h", "annealedvae"))
    results_table(results(cells, mig_label=None), cells)
    out, err = capsys.readouterr()
    titles = out.splitlines()[0].split()
    assert titles == "model strength runs reconstr. KL ELBO MIG BetaVAE FactorVAE".split()
    assert max(map(len, out.splitlines())) <= 80
    assert err.startswith("No room for wall s: widen the terminal, or see `vaebench runs")


@pytest.mark.usefixtures("narrow")
def test_data_sets_reconstruction_and_kl_stay(capsys: pytest.CaptureFixture[str]) -> None:
    for names in (("noisy_dsprites", "scream_dsprites"), OWN):
        cells = jobs(*names, models=("annealedvae",))
        results_table(results(cells), cells)
        out, err = capsys.readouterr()
        assert {"data", "set", "reconstr.", "KL"} <= set(out.splitlines()[0].split())
        assert all(name in out for name in names)
        assert "No room for wall s, FactorVAE, BetaVAE" in err


@pytest.mark.usefixtures("narrow")
def test_a_dry_run_names_its_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    job_table(jobs(*OWN, models=("cvae", "betavae_h")), {}, ())
    out, err = capsys.readouterr()
    assert [out.count(name) for name in OWN] == [4, 4]
    assert err == ""


def test_a_cell_is_folded_before_columns_go() -> None:
    columns = [Column("data set", fold=24), Column("model"), Column("KL", right=True, spare=1)]
    grid, left_out = tables.table(columns, [[OWN[0], "vae", "12.5"]], width=40)
    console = Console(width=40, file=io.StringIO())
    with console.capture() as shown:
        console.print(grid)
    lines = [line.rstrip() for line in shown.get().splitlines()]
    assert left_out == []
    assert lines[1].endswith("vae    12.5")
    assert "".join(line.split()[0] for line in lines[1:]) == OWN[0]


@pytest.mark.parametrize("state", ["complete", "failed"])
def test_the_line_of_a_job_names_its_data_set_where_there_are_several(
    state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    several = jobs("noisy_dsprites", "scream_dsprites")
    for display, job in (
        (SweepDisplay(several, 1, "cpu", "results/results.db"), several[0]),
        (SweepDisplay(several, 1, "cpu", "results/results.db"), several[-1]),
        (SweepDisplay(several[:1], 1, "cpu", "results/results.db"), several[0]),
    ):
        outcome = finished(job, 0.1) if state == "complete" else None
        display.show(JobEnded(job, state, outcome, "It broke."))
        line = capsys.readouterr().err.splitlines()[0]
        name = f"{job.dataset} " if display.several else ""
        assert f"{job.key[:8]}  {name}vae seed 0  " in line
