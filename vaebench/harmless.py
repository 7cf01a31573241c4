"""Text from outside, made harmless where it is shown: in a terminal, in JSON, in a spreadsheet."""

from __future__ import annotations

import re

_CONTROLS = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_OUT_OF_JSON = re.compile("[\x7f-\x9f]")
_FORMULA = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")


def visible(text: str) -> str:
    r"""Replaces control characters, those of escape sequences too, by their pictures.

    Line breaks and tabs stay; the others of C0 and DEL become the pictures that Unicode has for
    them, as in `␛[31m`, those of C1 (U+0080 to U+009F), which have none, become `�`.

    >>> visible("\x1b]0;title\x07")
    '␛]0;title␇'
    """
    return text.translate(_CONTROLS) if _CONTROL.search(text) else text


def json_visible(text: str) -> str:
    """Escapes, without loss, the control characters that `json.dumps` writes as they are."""
    return _OUT_OF_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def spreadsheet(text: str) -> str:
    """Makes a text harmless in a CSV that is opened in a spreadsheet.

    One that would be taken for a formula, by its first character, gets an apostrophe before it;
    control characters become visible. It is not for numbers: they stay numbers, negative ones too.

    References:
        OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection

    >>> spreadsheet("=1+1")
    "'=1+1"
    """
    shown = visible(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
