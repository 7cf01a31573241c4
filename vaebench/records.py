"""Records: what is known of a network, declared once in that thing's own file.

A record is a frozen value that the standard library alone can read: tables, help, checks and plans
are made from records without torch. What computes is named by a function, which imports torch when
it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vaebench.protocols import Coders, Shape


@dataclass(frozen=True, kw_only=True)
class Source:
    """The paper that something is from.

    Attributes:
        authors: As a text cites them, such as `Higgins et al.`.
        year: Of publication.
        paper: Title.
        link: Where it is.
        place: Section, table or equation that is meant, or empty.
    """

    authors: str
    year: int
    paper: str
    link: str
    place: str = ""

    @property
    def citation(self) -> str:
        """Authors and year, such as `Higgins et al. 2017`."""
        return f"{self.authors} {self.year}"


@dataclass(frozen=True, kw_only=True)
class Network:
    """An architecture of encoder and decoder.

    Attributes:
        name: What `--network` takes.
        build: Makes the layers for a shape of observations (channels, height, width), a number of
            latents, and the width of the one-hot label (0 for none).
        sizes: Heights, and widths, in pixels that it takes; empty for any.
        natural: Sizes of observations that it is taken for where no network is named.
        source: Where it is from; None for this project's own.
    """

    name: str
    build: Callable[[Shape, int, int], Coders]
    sizes: tuple[int, ...] = ()
    natural: tuple[int, ...] = ()
    source: Source | None = None

    def takes(self, height: int, width: int) -> bool:
        """Says whether it takes observations of a size in pixels."""
        return not self.sizes or (height == width and height in self.sizes)
