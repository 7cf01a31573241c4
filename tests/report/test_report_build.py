"""Facts about the report as a whole: its files, what it says, and that it repeats to the byte."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.asked import jobs_of
from tests.report.databases import outcome, report, sweep, write
from vaebench.analysis import TABLES
from vaebench.errors import OutputError, UsageError, VaebenchError
from vaebench.outcome import Artifact
from vaebench.report import ReportSummary, build_report
from vaebench.spec import JobSpec, Setting
from vaebench.store import Reader, Store

NOTHING_WRONG = re.compile(r"\bnan\b|\bNone\b|\binf\b|NaN")


def words(page: str) -> str:
    """The page's text, without its pictures, tags and styles."""
    page = re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_all_files_are_there_and_listed(full_report: tuple[Path, ReportSummary]) -> None:
    out, summary = full_report
    for name in summary.figures:
        assert (out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    for table in TABLES:
        found = pd.read_csv(out / "tables" / f"{table.name}.csv")
        assert tuple(found.columns[: len(table.columns)]) == table.columns
    for name in set(summary.tables) - {table.name for table in TABLES}:
        for ending in ("csv", "md", "tex"):
            assert (out / "tables" / f"{name}.{ending}").stat().st_size > 100
    made = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert made == {*(out / "manifest.txt").read_text().split("\n")[:-1], "manifest.txt"}
    assert summary.index == out / "index.html"
    assert str(summary) == f"42 runs: {len(summary.figures)} figures, {len(TABLES) + 2} tables"
    assert (summary.settings, summary.complete, summary.failed, summary.pending) == (2, 42, 0, 0)


def test_every_part_asked_for_is_there(full_report: tuple[Path, ReportSummary]) -> None:
    _, summary = full_report
    expected = {"best_of", "improvement", "rate_distortion", "wall_time", "reconstructions_cvae",
                "samples_cvae", "traversals_cvae_1"}  # fmt: skip
    for slug in ("dsprites", "fashion-mnist"):
        assert {f"{slug}_{name}" for name in expected} <= set(summary.figures)
        for several in ("strengths", "curves", "violins"):
            assert any(name.startswith(f"{slug}_{several}") for name in summary.figures)
        assert f"{slug}_summary" in summary.tables
    assert "dsprites_metric_correlation" in summary.figures


def test_page_answers_first_and_keeps_the_order_of_the_questions(
    full_report: tuple[Path, ReportSummary],
) -> None:
    page = (full_report[0] / "index.html").read_text()
    order = ["class=\"answers", 'id="decides"', 'id="models"', 'id="agree"', 'id="labels"',
             'id="downstream"', 'id="collapsed"', 'id="runs"', 'id="reconstructions"',
             'id="times"', 'id="ran"', 'id="commands"']  # fmt: skip
    places = [page.index(mark) for mark in order]
    assert places == sorted(places)
    sources = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(sources) == len(set(sources)), "a figure is embedded twice"


def test_page_says_what_is_missing_for_a_table(full_report: tuple[Path, ReportSummary]) -> None:
    text = words((full_report[0] / "index.html").read_text())
    assert "dSprites has no downstream accuracies (--scores all)." in text
    assert "Fashion-MNIST has 2 seeds" in text


def test_images_are_called_held_out_where_they_are(full_report: tuple[Path, ReportSummary]) -> None:
    page = (full_report[0] / "index.html").read_text()
    text = words(page)
    assert "images of the training set: dSprites has no split" in text
    assert "held-out test images of Fashion-MNIST" in text
    assert "eld-out data" not in page


def test_page_needs_no_other_file_and_no_network(full_report: tuple[Path, ReportSummary]) -> None:
    out, summary = full_report
    page = (out / "index.html").read_text()
    sources = re.findall(r'\bsrc="([^"]{0,40})', page)
    assert len(sources) == len(summary.figures)
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert "src=" not in " ".join(re.findall("<script[^>]*>", page))
    links = re.findall(r'href="((?:figures|tables)/[^"]+)"', page)
    assert links
    assert all((out / link).is_file() for link in links)
    anchors = re.findall(r'href="#([^"]+)"', page)
    assert anchors
    assert all(page.count(f'id="{anchor}"') == 1 for anchor in anchors)


def test_page_prints_no_missing_value_as_nan(full_report: tuple[Path, ReportSummary]) -> None:
    out, _ = full_report
    text = words((out / "index.html").read_text())
    assert not NOTHING_WRONG.search(text)
    assert "All 42 runs are complete." in text
    assert "Fashion-MNIST" in text
    assert "MIG (label)" in text
    for path in (out / "tables").glob("*.[mt]*"):
        assert not NOTHING_WRONG.search(path.read_text())


def test_header_says_what_was_run(full_report: tuple[Path, ReportSummary]) -> None:
    text = words((full_report[0] / "index.html").read_text())
    expected = ("CVAE (β = 0.5, 1, 3, 10)", "Seeds 0–2", "700 steps, batches of 64", "1 thread",
                "6 latents", "fp32", "torch 2.15.0", "AMD EPYC 9R14",
                "drawn from formulas")  # fmt: skip
    for said in expected:
        assert said in text
    assert re.search(r"12 min \d\d s in all", text)


@pytest.mark.parametrize("specs", [[], sweep()], ids=["empty", "pending"])
def test_nothing_done_yet_is_said_plainly(tmp_path: Path, specs: list[JobSpec]) -> None:
    path = write(tmp_path / "results.db", specs, fate=lambda spec: "pending")
    summary = report(path, tmp_path / "out")
    text = words(summary.index.read_text())
    assert summary.figures == ()
    assert (summary.complete, summary.pending) == (0, len(specs))
    assert ("The database is empty" if not specs else "None of 24 runs is complete yet") in text


def test_half_finished_and_failing_is_said_plainly(tmp_path: Path) -> None:
    def fate(spec: JobSpec) -> str:
        if spec.strength == 10:
            return "failed"
        return ["complete", "complete", "running"][spec.seed] if spec.model == "cvae" else "pending"

    path = write(tmp_path / "results.db", sweep(betas=(1, 10)), fate=fate)
    summary = report(path, tmp_path / "out", formats=())
    text = words(summary.index.read_text())
    assert (summary.complete, summary.failed, summary.pending) == (2, 6, 4)
    assert "2 of 12 runs are complete: 6 failed, 1 running or interrupted, 3 pending." in text
    assert "loss is nan at step 312 &lt;of 700&gt; &amp; more" in text
    assert "2 runs of 12 jobs, 6 failed" in text
    assert str(summary).startswith("2 runs, 6 failed, 4 pending: ")
    table = pd.read_csv(tmp_path / "out" / "tables" / "dsprites_summary.csv")
    assert table["runs"].tolist() == [2, 0, 0, 0]
    assert table["jobs"].tolist() == [3, 3, 3, 3]
    assert table["elbo_mean"].notna().tolist() == [True, False, False, False]


def test_one_seed_has_no_interval_and_no_seed_share(tmp_path: Path) -> None:
    path = write(tmp_path / "results.db", sweep(betas=(1,), seeds=1, latent_dim=2))
    summary = report(path, tmp_path / "out", formats=())
    text = words(summary.index.read_text())
    assert "These runs cannot tell" in text
    assert "dSprites has 1 seed, and it needs 2 or more." in text
    assert "dsprites_variance_components" not in summary.figures
    table = (tmp_path / "out" / "tables" / "dsprites_summary.md").read_text()
    assert "±" not in table.split("Mean")[0]
    assert not NOTHING_WRONG.search(text)


def test_a_page_that_would_be_too_large_links_to_its_last_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "results.db", sweep(["ae"], seeds=1, latent_dim=2))
    out = tmp_path / "out"
    whole = report(path, out, formats=()).index.stat().st_size
    most = whole - 20_000
    monkeypatch.setattr("vaebench.report.pages.MOST", most)
    names = report(path, out, formats=()).figures
    assert (out / "index.html").stat().st_size <= most
    page, own = (out / "index.html").read_text(), (out / "pages" / "dsprites.html").read_text()
    held = {name for name in names if f'<img id="{name}"' in page}
    link = '<a id="{0}" href="pages/dsprites.html#{0}">'
    linked = {name for name in names if link.format(name) in page}
    assert held
    assert linked
    assert held | linked == set(names)
    assert not held & linked
    assert {name for name in names if f'<img id="{name}"' in own} == set(names)
    assert "dsprites_curves" in held
    monkeypatch.setattr("vaebench.report.pages.MOST_OF_SETTING", most)
    report(path, out, formats=())
    own = (out / "pages" / "dsprites.html").read_text()
    beside = {p.stem for p in (out / "figures").iterdir()}
    assert beside
    assert beside == {name for name in names if f'href="../figures/{name}.png"' in own}
    monkeypatch.undo()
    report(path, out, formats=())
    assert not list((out / "pages").iterdir())
    assert not list((out / "figures").iterdir())


def test_each_setting_has_a_page_of_its_own_figures(
    everything: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaebench.report.pages.MOST", 1)
    names = report(everything, tmp_path, formats=()).figures
    first = (tmp_path / "index.html").read_text()
    assert "<img" not in first
    for slug in ("dsprites", "fashion-mnist"):
        page = (tmp_path / "pages" / f"{slug}.html").read_text()
        mine = {name for name in names if name.startswith(f"{slug}_")}
        assert set(re.findall(r'<img id="([^"]+)"', page)) == mine
        links = re.findall(r'href="\.\./((?:figures|tables|index)[^"]+)"', page)
        assert links
        assert all((tmp_path / link).is_file() for link in links)
        anchors = set(re.findall(rf'href="pages/{slug}.html#([^"]+)"', first))
        assert anchors == mine


def test_settings_of_one_data_set_are_told_apart(tmp_path: Path) -> None:
    specs = [sweep(["ae"], seeds=1, steps=steps, network="mlp") for steps in (50, 1500)]
    path = write(tmp_path / "results.db", *specs)
    summary = report(path, tmp_path / "out", formats=())
    page = summary.index.read_text()
    assert "dSprites: 50 steps</h3>" in page
    assert "dSprites: 1,500 steps</h3>" in page
    assert len(set(summary.tables)) == len(summary.tables) == len(TABLES) + 2


def test_same_database_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    path = write(tmp_path / "results.db", sweep(["cvae"], (1, 4), 2, latent_dim=2))
    report(path, tmp_path / "a", formats=("png", "svg", "pdf"))
    code = (
        "import sys; from pathlib import Path; from vaebench.store import Reader;"
        "from vaebench.report import build_report;"
        "build_report(Reader.open(sys.argv[1]), Path(sys.argv[2]), formats=('png', 'svg', 'pdf'))"
    )
    environment = os.environ | {
        "PYTHONHASHSEED": "12345",
        "SOURCE_DATE_EPOCH": "1",
        "TZ": "Asia/Tokyo",
    }
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", code, str(path), str(tmp_path / "b")]
    subprocess.run(command, check=True, env=environment, timeout=120)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    assert files == sorted(p.relative_to(tmp_path / "b") for p in (tmp_path / "b").rglob("*.*"))
    assert {p.suffix for p in files} == {
        ".html",
        ".txt",
        ".png",
        ".svg",
        ".pdf",
        ".csv",
        ".md",
        ".tex",
    }
    for name in files:
        same = (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert same, name  # pytest would write out how pages of megabytes differ, for minutes


def test_old_figures_go_and_the_users_files_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    big = write(tmp_path / "a.db", sweep(["vae", "ae"], seeds=1, latent_dim=2))
    small = write(tmp_path / "b.db", sweep(["ae"], seeds=1, latent_dim=2))
    assert "dsprites_samples_vae" in report(big, out, formats=("png",)).figures
    (out / "figures" / "mine.png").write_bytes(b"mine")
    report(small, out, formats=("png",))
    names = {path.name for path in (out / "figures").iterdir()}
    assert "mine.png" in names
    assert "dsprites_samples_vae.png" not in names
    assert "dsprites_reconstructions_ae.png" in names


def test_a_picture_that_cannot_be_read_is_said_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "results.db", sweep(["vae"], seeds=1))
    broken = [
        Artifact("samples", b"no picture", 2, 2),
        Artifact("traversals", b"", 0, 0),
    ]
    monkeypatch.setattr(Reader, "artifacts", lambda self, key: broken)
    summary = report(path, tmp_path / "out", formats=())
    text = words(summary.index.read_text())
    assert "The samples of VAE · seed 0 · ELBO" in text
    assert text.count("cannot be read.") == 2
    assert not any("samples" in name for name in summary.figures)


def test_wrong_arguments_are_refused_in_one_line(everything: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Unknown figure format 'jpg'"):
        report(everything, tmp_path, formats=("jpg",))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        report(everything, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "results.db", [])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "figures").write_text("in the way")
    with pytest.raises(VaebenchError, match="cannot be written to") as caught:
        report(path, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_files_that_no_report_made_stay(tmp_path: Path) -> None:
    """A user's page, list and figures by the names that a report would use, and a database."""
    path = write(tmp_path / "a.db", sweep(["ae"], seeds=1, latent_dim=2))
    report(path, tmp_path / "whole", formats=("png",))
    figure = sorted((tmp_path / "whole" / "figures").iterdir())[0].name
    for place, name in enumerate(("index.html", "manifest.txt", f"figures/{figure}")):
        for content in (b"mine", path.read_bytes()):
            out = tmp_path / f"{place}-{len(content)}"
            (out / name).parent.mkdir(parents=True)
            (out / name).write_bytes(content)
            with pytest.raises(OutputError, match="it was left as it is") as caught:
                report(path, out, formats=("png",))
            assert "\n" not in str(caught.value)
            assert [p for p in out.rglob("*") if p.is_file()] == [out / name]
            assert (out / name).read_bytes() == content


def test_a_name_that_no_file_can_have_is_cut_and_no_two_are_the_same(tmp_path: Path) -> None:
    names = [f"npz:{'deep/' * 600}mine.npz", "npz:a.b", "npz:a-b"]
    with Store(tmp_path / "results.db") as store:
        for name in names:
            spec = jobs_of("vae", setting=Setting(dataset=name, steps=5), seeds=(0,))
            claim = store.claim(store.add_sweep(spec, "").sweep_id)
            assert claim is not None
            store.complete(claim, outcome(claim.spec))
        summary = build_report(store, tmp_path / "report", formats=["svg"])
    assert len({*summary.tables}) == len(summary.tables)
    assert sum(name.endswith("summary") for name in summary.tables) == 3
    assert (tmp_path / "report" / "index.html").exists()


def test_a_report_that_cannot_be_written_whole_leaves_the_earlier_one(tmp_path: Path) -> None:
    out = tmp_path / "report"

    def written() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    with Store(tmp_path / "results.db") as store:
        sweep = store.add_sweep(jobs_of("vae", seeds=(0, 1)), "").sweep_id
        for seed in (0, 1):
            claim = store.claim(sweep)
            assert claim is not None
            store.complete(claim, outcome(claim.spec))
            if seed == 0:
                build_report(store, out, formats=["svg"])
        before = written()
        assert len(before[out / "index.html"]) > 60_000  # the last file, larger than is allowed
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
        try:
            with pytest.raises(OutputError, match="File too large"):
                build_report(store, out, formats=["svg"])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        unchanged = written() == before
        assert unchanged
        build_report(store, out, formats=["svg"])
        assert written()[out / "index.html"] != before[out / "index.html"]


def test_importing_the_report_takes_nothing_slow_that_it_does_not_need() -> None:
    slow = {"torch", "matplotlib.pyplot", "ray", "sklearn", "statsmodels"}
    code = f"import vaebench.report.build, sys; print({slow} & {{*sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == "set()"
