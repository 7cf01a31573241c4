"""The page in a real browser: every picture loads, nothing is fetched, nothing runs off a phone."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vaebench.report import ReportSummary

BROWSER = next(
    (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), ""
)
pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium on this machine")

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--hide-scrollbars")  # fmt: skip
PROBE = """<script>window.addEventListener("load", () => {
  const images = [...document.images];
  const broken = images.filter(i => !i.complete || i.naturalWidth === 0).length;
  const fetched = performance.getEntriesByType("resource").filter(e => !e.name.startsWith("data:"));
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const probe = document.createElement("p");
  probe.id = "probe";
  probe.textContent = [images.length, broken, fetched.length, wide,
    document.documentElement.clientWidth].join(" ");
  document.body.append(probe);
});</script>"""


def run(tmp_path: Path, page: Path, *flags: str) -> str:
    command = [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *flags, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    return done.stdout


@pytest.mark.parametrize("width", [1200, 500])
def test_pictures_load_and_nothing_is_fetched(
    tmp_path: Path, full_report: tuple[Path, ReportSummary], width: int
) -> None:
    out, summary = full_report
    text = (out / "index.html").read_text()
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', text)
    assert policy is not None
    assert "default-src 'none'" in policy[0]
    page = tmp_path / "probed.html"
    page.write_text(text.replace(policy[0], "").replace("</body>", f"{PROBE}</body>"))
    dom = run(
        tmp_path, page, f"--window-size={width},900", "--virtual-time-budget=5000", "--dump-dom"
    )
    found = re.search(r'<p id="probe">([-\d ]+)</p>', dom)
    assert found is not None
    images, broken, fetched, too_wide, seen = map(int, found[1].split())
    assert images == len(summary.figures)
    assert broken == 0
    assert fetched == 0
    assert too_wide <= 0
    assert seen == width


def test_the_policy_of_the_page_lets_its_own_pictures_and_styles_through(
    tmp_path: Path, full_report: tuple[Path, ReportSummary]
) -> None:
    picture = tmp_path / "page.png"
    flags = (f"--screenshot={picture}", "--window-size=1200,3000", "--virtual-time-budget=5000")
    run(tmp_path, full_report[0] / "index.html", *flags)
    from PIL import Image

    with Image.open(picture) as image:
        pixels = image.convert("RGB")
        colours = {colour for _, colour in pixels.getcolors(maxcolors=1 << 24) or []}
    page = (full_report[0] / "index.html").read_text()
    first = re.search(r'<img id="([^"]+)"', page)
    assert first is not None
    with Image.open(full_report[0] / "figures" / f"{first[1]}.png") as image:
        found = image.convert("RGB").getcolors(maxcolors=1 << 24) or []
    bright = [(n, colour) for n, colour in found if max(colour) - min(colour) > 40]
    assert max(bright)[1] in colours, "the picture's own colour"
    accent = re.search(r"--accent: #([0-9a-f]{6})", page)
    assert accent is not None
    assert tuple(bytes.fromhex(accent[1])) in colours, "the style's own colour"
