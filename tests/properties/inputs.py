"""Bad inputs, and the law that all parsers and readers keep: a result, or an error of one line."""

from __future__ import annotations

import contextlib
import io
import random
from collections import Counter
from collections.abc import Callable

from hypothesis import strategies as st

from vaebench.cli.app import run
from vaebench.errors import VaebenchError

tried: Counter[str] = Counter()
"""How the inputs of this process ended."""


def answers(call: Callable[[], object]) -> bool:
    """Calls something; returns whether it gave a result. Any error but one of ours goes through."""
    refusal: str | None = None
    try:
        call()
    except VaebenchError as error:
        refusal = str(error)
    tried["taken" if refusal is None else "refused"] += 1
    assert refusal is None or len(refusal.strip().splitlines()) == 1, refusal
    return refusal is None


def command(*words: str) -> tuple[int, str, str]:
    """Runs a command in this process; returns its code, output and messages, if it kept the law."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(words)
    said = err.getvalue()
    assert code in {0, 1, 2}, (words, code, said)
    assert "Traceback" not in said, (words, said)
    assert "defect of vaebench" not in said, (words, said)
    if code == 2:
        assert len(said.splitlines()) == 1, (words, said)
    tried["taken" if code == 0 else "refused"] += 1
    return code, out.getvalue(), said


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """Copies of a file: cut, with bytes altered, removed, repeated or put in."""

    def damage(seed: int, kind: str, count: int) -> bytes:
        rng = random.Random(seed)
        content = bytearray(whole)
        if kind == "cut":
            return bytes(content[: rng.randrange(len(content))])
        for _ in range(count):
            # Headers are short and decide much: half of the damage is in a file's first bytes
            # or its last, where zip files and TIFF files have their directories.
            near = min(len(content), 200)
            place = rng.randrange(near if rng.random() < 0.5 else len(content))
            place = len(content) - 1 - place if rng.random() < 0.3 else place
            if kind == "flip":
                content[place] ^= 1 << rng.randrange(8)
            elif kind == "byte":
                content[place] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
            elif kind == "many":
                content[place : place + 8] = rng.choice([b"\xff" * 8, bytes(8), rng.randbytes(8)])
            elif kind == "remove":
                del content[place : place + rng.randrange(1, 64)]
            else:
                content[place:place] = rng.randbytes(rng.randrange(1, 64))
            if not content:
                return b""
        return bytes(content)

    kinds = st.sampled_from(["cut", "flip", "flip", "byte", "byte", "many", "remove", "put"])
    return st.builds(damage, st.integers(0, 2**32), kinds, st.integers(1, 6))


def some(*texts: str) -> st.SearchStrategy[str]:
    """Texts that are nearly right: those given, with letters changed, and any others."""

    def change(text: str, place: float, other: str, cut: int) -> str:
        at = int(place * len(text))
        return text[:at] + other + text[at + cut :]

    near = st.builds(
        change,
        st.sampled_from(texts),
        st.floats(0, 1),
        st.text(ODD, max_size=3),
        st.integers(0, 3),
    )
    return st.one_of(st.sampled_from(texts), near, near, st.text(ODD, max_size=30), WILD)


ODD = st.one_of(
    st.sampled_from(list(",.:=-+*/~#@%[]{}()<>'\"\\ \t\n0123456789eEinfa_")),
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
)
WILD = st.sampled_from(
    [
        "", " ", ",", "-", "--", "=", "9" * 5000, "-1", "1e400", "-0.0", "nan", "inf", "1_0", "٣",
        "²", "0x10", "1e-400", "0-", "-0", "0-0-0", "0-99999999999999999999", "a" * 5000, "../..",
        "/", "/dev/null", "~nouser/x", "npz:", "folder:", "npz:/", "folder:/dev", "npz:.", "**",
        "a/" * 2500, ":", "[bold]x[/]", "[/]", "\x1b[31m", "%s", "{0}", "$(x)", "'", "é" * 300,
    ]
)  # fmt: skip
