"""The page in a real browser: nothing is fetched, nothing runs off, and what it is made to do."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.report.conftest import Browse
from vaebench.models import find_model
from vaebench.report import ReportSummary

Report = tuple[Path, ReportSummary]


def pixels(shot: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(shot)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int64)


def covered(shot: np.ndarray, colour: tuple[int, ...], apart: int = 3) -> int:
    """How many pixels have a colour."""
    return int((np.abs(shot - colour).max(axis=-1) <= apart).sum())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 760, 1200, 2000])
def test_nothing_is_fetched_and_nothing_runs_off_any_width(
    full_report: Report, browse: Browse, width: int, scheme: str
) -> None:
    out, summary = full_report
    page = browse(out / "index.html", width=width, color_scheme=scheme)
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert page.evaluate("document.images.length") == len(summary.figures)
    assert page.evaluate(broken) == 0
    assert [url for url in page.requested if not url.startswith("data:")] == [page.url]
    assert page.complaints == []  # nor does its own policy stop anything
    policy = page.locator("meta[http-equiv]").get_attribute("content")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_javascript_nothing_is_there_that_needs_it(
    full_report: Report, browse: Browse
) -> None:
    out, summary = full_report
    page = browse(out / "index.html", java_script_enabled=False)
    assert page.locator("img").count() == len(summary.figures)
    assert page.locator("button:visible").count() == 0
    assert page.locator("input:visible").count() == 0


def test_light_and_dark_turn_figures_and_keep_pictures_and_colours(
    full_report: Report, browse: Browse
) -> None:
    page = browse(full_report[0] / "index.html", color_scheme="light")
    plot = page.locator("img.plot[id='dsprites_rate_distortion']")
    light = pixels(plot.screenshot())
    darken = page.get_by_role("button", name="Show the page in dark colours")
    darken.click()
    assert darken.count() == 0
    dark = pixels(plot.screenshot())
    page.reload()  # what was chosen is kept
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.get_by_role("button", name="Show the page in light colours").click()
    again = pixels(plot.screenshot())
    assert (light == again).all()
    paper, size = (23, 23, 23), light.shape[0] * light.shape[1]
    assert covered(light, (255, 255, 255)) > 0.8 * size
    assert covered(dark, (255, 255, 255)) == 0
    assert covered(dark, paper) > 0.8 * size
    own = tuple(bytes.fromhex(find_model("betavae_h").colour[1:]))
    marks = (np.abs(light - own).max(axis=-1) <= 3) & (np.ptp(dark, axis=-1) > 0)
    assert marks.sum() > 50
    turned = np.median(dark[marks], axis=0)
    apart = np.subtract(own, np.mean(own)), turned - turned.mean()
    assert apart[0] @ apart[1] > 0.98 * np.linalg.norm(apart[0]) * np.linalg.norm(apart[1])
    picture = page.locator(".drawn[data-name='dsprites_reconstructions_cvae']")
    # On whole pixels, as a browser may round a place otherwise where it turns colours.
    pinned = "e => Object.assign(e.style, {position: 'fixed', left: 0, top: 0, maxWidth: 'none'})"
    picture.evaluate(pinned)
    light_picture = pixels(picture.screenshot())
    darken.click()
    dark_picture = pixels(picture.screenshot())
    same = (light_picture == dark_picture).all(axis=-1)
    around = (light_picture == 255).all(axis=-1) & (np.abs(dark_picture - paper) <= 3).all(axis=-1)
    assert same.mean() > 0.5  # the data's own pixels
    assert around.mean() > 0.05  # and the margin with its labels
    assert (same | around).mean() > 0.9


def test_on_paper_all_is_light_and_controls_are_gone(full_report: Report, browse: Browse) -> None:
    page = browse(full_report[0] / "index.html", color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("button:visible, input:visible, nav:visible, summary:visible").count() == 0
    shot = pixels(page.locator("img.plot[id='dsprites_rate_distortion']").screenshot())
    assert covered(shot, (255, 255, 255)) > 0.8 * shot.shape[0] * shot.shape[1]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".scroll:visible").count() >= 2


def test_figures_enlarge_by_mouse_and_by_keyboard(full_report: Report, browse: Browse) -> None:
    page = browse(full_report[0] / "index.html")
    dialog, titles = page.locator("dialog.zoom"), page.locator(".drawn")
    titles.nth(1).click()
    assert dialog.is_visible()
    assert dialog.locator("img").evaluate("i => i.naturalWidth") > 500
    page.keyboard.press("Escape")
    assert dialog.is_hidden()
    assert page.locator("dialog img").count() == 0
    larger = page.get_by_role("button", name="Enlarge: ").nth(2)
    larger.focus()
    page.keyboard.press("Enter")
    head = dialog.locator("b").inner_text()
    assert larger.get_attribute("aria-label") == f"Enlarge: {head}"
    page.keyboard.press("ArrowRight")
    assert dialog.locator("b").inner_text() == titles.nth(3).get_attribute("data-title")
    fitted = dialog.locator("img").bounding_box()
    assert fitted["width"] <= 1200
    assert fitted["y"] + fitted["height"] <= 900
    dialog.get_by_role("button", name="Full size").click()
    own = dialog.locator("img").evaluate("i => i.width")
    assert own == int(titles.nth(3).locator("img").get_attribute("width"))
    page.keyboard.press("Escape")
    assert dialog.is_hidden()


def test_tables_sort_and_are_filtered(full_report: Report, browse: Browse) -> None:
    page = browse(full_report[0] / "index.html")
    table = page.locator("#dsprites-summary ~ .scroll table").first
    heads = table.locator("thead th").all_inner_texts()
    place = heads.index(next(head for head in heads if head.startswith("MIG")))

    def column() -> list[str]:
        return [row[place] for row in cells(table)]

    def cells(of: Any) -> list[list[str]]:
        script = "t => [...t.tBodies[0].rows].map(r => [...r.cells].map(c => c.textContent))"
        return list(of.evaluate(script))

    before = cells(table)
    head = table.locator("thead th").nth(place)
    for _ in range(2):
        head.focus()
        page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    values = [float(text.split(" ")[0]) for text in column() if text != "–"]
    assert values == sorted(values, reverse=True)
    assert column()[len(values) :] == ["–"] * (len(before) - len(values))
    assert sorted(cells(table)) == sorted(before)
    sieve = page.locator("#dsprites-summary ~ input.sieve").first
    sieve.fill("cvae 0.5")
    shown = page.locator("#dsprites-summary ~ .scroll").first.locator("tbody tr:visible")
    texts = [text.lower() for text in shown.all_inner_texts()]
    assert texts
    assert all("cvae" in text and "0.5" in text for text in texts)
