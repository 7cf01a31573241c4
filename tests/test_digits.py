"""Facts about written figures: an interval can be told from its value, whatever its width."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from vaebench.digits import duration, written

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("exponent", range(-14, 6))
@pytest.mark.parametrize("width", [1.0, 2.7, 9.96])
def test_value_and_ends_differ_where_their_numbers_do(exponent: int, width: float) -> None:
    width *= 10.0**exponent
    value = 3.21 * width
    texts = [written(v, 0, width) for v in (value - 0.4 * width, value, value + 0.6 * width)]
    assert len(set(texts)) == 3
    for text, exact in zip(texts, (2.81 * width, value, 3.81 * width), strict=True):
        assert abs(float(text) - exact) <= 0.05 * width * 1.001


def test_a_narrow_interval_far_from_zero_keeps_its_decimals() -> None:
    assert written(0.98765432, 0, 3e-6) == "0.9876543"
    assert written(123.456, 0, 2.5) == "123.5"
    assert written(123.456, 0, 250) == "123"


def test_what_has_no_width_has_the_least_digits() -> None:
    assert written(0.25, 3) == "0.250"
    assert written(0.25, 3, 0.0) == "0.250"
    assert written(0.25, 3, math.inf) == "0.250"
    assert written(-0.0001, 3) == "0.000"
    assert written(math.nan, 3) == "nan"
    assert written(0.0, 3, 1e-15) == "0.000000000000000"


def test_no_document_teaches_to_end_processes_by_name() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        assert "pkill" not in page.read_text(), page
        assert "killall" not in page.read_text(), page


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "unknown"),
        (0, "0 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7620.0, "2 h 07 min"),
        (273_600.0, "3 d 4 h"),
    ],
)
def test_a_wall_time_is_as_people_say_it(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
