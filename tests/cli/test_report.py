"""`vaebench report`'s options: a part of the jobs or of the page, explorers, a sweep that runs."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Say
from tests.conftest import PATIENCE, CommandLine
from tests.report.databases import sweep, write
from vaebench.store import Reader


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four finished runs on tiny images of one's own, with their models, in `out`."""
    from vaebench.cli.app import run

    folder = tmp_path_factory.mktemp("trained")
    images = np.random.default_rng(0).integers(256, size=(60, 8, 8), dtype=np.uint8)
    np.savez(folder / "noise.npz", images=images)
    words = f"sweep --models ae,vae --seeds 2 --steps 2 --dataset npz:{folder}/noise.npz"
    words += f" --network mlp --eval-size 20 --out {folder}/out --workers 1 --latent-dim 3"
    assert run(words.split()) == 0
    return folder / "out"


def text_of(folder: Path) -> str:
    return (folder / "index.html").read_text()


def test_a_part_of_the_jobs(say: Say, tmp_path: Path) -> None:
    path = write(tmp_path / "results.db", sweep(["cvae", "ae"], (1, 4), 2, latent_dim=2))
    condition = "model = 'cvae' AND strength < 2"
    said = say("report", "--db", path, "--where", condition, "--format", "")
    assert said.code == 0
    assert said.err.startswith("2 runs: ")
    page = text_of(tmp_path / "report")
    assert "Of the jobs with model = &#39;cvae&#39; AND strength &lt; 2 alone." in page
    assert "All 2 runs are complete." in page
    table = (tmp_path / "report" / "tables" / "dsprites_summary.csv").read_text()
    assert len(table.splitlines()) == 2
    said = say("report", "--db", path, "--where", "seed > 7")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "--where 'seed > 7' leaves no job of" in said.err
    assert text_of(tmp_path / "report") == page
    said = say("report", "--db", path, "--where", "sed > 7")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "Did you mean 'seed'?" in said.err


def test_parts_of_the_page(say: Say, tmp_path: Path) -> None:
    path = write(tmp_path / "results.db", sweep(["cvae"], (1, 4), 2, latent_dim=2))
    assert say("report", "--db", path, "--only", "answers,runs,samples").code == 0
    page = text_of(tmp_path / "report")
    heads = re.findall(r'<h2 id="([^"]+)"', page)
    assert heads == ["runs", "samples"]
    assert 'class="answers' in page
    assert "Of the report’s parts only: answers, runs, samples." in page
    anchors = re.findall(r'href="#([^"]+)"', page)
    assert all(f'id="{anchor}"' in page for anchor in anchors)
    figures = {file.stem for file in (tmp_path / "report" / "figures").iterdir()}
    assert figures == set(re.findall(r'<img id="([^"]+)"', page))
    assert "dsprites_samples_cvae" in figures
    said = say("report", "--db", path, "--only", "browse")
    assert said.code == 0
    assert not list((tmp_path / "report" / "figures").iterdir())
    assert 'id="runs-data"' in text_of(tmp_path / "report")
    said = say("report", "--db", path, "--only", "run")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "Unknown part of the report 'run'. Known: answers, browse, failed, decides" in said.err


def test_explorers_of_the_best_are_linked(say: Say, trained: Path, tmp_path: Path) -> None:
    report = ("report", "--db", trained / "results.db", "--out", tmp_path, "--only", "browse")
    assert say(*report, "--explore", "best").code == 0
    pages = {file.stem: file.read_text() for file in (tmp_path / "explore").iterdir()}
    with Reader.open(trained / "results.db") as reader:
        scores = {
            row.key: (row.spec.model, {s.name: s.value for s in reader.scores(row.key)})
            for row in reader.jobs()
        }
    elbo = {key: found["elbo"] for key, (model, found) in scores.items() if model == "vae"}
    cost = {key: found["reconstruction"] for key, (model, found) in scores.items() if model == "ae"}
    assert set(pages) == {max(elbo, key=elbo.__getitem__), min(cost, key=cost.__getitem__)}
    assert all('content="vaebench explore"' in page for page in pages.values())
    page = text_of(tmp_path)
    assert set(re.findall(r'<li><a href="explore/(\w+).html">', page)) == set(pages)
    assert set(re.findall(r'"explore/(\w+).html"', page.split('"explore":')[1])) == set(pages)
    assert say(*report).code == 0  # asked for no more, they go, like all of an earlier report
    assert not list((tmp_path / "explore").iterdir())


def test_a_model_that_is_missing_or_damaged_is_a_line(
    say: Say, trained: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    keys = sorted(file.stem for file in (trained / "models").glob("*.pt"))
    for key in keys[1:]:
        (models / f"{key}.pt").write_bytes((trained / "models" / f"{key}.pt").read_bytes())
    with (models / f"{keys[1]}.pt").open("r+b") as file:
        file.truncate(500)
    report = ("report", "--db", trained / "results.db", "--out", tmp_path / "out")
    said = say(*report, "--only", "browse", "--explore", "all", "--models", models)
    assert said.code == 0
    lines = [line for line in said.err.splitlines() if line.startswith("No explorer of ")]
    assert {line.split()[3].rstrip(":") for line in lines} == set(keys[:2])
    assert "is missing" in said.err
    made = {file.stem for file in (tmp_path / "out" / "explore").iterdir()}
    assert made == set(keys[2:])
    said = say(*report, "--explore", f"{keys[2][:6]},ffff")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "has a key that begins with 'ffff'" in said.err


@pytest.mark.skipif(sys.platform != "linux", reason="a shell script stands for the browser")
def test_the_page_is_opened(cli: CommandLine) -> None:
    write(cli.folder / "results.db", sweep(["ae"], seeds=1, latent_dim=2))
    browser, opened = cli.folder / "browser", cli.folder / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    cli.environment["BROWSER"] = f"{browser} %s"
    cli.run("report", "--db", "results.db", "--only", "browse", "--open")
    assert opened.read_text().strip() == (cli.folder / "report" / "index.html").as_uri()


def test_a_running_sweep_is_followed_until_ctrl_c(cli: CommandLine) -> None:
    specs = sweep(["ae"], seeds=3, latent_dim=2)
    path = write(
        cli.folder / "results.db", specs, fate=lambda s: "pending" if s.seed else "complete"
    )
    page = cli.folder / "report" / "index.html"
    watching = cli.start("report", "--db", "results.db", "--only", "browse", "--watch")
    try:
        wait(lambda: page.exists())
        assert "1 of 3 runs are complete" in page.read_text()
        assert 'data-follow="' in page.read_text()
        write(path, specs, fate=lambda spec: "failed" if spec.seed == 2 else "complete")
        seen = set()

        def done() -> bool:
            text = page.read_text()
            assert text.endswith("</html>")  # never half a page
            seen.add(text)
            return "2 of 3 runs are complete: 1 failed." in text

        wait(done)
        assert 'data-follow="' not in page.read_text()  # nothing is to come
        time.sleep(1)
        os.killpg(watching.pid, signal.SIGINT)
        out, err = watching.communicate(timeout=PATIENCE)
    finally:
        watching.kill()
    assert watching.returncode == 130
    assert out == "report/index.html\n"
    assert "Traceback" not in err
    assert [line.split(",")[0].split(":")[0] for line in err.splitlines()] == ["1 run", "2 runs"]


def wait(until: object, seconds: float = PATIENCE) -> None:
    limit = time.monotonic() + seconds
    while not until():  # type: ignore[operator]
        assert time.monotonic() < limit
        time.sleep(0.05)
