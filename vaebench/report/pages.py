"""From what is shown to HTML: the first page, and one of each setting where that is too large."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from itertools import accumulate
from typing import Any

import jinja2

from vaebench.harmless import json_visible, visible
from vaebench.report.browsing import MOST_PICTURES_FIRST
from vaebench.report.figures import Figure
from vaebench.report.page import Page, on_page
from vaebench.report.rendering import Drawing
from vaebench.report.sections import Section

FIRST = "index.html"
FOLDER = "pages"
"""Holds the pages of settings."""

MOST = 7_900_000
"""Bytes of the first page, at most."""

MOST_OF_SETTING = 32_000_000
"""Bytes of a setting's own page, at most: it is loaded when asked for."""

MOST_RUNS = 2_000_000
"""Bytes of runs on the first page, at most; of more, each setting's are on its own page."""

SCRIPTS = ("theme.js", "zoom.js", "tables.js", "runs.js", "marks.js", "chart.js", "browse.js",
           "follow.js", "start.js")  # fmt: skip
"""The page's script, in order; each file uses what those before it define."""

STYLES = "report.css"


@dataclass(frozen=True)
class Heading:
    """What the page says of the whole database.

    Attributes:
        state: How far the sweep is.
        alarming: Whether that is less than all.
        remark: How many runs other code of vaebench made; empty for none.
        unreadable: Runs that could not be read, each with the reason.
        commands: The sweeps' commands.
        part: What part of the database it is of, in words; empty for all.
        follow: Whether the page looks for a newer one by itself.
    """

    state: str
    alarming: bool
    remark: str = ""
    unreadable: Sequence[tuple[str, str]] = ()
    commands: Sequence[str] = field(default=(), repr=False)
    part: str = ""
    follow: bool = False


def write(page: Page, heading: Heading) -> dict[str, bytes]:
    """Writes the page, and where it would pass `MOST` a page for each setting beside it.

    Args:
        page: What is shown.
        heading: What is said of the whole database.

    Returns:
        Files by name; `index.html` is the last of them.
    """
    shown = on_page(page.answered, page.sections)
    browsed = page.part.has("browse")
    runs = _json(page.browsable.data(most=MOST_PICTURES_FIRST)) if browsed else ""
    apart = len(runs) > MOST_RUNS
    common = {"page": page, "heading": heading, "others": {}, "base": "", "of": ""}
    common["runs"] = "" if apart else runs
    links = {each.name: f"figures/{each.name}.png" for each in shown}
    room = MOST - len(_rendered(links=links, **common))
    beyond = _beyond(shown, room)
    if not beyond and not apart:
        return {FIRST: _rendered(links={}, **common)}
    files: dict[str, bytes] = {}
    others = {slug: title for slug, title in page.titles.items() if _sections(page, slug)}
    for slug, title in others.items():
        files |= _own(page, heading, slug, title)
    links = {name: _place(name, others) for name in beyond}
    common["others"] = others
    missing = {each.name: each.png for each in shown if links.get(each.name, "").endswith(".png")}
    files |= {f"figures/{name}.png": png for name, png in missing.items()}
    return files | {FIRST: _rendered(links=links, **common)}


def _own(page: Page, heading: Heading, slug: str, title: str) -> dict[str, bytes]:
    """Writes the page of a setting, with its figures alone."""
    sections = _sections(page, slug)
    shown = on_page((), sections)
    mine = replace(page, swept=(), answered=(), sections=sections)
    common = {"page": mine, "heading": heading, "others": {}, "base": "../", "of": title}
    common["runs"] = _json(page.browsable.data(slug, base="../")) if page.part.has("browse") else ""
    links = {each.name: f"../figures/{each.name}.png" for each in shown}
    beyond = _beyond(shown, MOST_OF_SETTING - len(_rendered(links=links, **common)))
    links = {name: link for name, link in links.items() if name in beyond}
    files = {f"figures/{each.name}.png": each.png for each in shown if each.name in beyond}
    return {**files, f"{FOLDER}/{slug}.html": _rendered(links=links, **common)}


def _sections(page: Page, slug: str) -> list[Section]:
    beside = [part.beside for part in page.answered if part.beside is not None]
    found = [_of_setting(section, slug, page.titles, beside) for section in page.sections]
    return [section for section in found if not section.empty]


def _of_setting(
    section: Section,
    slug: str,
    titles: Mapping[str, str],
    beside: Sequence[tuple[Drawing, Figure]],
) -> Section:
    """Returns what a part shows of one setting, for a page of its own.

    Args:
        section: The part, of all settings.
        slug: What the setting's files begin with.
        titles: What settings are called, by what their files begin with.
        beside: Figures that stand in the answers; here they stand in their part.
    """
    others = [other for other in titles if len(other) > len(slug)]
    blocks = []
    for block in section.blocks:
        if block.id.startswith(f"{slug}-") and not block.id.startswith(tuple(others)):
            blocks.append(replace(block, title=""))
            continue
        drawings = [("", each) for each, _ in beside if each.name == block.above]
        drawings += [("", each) for _, each in block.drawings]
        kept = replace(block, drawings=[d for d in drawings if d[1].name.startswith(f"{slug}_")])
        kept.tables = [table for table in block.tables if table.name.startswith(f"{slug}_")]
        kept.above, kept.texts, kept.folded, kept.files = "", [], [], []
        if kept.drawings or kept.tables:
            blocks.append(kept)
    facts = [("", rows) for title, rows in section.facts if title in ("", titles[slug])]
    return Section(section.id, section.title, section.lead, blocks, facts=facts)


def _place(name: str, others: Mapping[str, str]) -> str:
    """Says where a figure is that the first page has no room for."""
    slug = name.partition("_")[0]
    return f"{FOLDER}/{slug}.html#{name}" if slug in others else f"figures/{name}.png"


def _beyond(shown: Sequence[Drawing], room: int) -> frozenset[str]:
    """Names the figures for which a page has no room, in the order to read it."""
    ends = accumulate(4 * (len(each.png) // 3 + 1) for each in shown)
    pairs = zip(shown, ends, strict=True)
    return frozenset(each.name for each, end in pairs if end > room)


def _json(data: Mapping[str, Any]) -> str:
    """Writes what a script of the page reads; empty where there is nothing."""
    if not data:
        return ""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return json_visible(text).replace("<", "\\u003c")


def _rendered(**what: Any) -> bytes:
    page = what["page"]
    holes = _holes(on_page(page.answered, page.sections))
    script, style = _script(), _file(STYLES) + holes
    text = _template().render(
        script=script,
        style=style,
        script_hash=_hash(script),
        style_hash=_hash(style),
        **what,
    )
    return visible(text).encode(errors="replace")


def _holes(shown: Sequence[Drawing]) -> str:
    """Writes the rules that keep pictures of data as they are where a dark page turns colours."""
    rules = []
    for each in shown:
        if not each.data:
            continue
        path = ["0 0", "100% 0", "100% 100%", "0 100%", "0 0"]
        for left, top, width, height in each.data:
            ends = ((0, 0), (width, 0), (width, height), (0, height), (0, 0))
            path += [f"{100 * (left + x):.4g}% {100 * (top + y):.4g}%" for x, y in ends]
            path.append("0 0")
        polygon = f"polygon(evenodd, {', '.join(path)})"
        rules.append(f'.drawn[data-name="{each.name}"] i {{ clip-path: {polygon}; }}')
    return "\n".join(rules)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vaebench.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html.j2")


@cache
def _file(name: str) -> str:
    return (resources.files("vaebench.report") / "page" / name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    joined = "\n".join(_file(name) for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{joined}}})();\n'


def _hash(text: str) -> str:
    """A content security policy's name for an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
