"""Records of data sets: whose each is, what it holds, its files, how to open and to check it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from vaebench.data.attributes import Attribute
from vaebench.data.wellformed import CONTENTS, INFO
from vaebench.declared import Record, first_problem
from vaebench.errors import DataError

if TYPE_CHECKING:
    from vaebench.data.base import Dataset
    from vaebench.data.grid import Grid


@dataclass(frozen=True)
class Contents:
    """What a data set consists of; see `base.Dataset` for all but `images`.

    Attributes:
        images: Their number.
        train_images: How many of them the published split has for training; 0 without a split.
    """

    images: int
    observation_shape: tuple[int, int, int]
    factor_names: tuple[str, ...] = ()
    factor_sizes: tuple[int, ...] = ()
    label_names: tuple[str, ...] = ()
    train_images: int = 0
    stochastic: bool = False

    @classmethod
    def of_grid(
        cls,
        grid: Grid,
        shape: tuple[int, int, int],
        labels: tuple[str, ...],
        *,
        stochastic: bool = False,
    ) -> Contents:
        """The contents of a data set with one image for each set of factors."""
        images = math.prod(grid.sizes)
        return cls(images, shape, grid.names, grid.sizes, labels, stochastic=stochastic)

    @property
    def examples(self) -> int:
        """How many images there are to train on."""
        return self.train_images or self.images

    @property
    def image_bytes(self) -> int:
        """Size of all images, uncompressed."""
        return self.images * math.prod(self.observation_shape)


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Checksums and sizes were taken from public sources (tensorflow_datasets, torchvision, several
    independent loaders), since most files cannot be had where this was written.

    Attributes:
        name: Its name in the data folder, before it is unpacked.
        folder: Where it goes, below the data folder.
        urls: Its addresses; the next one is tried if one fails.
        checksum: `sha256:` or `md5:` and the digits, or None if none is known.
        bytes: Its size, or None if it is not known.
        about: Where the size is not known, what it is about.
        unpack: Whether what is kept is the file as it is, the one that is in it (`gz`), or the
            ones that the data set needs of those in it (`tar`, `zip`).
        wanted: Which ones these are, as in `*.jpg`.
        into: Folder, in `folder`, that they go to.
        optional: Whether the data set can do without.
    """

    name: str
    folder: str
    urls: tuple[str, ...]
    checksum: str | None
    bytes: int | None = None
    about: int | None = None
    unpack: Literal["gz", "tar", "zip"] | None = None
    wanted: str = "*"
    into: str = ""
    optional: bool = False


@dataclass(frozen=True)
class FileCheck:
    """What was found about one file.

    Attributes:
        path: Where it is, or would be.
        problem: What is wrong with it in one sentence, or None if it is whole.
    """

    path: Path
    problem: str | None


Check = Callable[[RemoteFile, Path, bool], list[FileCheck]]
"""Checks what is in the data folder of a file; thoroughly, or by names and sizes alone."""


def kept_as_published(
    path: Path, remote: RemoteFile, thorough: bool, read: Callable[[Path], object] | None = None
) -> FileCheck:
    """Checks a file that is kept as published.

    Args:
        path: Where it is, or would be.
        remote: What it should be.
        thorough: Whether to compare its checksum, or to read it.
        read: Reads it and raises DataError, for a file without a known checksum.
    """
    if not path.is_file():
        return FileCheck(path, f"{path} is missing.")
    size = path.stat().st_size
    if remote.bytes is not None and size != remote.bytes:
        state = "truncated" if size < remote.bytes else "not the published file"
        return FileCheck(path, f"{path} is {state}: {size:,} bytes instead of {remote.bytes:,}.")
    if not thorough:
        return FileCheck(path, None)
    if read is not None:
        return readable(path, lambda: read(path))
    if remote.checksum is not None:
        kind, digits = remote.checksum.split(":")
        return FileCheck(path, other_digest(path, kind, digits))
    return FileCheck(path, None)


def other_digest(path: Path, kind: str, digits: str) -> str | None:
    """Says it where a file's checksum, `md5` or `sha256`, is another."""
    with path.open("rb") as stream:
        new = hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False))
    seen = new.hexdigest()
    if seen == digits:
        return None
    title = {"md5": "MD5", "sha256": "SHA-256"}[kind]
    return f"{path} is not the published file: its {title} is {seen}, not {digits}."


def readable(path: Path, read: Callable[[], object]) -> FileCheck:
    """Reads something; the DataError that is raised is the problem."""
    try:
        read()
    except DataError as error:
        return FileCheck(path, str(error))
    return FileCheck(path, None)


def kept(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    """Checks a file that is kept as published, in its place below the data folder."""
    return [kept_as_published(folder / remote.folder / remote.name, remote, thorough)]


@dataclass(frozen=True, kw_only=True)
class DatasetInfo(Record):
    """What is known of a published data set without opening it.

    Attributes:
        name: The name that `load_dataset` takes.
        title: Its name in the literature.
        what: What can be seen, in a few words.
        citation: Authors, title, year and link of what to cite.
        licence: Its licence, or what its authors say of its use.
        url: Its home page.
        contents: What it consists of, at its native size.
        files: What is published of it.
        load: Opens it, from the data folder and at a size in pixels (None for its own).
        check: Says of one of its files what is here; by itself that it is kept as published.
        prepare: Opens it with `on_progress=`, and unpacks or scales its images where that must be
            done first; None where they are read as they are.
        unpacked: Whether the images are always unpacked (see `unpacked`).
        drawn: Says where the images come from if no file is needed; None where some are.
        attributes: Those of which any can be the label: `load` takes its name as `label=`.
    """

    kind: ClassVar[str] = "data set"
    group: ClassVar[str] = "vaebench.datasets"

    name: str
    title: str
    what: str
    citation: str
    licence: str
    url: str
    contents: Contents
    files: tuple[RemoteFile, ...]
    load: Callable[..., Dataset]
    check: Check = kept
    prepare: Callable[..., Dataset] | None = None
    unpacked: bool = False
    drawn: Callable[[Path], str] | None = None
    attributes: tuple[Attribute, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Its name, and those it has with each attribute as the label."""
        return (self.name, *(one.of(self.name) for one in self.attributes))

    def problem(self) -> str | None:
        """Says which field has a value that it does not take; None where all is well."""
        if wrong := first_problem(self, INFO):
            return wrong
        kinds = (
            ("contents", lambda v: isinstance(v, Contents), "a data.info.Contents"),
            ("files", _are_files, "a tuple of data.info.RemoteFile, empty where none is needed"),
            ("attributes", _are_attributes, "a tuple of data.attributes.Attribute, mostly empty"),
        )
        wrong = first_problem(self, kinds) or first_problem(self.contents, CONTENTS)
        if wrong is None and not self.needed and self.drawn is None:
            return "drawn is None: without a file it must say where the images come from"
        return wrong

    @property
    def needed(self) -> tuple[RemoteFile, ...]:
        """The files that it cannot do without."""
        return tuple(file for file in self.files if not file.optional)

    @property
    def download_bytes(self) -> int | None:
        """Size of what must be downloaded, about; None if it is not known."""
        sizes = [file.about if file.bytes is None else file.bytes for file in self.needed]
        return None if None in sizes else sum(size for size in sizes if size is not None)


def _are_files(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(file, RemoteFile) for file in value)


def _are_attributes(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, Attribute) for one in value)


@dataclass(frozen=True, kw_only=True)
class OwnKind:
    """A way in which users have images of their own.

    Attributes:
        name: What `--dataset` takes before the colon.
        what: What can be seen, in a few words.
        load: Opens a path: `load(path, data_dir, size, on_progress=…)`.
        check: Reads all of a path.
        skips: Whether `load` takes `skip_broken`.
    """

    name: str
    what: str
    load: Callable[..., Dataset]
    check: Callable[[Path], list[FileCheck]]
    skips: bool = False


def first_there(folder: Path, places: Sequence[str], file: str) -> Path:
    """The first of some folders' files that is there; the first of all where none is."""
    paths = [folder / place / file for place in places]
    return next((path for path in paths if path.is_file()), paths[0])
