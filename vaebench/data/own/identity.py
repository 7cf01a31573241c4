"""What a user's own data are known by: their content, and the file's name to read it by."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vaebench.data.base import Dataset, own_path
from vaebench.errors import DataError, VaebenchError

_BLOCK_BYTES = 16_000_000
_NAME = re.compile(r"(npz|folder):(.*)#([0-9a-f]{16})", re.DOTALL)
_SOURCE = re.compile(r"(.*)(, [\d,]+ images? .*CRC-32 [0-9a-f]{8}.*)", re.DOTALL)

Then = tuple[str, str | None]
"""What a finished run was trained on: `Dataset.source`, and `content_digest` where it is known."""


@dataclass(frozen=True)
class OwnName:
    """The parts of `npz:mine.npz#1f2e3d4c5b6a7988`, the name that jobs have of a user's own data.

    Attributes:
        kind: `npz` or `folder`.
        file: Name of the file or folder, without where it lies.
        digest: Of the content; see `content_digest`.
    """

    kind: str
    file: str
    digest: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.file}#{self.digest}"


def parsed(name: str) -> OwnName | None:
    """Takes the name of own data apart; None for a name without a digest."""
    match = _NAME.fullmatch(name)
    return OwnName(*match.groups()) if match else None


def file_name(path: Path) -> str:
    """Returns a path's last part as it can be stored and printed."""
    name = Path(path.name).name or path.resolve().name
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name)


def content_digest(data: Dataset) -> str:
    """Returns 16 hexadecimal digits of the SHA-256 of all that a data set is.

    That is its images in their order, its factors and labels, and the names of these: what
    training and evaluation see. How and where it is stored, and who wrote it when, is no part.
    """
    digest = hashlib.sha256(b"vaebench own data, version 1\n")
    texts = [data.factor_names, data.label_names]
    numbers = [len(data), data.observation_shape, data.factor_sizes]
    digest.update(json.dumps([texts, numbers]).encode())
    rows = max(1, _BLOCK_BYTES // int(np.prod(data.observation_shape)))
    for start in range(0, len(data), rows):
        indices = np.arange(start, min(start + rows, len(data)))
        digest.update(np.ascontiguousarray(data.observations(indices)).data)
        for values in (data.factors(indices), data.labels(indices)):
            if values is not None:
                digest.update(np.ascontiguousarray(values, "<i8").data)
    return digest.hexdigest()[:16]


def annotations_digest(data: Dataset) -> str:
    """Returns the SHA-256 of what a data set has beside its images; these are not read.

    That is its factors and labels, and the names of these.
    """
    about = [data.factor_names, data.factor_sizes, data.label_names]
    digest = hashlib.sha256(json.dumps(about).encode())
    indices = np.arange(len(data))
    for values in (data.factors(indices), data.labels(indices)):
        if values is not None:
            digest.update(np.ascontiguousarray(values, "<i8").data)
    return digest.hexdigest()


def check_digest(name: str, wanted: OwnName, found: str) -> None:
    """Refuses a file that is not what the digest in a name says.

    Args:
        name: The name that was given.
        wanted: Its parts.
        found: Digest of what lies there.

    Raises:
        DataError: They differ.
    """
    if found != wanted.digest:
        raise DataError(
            f"{name} is not what lies there: its content has the digest {found}. Leave the digest "
            f"out ({wanted.kind}:PATH) to take it as another data set, or put the file back."
        )


def place_of(source: str) -> Path | None:
    """Returns the path in the `source` of own data, or None where there is none."""
    match = _SOURCE.fullmatch(source)
    return Path(match[1]) if match else None


def fingerprint(source: str) -> str:
    """Returns the `source` of own data without its path: number, classes and checksum."""
    match = _SOURCE.fullmatch(source)
    return match[2] if match else source


def skipped(source: str) -> str | None:
    """Returns how many images were left out as broken, by the `source` of own data."""
    match = re.search(r" \(([\d,]+) broken left out\)$", source)
    return f"{match[1]} image{'' if match[1] == '1' else 's'}" if match else None


def seems(then: Then, source: str, digest: str) -> bool:
    """Says whether what a finished run was trained on are these data, as far as it stored that.

    Args:
        then: What it was trained on.
        source: Of the data as opened; see `Dataset.source`.
        digest: Of their content. Where the run has none, number, classes and checksum are
            compared: of an npz file, this is of the images alone.
    """
    before, content = then
    return fingerprint(before) == fingerprint(source) if content is None else content == digest


def known_name(
    typed: str, source: str, digest: str, stored: Mapping[str, Collection[Then]]
) -> str | None:
    """Finds what a database calls the data that were typed, if it has runs of them.

    Runs were once called by the path as it was typed; their job keys stay. Such a name is taken
    where the same one is typed, or another spelling of the path of the same file, and all finished
    runs were trained on what it is today (see `seems`). A name with a digest is taken wherever the
    file lies and whatever it is called now.

    Args:
        typed: `npz:PATH` or `folder:PATH`.
        source: Of the data as opened; see `Dataset.source`.
        digest: Of their content.
        stored: Names of own data, in the order they were added, with what their runs had.

    Returns:
        The name, or None for data that are new.
    """

    def unchanged(name: str) -> bool:
        return all(seems(then, source, digest) for then in stored[name])

    old = [name for name in stored if parsed(name) is None and unchanged(name)]
    if typed in old:
        return typed
    kind = typed.partition(":")[0]
    for name in stored:
        own = parsed(name)
        if own is not None and (own.kind, own.digest) == (kind, digest):
            return name
    here = own_path(typed).resolve()
    return next((name for name in old if stored[name] and _leads_to(name, kind, here)), None)


def named_alike(typed: str, stored: Collection[str]) -> list[str]:
    """Returns the stored names that a typed one may mean: itself, or its file's with a digest."""
    if typed in stored:
        return [typed]
    kind, _, path = typed.partition(":")
    alike = [(name, parsed(name)) for name in stored]
    wanted = (kind, file_name(Path(path))) if path else None
    return [name for name, own in alike if own is not None and (own.kind, own.file) == wanted]


def _leads_to(name: str, kind: str, file: Path) -> bool:
    """Says whether a name's path, from the working directory, is that of a file."""
    try:
        return name.partition(":")[0] == kind and own_path(name).resolve() == file
    except (VaebenchError, OSError):
        return False
