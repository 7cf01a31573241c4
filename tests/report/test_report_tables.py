"""Facts about the tables: their figures against the store, and that LaTeX and Markdown hold."""

from __future__ import annotations

import html
import io
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from tests.asked import jobs_of
from vaebench.analysis import runs
from vaebench.outcome import JobOutcome, Score
from vaebench.report import ReportSummary, build_report
from vaebench.report.tables import Table, escape_latex
from vaebench.store import Reader, Store

ODD = "50 % of A_b & C#d ~ {x} $5 ^2 \\ β ± – <tag> | “q” ↑ R² ×"


def table() -> Table:
    data = pd.DataFrame({"a": [0.1 + 0.2, None]})
    rows = [[ODD, "0.300 ± 0.012"], ["plain", "-1.5"], ["none", "–"]]
    return Table("t_x", ODD, ["Model_name", "MIG ↑"], rows, data)


def test_csv_holds_unrounded_means_that_the_store_gives(
    everything: Path, full_report: tuple[Path, ReportSummary]
) -> None:
    found = pd.read_csv(full_report[0] / "tables" / "dsprites_summary.csv")
    with Reader.open(everything) as reader:
        frame = runs(reader)
    frame = frame[frame["dataset"] == "dsprites"]
    assert len(found) == 10
    row = found[(found["model"] == "cvae") & (found["strength"] == 3)].iloc[0]
    cell = frame[(frame["model"] == "cvae") & (frame["strength"] == 3)]
    assert row["runs"] == 3
    for name in ("reconstruction", "kl", "elbo", "mig", "factor_vae_score", "wall_seconds"):
        values = cell[name]
        low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
        assert row[f"{name}_mean"] == pytest.approx(values.mean(), rel=1e-12)
        assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx((low, high))
    assert "mig_label_mean" not in found.columns


def test_a_mean_and_its_interval_are_written_alike(tmp_path: Path) -> None:
    specs = jobs_of("vae", seeds=(0, 1))
    with Store(tmp_path / "results.db") as store:
        sweep = store.add_sweep(specs, "").sweep_id
        for value in (0.00031, 0.00033):
            claim = store.claim(sweep)
            assert claim is not None
            scores = (Score("mig", value), Score("kl", 5 + value), Score("elbo", 9.0))
            store.complete(claim, JobOutcome(claim.spec.key, "complete", scores=scores))
        build_report(store, tmp_path / "report", formats=["svg"])
    half = stats.t.ppf(0.975, 1) * 0.00001
    assert f"{half:.5f}" == "0.00013"
    table = (tmp_path / "report" / "tables" / "dsprites_summary.md").read_text()
    assert "0.00032 ± 0.00013" in table
    assert "5.00032 ± 0.00013" in table
    assert "9.0 ± 0.0" in table


def test_a_data_set_without_factors_has_its_own_scores_alone(
    full_report: tuple[Path, ReportSummary],
) -> None:
    found = pd.read_csv(full_report[0] / "tables" / "fashion-mnist_summary.csv")
    assert "mig_label_mean" in found.columns
    assert not {"mig_mean", "beta_vae_score_mean", "factor_vae_score_mean"} & set(found.columns)


def test_csv_keeps_every_digit() -> None:
    assert table().files()["csv"] == b"a\n0.30000000000000004\n\n" or (
        b"0.30000000000000004" in table().files()["csv"]
    )


def test_latex_escapes_every_special_character() -> None:
    text = escape_latex(ODD)
    assert text.isascii()
    bare = text.replace(r"\textbackslash{}", "").replace(r"\textasciitilde{}", "")
    for letter in "%&#_":
        assert all(bare[m.start() - 1] == "\\" for m in re.finditer(re.escape(letter), bare))
    assert r"\$5" in text
    assert r"\{x\}" in text


@pytest.mark.parametrize("name", ["dsprites_summary", "fashion-mnist_summary"])
def test_latex_tables_have_the_shape_booktabs_wants(
    full_report: tuple[Path, ReportSummary], name: str
) -> None:
    text = (full_report[0] / "tables" / f"{name}.tex").read_text()
    assert text.isascii()
    shape = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)
    assert shape is not None
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(lines) >= 5
    for line in lines:
        assert len(re.findall(r"(?<!\\)&", line)) == len(shape[1]) - 1
    order = [text.index(rf"\{rule}") for rule in ("toprule", "midrule", "bottomrule")]
    assert order == sorted(order)
    assert text.count("$") % 2 == 0
    assert text.count("{") == text.count("}")
    for opened in re.findall(r"\\begin\{(\w+)\}", text):
        assert rf"\end{{{opened}}}" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_tables_compile(full_report: tuple[Path, ReportSummary], tmp_path: Path) -> None:
    parts = [path.read_text() for path in sorted((full_report[0] / "tables").glob("*.tex"))]
    odd = [["[1cm] a", "1"], ["* b", "2"], [HOSTILE, "3"]]
    more = Table("t_o", HOSTILE, ["[Name]", "x"], odd, pd.DataFrame())
    body = "\n".join([*parts, table().latex(), hostile().latex(), more.latex()])
    source = (
        "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs,graphicx}"
        f"\\begin{{document}}{body}\\end{{document}}"
    )
    (tmp_path / "t.tex").write_text(source)
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]


def test_markdown_rows_have_a_cell_per_column() -> None:
    lines = table().markdown().splitlines()[:5]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in lines)
    assert len({len(line) for line in lines}) == 1
    assert lines[1].endswith("-: |")
    assert r"&lt;tag&gt; \| “q”" in lines[2]


HOSTILE = "<script>alert(1)</script> ![p](http://x/y) [l](javascript:z) `c` **b** \x1b[31m\x9b1m"


def hostile() -> Table:
    data = pd.DataFrame(
        {"name": ["=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", "\t=1", HOSTILE], "x": [-0.5] * 6}
    )
    rows = [[text, "-0.500"] for text in data["name"]]
    return Table("t_h", HOSTILE, ["[Name]", "MIG ↑"], rows, data)


def test_markdown_holds_text_and_nothing_that_acts() -> None:
    """What GitHub's own grammar would take for HTML, a link, a picture, code or emphasis."""
    markdown = hostile().markdown()
    assert not set(markdown) & {"<", ">", "\x1b", "\x9b"}
    assert html.unescape(markdown).count("<script>") == 2
    for letter in "[]`*":
        places = [place for place, found in enumerate(markdown) if found == letter]
        assert places
        assert all(markdown[place - 1] == "\\" for place in places)


def test_csv_has_no_formula_and_numbers_stay_numbers() -> None:
    content = hostile().files()["csv"].decode()
    read = pd.read_csv(io.StringIO(content))
    assert read["x"].tolist() == [-0.5] * 6
    assert all(text.startswith("'") for text in read["name"][:5])
    assert not read["name"][5].startswith("'")
    assert not set(content) & {"\x1b", "\x9b"}


def test_latex_keeps_brackets_and_stars_from_the_row_before() -> None:
    """After a row's end LaTeX takes `[…]` for a distance and `*` for a command's variant."""
    rows = [["[1cm] a", "1"], ["* b", "2"], ["[", "3"]]
    text = Table("t", "c", ["Name", "x"], rows, pd.DataFrame()).latex()
    assert not re.search(r"\\\\\s*[\[*]", text)
    assert escape_latex(HOSTILE).isascii()
    assert escape_latex(HOSTILE).isprintable()
