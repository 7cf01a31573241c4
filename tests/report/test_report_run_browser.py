"""The run browser in a real browser: what is hovered, pinned, brushed and filtered is so in all."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.report.conftest import Browse
from tests.report.databases import report, sweep, write
from vaebench.measures import measure
from vaebench.report import ReportSummary
from vaebench.store import Reader

Report = tuple[Path, ReportSummary]
WITH = "([chart, row]) => runBrowser.charts[chart].place(row)"
INK = """([chart, x, y]) => {
  const { canvas } = runBrowser.charts[chart], box = canvas.getBoundingClientRect();
  const at = [x - box.left, y - box.top].map(v => v * devicePixelRatio);
  return canvas.getContext("2d").getImageData(...at, 1, 1).data[3];
}"""
NAMES = """all => all.map(e =>
  e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent)"""
CHARTS = ("strength", "rate", "metrics", "times")


@pytest.fixture
def page(full_report: Report, browse: Browse) -> Any:
    """The page, with the run browser in sight."""
    found = browse(full_report[0] / "index.html")
    found.evaluate("document.querySelector('#browse-charts').scrollIntoView()")
    return found


def told(page: Any) -> dict[str, Any]:
    return dict(json.loads(page.locator("#runs-data").text_content()))


def settle(page: Any) -> None:
    page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 20)))")


def place(page: Any, chart: str, row: int) -> tuple[float, float]:
    settle(page)
    found = page.evaluate(WITH, [CHARTS.index(chart), row])
    return found["x"], found["y"]


def test_the_page_holds_the_figures_of_every_run(
    page: Any, full_report: Report, everything: Path
) -> None:
    data = told(page)
    assert len(data["key"]) == len(set(data["key"])) == 42
    table = pd.read_csv(full_report[0] / "tables" / "dsprites_summary.csv")
    with Reader.open(everything) as reader:
        for row in (0, 7, 23, 41):
            key = data["key"][row]
            (job,) = reader.jobs(keys=[key])
            assert (job.spec.seed, job.spec.strength) == (data["seed"][row], data["strength"][row])
            assert data["series"][data["of"][row]]["model"] == job.spec.model
            stored = {score.name: score.value for score in reader.scores(key)}
            for name, column in data["values"].items():
                value = stored.get(name) if name != "wall_seconds" else job.train_seconds
                if name == "wall_seconds":
                    value += job.eval_seconds
                if value is None:
                    assert column[row] is None
                else:
                    digits = next(m["digits"] for m in data["measures"] if m["name"] == name)
                    assert digits >= measure(name).digits
                    assert column[row] == pytest.approx(value, abs=0.51 * 10.0**-digits)
            stored_picture = next(a for a in reader.artifacts(key) if a.name == "reconstructions")
            assert base64.b64decode(data["pictures"][str(row)]) == stored_picture.png
    shown = {data["settings"][at] for at in data["at"]}
    assert shown == {"dSprites", "Fashion-MNIST"}
    assert set(table["series"]) <= {series["name"] for series in data["series"]}


def test_hover_tells_of_a_run_and_a_click_pins_it(page: Any) -> None:
    data, row = told(page), 12
    values = {name: column[row] for name, column in data["values"].items()}
    for chart in CHARTS:
        x, y = place(page, chart, row)
        page.mouse.move(x, y)
        tip = page.locator(".tip")
        label = tip.locator("b").inner_text()
        assert f"seed {data['seed'][row]}" in label
        assert f"= {data['strength'][row]}" in label
        assert f"{values['mig']:.3f}" in tip.inner_text()
        assert f"{values['kl']:.1f}" in tip.inner_text()
        assert tip.locator("img").evaluate("i => i.complete && i.naturalWidth > 0")
        assert label in page.locator("#browse-live").inner_text()
        box = tip.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 1200
    page.mouse.click(*place(page, "rate", row))
    page.mouse.move(2, 2)
    assert page.locator(".tip").is_hidden()
    card = page.locator(".pin")
    assert card.locator("b").inner_text() == label
    known = [value for value in values.values() if value is not None]
    assert card.locator("dd").count() == len(known)
    assert data["key"][row].startswith(card.locator("code").inner_text().split()[-1])
    line = page.locator(f"#browse-runs tr[data-row='{row}']")
    assert line.locator("button").get_attribute("aria-pressed") == "true"
    line.locator("button").click()
    assert card.count() == 0


def test_a_brush_marks_the_same_runs_everywhere(page: Any) -> None:
    data = told(page)
    mine = [row for row, at in enumerate(data["at"]) if at == 0 and data["values"]["kl"][row]]
    middle = sorted(data["values"]["kl"][row] for row in mine)[len(mine) // 2]
    wanted = {row for row in mine if data["values"]["kl"][row] <= middle}
    canvas = page.locator("#browse-charts canvas").nth(1)
    settle(page)
    box, edge = canvas.bounding_box(), max(place(page, "rate", row)[0] for row in wanted)
    page.mouse.move(box["x"] + 30, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(edge + 1, box["y"] + box["height"] - 30, steps=4)
    page.mouse.up()
    assert set(page.evaluate("[...runBrowser.runs.marked]")) == wanted
    said = page.locator("#browse-said").inner_text()
    assert said.startswith(f"{len(wanted)} runs marked of ")
    lines = page.locator("#browse-runs tbody tr")
    first = [int(lines.nth(n).get_attribute("data-row")) for n in range(len(wanted))]
    assert set(first) == wanted
    assert page.locator("#browse-runs tr.marked").count() == len(wanted)
    pair = next(
        (row, other)
        for row in sorted(wanted)
        for other in mine
        if other not in wanted and data["of"][other] == data["of"][row]
    )
    for chart in CHARTS:  # what is not marked is pale
        strong, pale = (page.evaluate(INK, [CHARTS.index(chart), *place(page, chart, row)])
                        for row in pair)  # fmt: skip
        assert pale < 0.6 * strong
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear").click()
    assert page.evaluate("runBrowser.runs.marked") is None
    assert page.locator("#browse-runs tr.marked").count() == 0


def test_words_conditions_and_models_filter_charts_and_table(page: Any) -> None:
    data = told(page)
    sieve = page.locator("#browse-filter")
    sieve.fill("betavae_h seed=1 mig > 0.08")
    wanted = {
        row
        for row, key in enumerate(data["key"])
        if data["at"][row] == 0
        and data["series"][data["of"][row]]["model"] == "betavae_h"
        and data["seed"][row] == 1
        and data["values"]["mig"][row] > 0.08
    }
    assert wanted
    lines = page.locator("#browse-runs tbody tr")
    found = {int(lines.nth(n).get_attribute("data-row")) for n in range(lines.count())}
    assert found == wanted
    settle(page)
    assert set(page.evaluate("runBrowser.charts[0].points.map(p => p.row)")) == wanted
    sieve.fill(data["key"][3])
    assert lines.count() == 1
    sieve.fill("nothing has this")
    assert lines.count() == 0
    assert page.locator("#browse-said").inner_text() == "0 runs"
    sieve.fill("")
    page.get_by_role("button", name="CVAE", exact=True).click()
    found = {int(lines.nth(n).get_attribute("data-row")) for n in range(lines.count())}
    assert found
    assert all(data["series"][data["of"][row]]["model"] != "cvae" for row in found)


def test_the_table_of_runs_sorts_and_the_data_set_is_chosen(page: Any) -> None:
    data = told(page)
    head = page.locator("#browse-runs th", has_text=re.compile("^MIG"))
    head.click()
    head.click()
    lines = page.locator("#browse-runs tbody tr")
    first = int(lines.first.get_attribute("data-row"))
    here = [row for row, at in enumerate(data["at"]) if at == 0]
    best = max(data["values"]["mig"][row] for row in here if data["values"]["mig"][row] is not None)
    assert data["values"]["mig"][first] == best
    page.locator("#browse-runs th", has_text="Run").click()
    order = [int(lines.nth(n).get_attribute("data-row")) for n in range(lines.count())]
    assert [data["strength"][row] for row in order[-3:]] == [10, 10, 10]  # after 3, as a number
    page.get_by_label("Data set").select_option("Fashion-MNIST")
    assert lines.count() == data["at"].count(1)
    titles = page.locator("#browse-runs th").all_inner_texts()
    assert "MIG (label)" in titles
    assert "MIG" not in titles  # it has no factors
    settle(page)
    assert page.evaluate("runBrowser.charts[1].points.length") == data["at"].count(1)


def test_keys_walk_pin_and_let_go(page: Any) -> None:
    canvas = page.locator("#browse-charts canvas").first
    canvas.focus()
    walked = []
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        settle(page)
        walked.append(page.evaluate("runBrowser.runs.hovered"))
    across = [place(page, "strength", row)[0] for row in walked]
    assert across == sorted(across)
    assert len(set(walked)) == 3
    assert page.locator(".tip").is_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("runBrowser.runs.pinned") == [walked[2]]
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("runBrowser.runs.hovered") == walked[1]
    assert "Enter pins" in canvas.get_attribute("aria-label")
    names = page.locator("#browse button, #browse select, #browse input").evaluate_all(NAMES)
    assert all(names)


def test_of_many_runs_each_data_set_s_page_has_its_own(
    everything: Path, tmp_path: Path, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaebench.report.pages.MOST_RUNS", 100)
    monkeypatch.setattr("vaebench.report.browsing.MOST_PICTURES", 10_000)
    report(everything, tmp_path, formats=())
    assert 'id="runs-data"' not in (tmp_path / "index.html").read_text()
    page = browse(tmp_path / "index.html")
    page.get_by_role("link", name="Fashion-MNIST", exact=True).click()
    data = told(page)
    assert data["settings"] == ["Fashion-MNIST"]
    assert len(data["key"]) == 12
    assert page.locator("#browse-runs tbody tr").count() == 12
    assert page.complaints == []
    page.get_by_role("link", name="All data sets").click()
    assert page.url.endswith("index.html")


def test_an_autoencoder_alone_and_no_score_at_all_can_be_browsed(
    tmp_path: Path, browse: Browse
) -> None:
    path = write(tmp_path / "results.db", sweep(["ae"], seeds=1, network="mlp", latent_dim=2))
    report(path, tmp_path / "out", formats=())
    page = browse(tmp_path / "out" / "index.html")
    assert page.locator("#browse-runs tbody tr").count() == 1
    assert page.locator("#browse-charts canvas").count() == 3  # no plane without a KL
    assert page.complaints == []


def test_without_a_figure_there_is_nothing_to_browse(tmp_path: Path) -> None:
    path = write(tmp_path / "r.db", sweep(["ae"], seeds=1, network="mlp", latent_dim=2))
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM scores")
        connection.execute("UPDATE jobs SET train_seconds = NULL, eval_seconds = NULL")
    page = report(path, tmp_path / "out", formats=()).index.read_text()
    assert 'id="browse"' not in page


def test_the_page_of_a_running_sweep_reloads_unless_somebody_is_at_work(
    tmp_path: Path, browse: Browse
) -> None:
    specs = sweep(["ae"], seeds=2, network="mlp", latent_dim=2)
    path = write(tmp_path / "r.db", specs, fate=lambda s: "pending" if s.seed else "complete")
    report(path, tmp_path / "out", formats=(), only=("browse",), follow=True)
    page = browse(tmp_path / "out" / "index.html")
    page.clock.install()
    page.reload()
    loads = []
    page.on("load", lambda: loads.append(page.url))
    page.mouse.click(*place(page, "strength", 0))  # pins the run
    page.clock.run_for(65_000)
    assert loads == []
    page.get_by_role("button", name="Clear").click()
    page.clock.run_for(65_000)
    page.wait_for_function("document.readyState === 'complete'")
    assert len(loads) >= 1
    assert page.complaints == []
