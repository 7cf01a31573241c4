"""Passwords in URLs and texts: found in every spelling, and hidden before anything keeps them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from urllib.parse import unquote

HIDDEN = "***"
"""What stands in place of a password."""

_NAMED = re.compile(r"(^|[_-]|pg|ssl)pass(?!file$)|(password|pwd|secret)$", re.IGNORECASE)
_URL = r"(?P<scheme>[A-Za-z][\w+.-]*://)"
_URL_IN_TEXT = re.compile(_URL + r"(?P<rest>\S+)")
_URL_AS_WORD = re.compile(_URL + r"(?P<rest>.+)", re.DOTALL)
_LOGIN = re.compile(r"(?P<user>[^:/?@]*):(?P<password>.*)@", re.DOTALL)
_NO_PORT = re.compile(r"(?P<user>[^:/?\[]*):(?P<password>(?!\d+\W*(?:$|[/?]))[^/?]+)")
_NAME = re.compile(r"([\w%.-]+)=")
_VALUE_IN_TEXT = re.compile(r"[^&\s]*?(?=[\"'`),.;:\]]*(?:[&\s]|$))")
_VALUE_OF_WORD = re.compile(r"[^&]*")


def hidden(word: str) -> str:
    """Hides the password of a URL, or of a word of a command line that holds one.

    A password in a URL may be raw or percent-encoded and may hold any character, an `@` too; it
    stands before the host or in an argument such as `?password=`.

    Example:
        >>> hidden("postgresql+psycopg://anna:geheim@host/runs?sslpassword=auch&port=1")
        'postgresql+psycopg://anna:***@host/runs?sslpassword=***&port=1'
    """
    return _hidden(word, _URL_AS_WORD, _VALUE_OF_WORD)


def scrubbed(text: str, urls: Iterable[str] = ()) -> str:
    """Hides every password that a text shows in a URL or as the value of an argument.

    Args:
        text: A message, a traceback, anything.
        urls: Words known to stand in it: their passwords may hold blanks and quotation marks.
    """
    for url in urls:
        text = text.replace(url, hidden(url)).replace(repr(url)[1:-1], hidden(url))
    return _hidden(text, _URL_IN_TEXT, _VALUE_IN_TEXT)


def scrubbed_command(command: str) -> str:
    """Hides every password in a command line, also one that had to be quoted for the shell."""
    try:
        words = shlex.split(command)
    except ValueError:
        return scrubbed(command)
    if shlex.join(words) != command:
        return scrubbed(command)
    return shlex.join(map(hidden, words))


def without_secrets(text: str, urls: Iterable[str]) -> str:
    """Hides the passwords of URLs wherever a text shows them, in a URL or bare.

    For the messages of a database's driver, which may quote any part of a URL.
    """
    urls = list(urls)
    text = scrubbed(text, urls)
    for secret in sorted({secret for url in urls for secret in _secrets(url)}, key=len)[::-1]:
        text = text.replace(secret, HIDDEN)
    return text


def _hidden(text: str, url: re.Pattern[str], value: re.Pattern[str]) -> str:
    if "://" in text:
        text = url.sub(lambda match: match["scheme"] + _without_login(match["rest"]), text)
    for start, end in reversed(_values(text, value)):
        text = f"{text[:start]}{HIDDEN}{text[end:]}"
    return text


def _values(text: str, value: re.Pattern[str]) -> list[tuple[int, int]]:
    """Returns where the values of arguments such as `password=` begin and end."""
    found: list[tuple[int, int]] = []
    for name in _NAME.finditer(text):
        match = value.match(text, name.end())
        free = not found or name.start() >= found[-1][1]
        if match and free and _NAMED.search(unquote(name[1])):
            found.append(match.span())
    return found


def _without_login(rest: str) -> str:
    """Hides the password before the host, or, where the host was forgotten, in its place."""
    match = _LOGIN.match(rest) or _NO_PORT.match(rest)
    if match is None:
        return rest
    return f"{match['user']}:{HIDDEN}{rest[match.end('password') :]}"


def _secrets(word: str) -> set[str]:
    """Returns the passwords of a URL as they are written and as they are meant."""
    found = set()
    for match in _URL_AS_WORD.finditer(word):
        login = _LOGIN.match(match["rest"]) or _NO_PORT.match(match["rest"])
        found |= {login["password"]} if login else set()
        rest = match["rest"]
        found |= {rest[start:end] for start, end in _values(rest, _VALUE_OF_WORD)}
    return {text for secret in found for text in (secret, unquote(secret)) if len(text) > 2}
