"""Attributes that images have or have not, and data sets that have one of them as the label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from vaebench.errors import unknown

if TYPE_CHECKING:
    from vaebench.data.info import DatasetInfo


@dataclass(frozen=True)
class Attribute:
    """What each image of a data set has or has not, so that it can be the label.

    Attributes:
        name: As published.
        labels: Names of the labels of images without it and with it.
    """

    name: str
    labels: tuple[str, str]

    def of(self, dataset: str) -> str:
        """Returns the name of a data set that has it as the label."""
        return f"{dataset}_{self.name.lower()}"


def labelled(info: DatasetInfo, attribute: str) -> DatasetInfo:
    """Returns the record of a data set with an attribute as the label.

    It is a data set of a name of its own, as in `celeba_eyeglasses`, but for the attribute that is
    the label anyway.

    Args:
        info: A data set that has attributes.
        attribute: The name of one, in any case.

    Raises:
        UsageError: It has none of that name.
    """
    wanted = attribute.lower()
    found = next((one for one in info.attributes if one.name.lower() == wanted), None)
    if found is None:
        raise unknown(f"attribute of {info.name}", attribute, (a.name for a in info.attributes))
    if found.labels == info.contents.label_names:
        return info
    return replace(
        info,
        name=found.of(info.name),
        title=f"{info.title} ({found.name.replace('_', ' ')})",
        contents=replace(info.contents, label_names=found.labels),
        load=partial(info.load, label=found.name),
        attributes=(),
    )
