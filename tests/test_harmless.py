"""Text from outside is harmless where it is shown, and nothing of it is lost in JSON."""

from __future__ import annotations

import json
import unicodedata

import pytest

from vaebench.harmless import json_visible, spreadsheet, visible

EVERY = "".join(map(chr, range(0x3000)))


def test_no_control_character_is_left_and_all_else_stays() -> None:
    shown = visible(EVERY)
    assert len(shown) == len(EVERY)
    for before, after in zip(EVERY, shown, strict=True):
        if unicodedata.category(before) == "Cc" and before not in "\n\t":
            assert unicodedata.category(after) == "So"
        else:
            assert after == before
    assert visible(shown) == shown


def test_json_keeps_every_character_and_has_no_control_character() -> None:
    text = json_visible(json.dumps({"text": EVERY}, ensure_ascii=False))
    assert json.loads(text) == {"text": EVERY}
    assert not [letter for letter in text if unicodedata.category(letter) == "Cc"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1", "＝1", "＠A1"])
def test_no_spreadsheet_takes_a_text_for_a_formula(text: str) -> None:
    assert spreadsheet(text)[0] in "'␍"


@pytest.mark.parametrize("text", ["", "a=1", "1-2", "vae", "'quoted", "npz:a.npz"])
def test_other_texts_stay(text: str) -> None:
    assert spreadsheet(text) == text
