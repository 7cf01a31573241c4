"""A user's own data as a sweep takes them: opened, known by their content, and watched."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from vaebench.data import load_dataset
from vaebench.data.base import Dataset, own_path
from vaebench.data.cards import contents_of
from vaebench.data.info import Contents
from vaebench.data.own.identity import (
    OwnName,
    Then,
    annotations_digest,
    check_digest,
    content_digest,
    file_name,
    known_name,
    parsed,
    seems,
)
from vaebench.data.stored import StoredImages
from vaebench.errors import DataError


@dataclass(frozen=True)
class OwnData:
    """A user's own data set.

    Attributes:
        name: What jobs call it; see `identity`.
        place: Where it lies, as `load_dataset` takes it: `npz:` or `folder:` and a whole path.
        source: What its images are; see `Dataset.source`.
        digest: Of its content; see `content_digest`.
        annotations: Digest of all but the images; see `annotations_digest`.
        contents: What it consists of.
        skip_broken: Whether images of a folder that cannot be read are left out.
    """

    name: str
    place: str
    source: str
    digest: str
    annotations: str
    contents: Contents
    skip_broken: bool = False

    def open(self, data_dir: Path | None = None, size: int | None = None) -> Dataset:
        """Opens it.

        Args:
            data_dir: Folder of downloaded data sets.
            size: As `load_dataset` takes it.

        Raises:
            DataError: It cannot be read, or is no longer what it was.
        """
        data = load_dataset(self.place, data_dir, size, skip_broken=self.skip_broken)
        if size is None and data.source != self.source:
            raise DataError(
                f"{self.place} has changed since the command began: it was {self.source!r} and "
                f"is {data.source!r}. Run the command again: it is then another data set."
            )
        if annotations_digest(data) != self.annotations:
            raise DataError(
                f"The factors or labels of {self.place} have changed since the command began. Run "
                "the command again: it is then another data set."
            )
        assert isinstance(data, StoredImages)
        # Of a name without a digest, runs are stored whose folds were drawn by its path.
        data.name = self.name if parsed(self.name) else f"{self.kind}:{own_path(self.name)}"
        return data

    @property
    def kind(self) -> str:
        """`npz` or `folder`."""
        return self.place.partition(":")[0]


def recognised(
    typed: str,
    data_dir: Path | None,
    stored: Mapping[str, Collection[Then]],
    *,
    skip_broken: bool = False,
) -> OwnData:
    """Opens own data and gives them the name that the runs of a database have, or a new one.

    Args:
        typed: `npz:PATH` or `folder:PATH`; or a name that jobs have, of a file that is here.
        data_dir: Folder of downloaded data sets.
        stored: Names of own data in the database, with what their finished runs were trained on.
        skip_broken: Whether images of a folder that cannot be read are left out.

    Raises:
        DataError: They cannot be read, or are not what the digest in the name says.
    """
    path = own_path(typed).absolute()
    kind = typed.partition(":")[0]
    data = load_dataset(f"{kind}:{path}", data_dir, skip_broken=skip_broken)
    digest = content_digest(data)
    if (wanted := parsed(typed)) is not None and path.name == Path(wanted.file).name:
        check_digest(typed, wanted, digest)
    name = known_name(typed, data.source, digest, stored)
    if name is None:
        name = str(OwnName(kind, file_name(path), digest))
    return OwnData(
        name,
        f"{kind}:{path}",
        data.source,
        digest,
        annotations_digest(data),
        contents_of(data),
        skip_broken,
    )


def must_be(own: OwnData, name: str, then: Then) -> OwnData:
    """Says that own data are those that a run was trained on, and gives them its name.

    Args:
        own: The data as recognised without a database.
        name: What the run calls them.
        then: What they were then.

    Raises:
        DataError: They are others.
    """
    before = parsed(name)
    if not seems(then if before is None else (then[0], before.digest), own.source, own.digest):
        raise DataError(
            f"{own.place} is not what the run was trained on: that was {name} from {then[0]!r}, "
            f"this is {own.name} from {own.source!r}."
        )
    return replace(own, name=name)
