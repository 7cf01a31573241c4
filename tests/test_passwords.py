"""Passwords are hidden in every spelling, and nothing else is."""

from __future__ import annotations

import doctest
import random
import shlex
import string
from urllib.parse import quote

import pytest

from vaebench import passwords
from vaebench.passwords import HIDDEN, hidden, scrubbed, scrubbed_command, without_secrets

SECRET = "s3cr3t-Geheim"

SPELLINGS = (
    "postgresql+psycopg://anna:{}@host:5432/runs",
    "postgresql+psycopg://anna:{}@/runs?host=/var/run",
    "postgresql://anna:{}@[::1]:5432/runs",
    "postgresql://:{}@host",
    "postgresql+psycopg://anna:{}",
    "postgresql+psycopg://anna:{}/runs",
    "postgresql+psycopg://anna@host/runs?password={}",
    "postgresql+psycopg://anna@host/runs?connect_timeout=3&pass%77ord={}&port=1",
    "postgresql+psycopg:///runs?sslpassword={}&PGPASSWORD={}",
    "postgresql+psycopg://anna:{}@host/runs?password={}",
)
"""Where a URL may hold a password, at the place of the braces."""

UNTOUCHED = (
    "results/results.db",
    "postgresql+psycopg://anna@host:5432/runs?connect_timeout=3",
    "postgresql://[::1]:5432/runs",
    "sqlite:////tmp/a:b@c.db",
    "see https://example.org:8080/path, (https://example.org:80) and mail a:b@example.org",
    "vaebench sweep --set cvae.beta=1,2 --dataset 'npz:my data.npz:images'",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_password_is_hidden_wherever_a_url_may_hold_it(spelling: str) -> None:
    url = spelling.replace("{}", SECRET)
    assert SECRET not in hidden(url)
    assert hidden(url) == hidden(hidden(url)) == spelling.replace("{}", HIDDEN)
    assert hidden(f"--db={url}") == f"--db={hidden(url)}"
    for text in (f"cannot open {url!r}: no", f"({url}).\nagain {url}, {url}"):
        assert SECRET not in scrubbed(text)
        assert scrubbed(text).count(HIDDEN) == text.count(SECRET)


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_holds_no_password_stays_as_it_is(text: str) -> None:
    assert scrubbed(text) == scrubbed_command(text) == text
    assert text.count("://") > 1 or hidden(text) == text


def test_a_password_of_any_characters_is_hidden() -> None:
    """Raw as SQLAlchemy takes it, percent-encoded, in a command, a representation, bare."""
    rng = random.Random(3)
    for _ in range(500):
        secret = "Xy7" + "".join(rng.choices(string.printable[:95] + "äß漢", k=rng.randint(1, 12)))
        for written in (secret, quote(secret, safe="")):
            url = f"postgresql+psycopg://anna:{written}@host/runs"
            command = shlex.join(["vaebench", "sweep", "--db", url, "--seeds", "3"])
            expected = f"postgresql+psycopg://anna:{HIDDEN}@host/runs"
            assert hidden(url) == expected
            assert shlex.split(scrubbed_command(command))[3:] == [expected, "--seeds", "3"]
            for text in (f"cannot open {url!r}", f"cannot open {url}", f"at {written!r}: {secret}"):
                found = without_secrets(text, [url])
                assert secret not in found
                assert written not in found
            assert written not in scrubbed(f"cannot open {url!r}", [url])
            assert written not in scrubbed(f"cannot open {url}", [url])


def test_the_examples_are_true() -> None:
    assert doctest.testmod(passwords).failed == 0
