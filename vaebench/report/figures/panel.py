"""Axes that are drawn faster: ticks after an axis' first are copies of it, to the same pixel."""

from __future__ import annotations

from copy import copy

from matplotlib.axes import Axes
from matplotlib.axis import Tick, XAxis, YAxis


class _Copying:
    """Of an axis: makes its ticks.

    Matplotlib sets each tick up anew, three lines and two texts, and then gives it the properties
    of the first. That is a seventh of the time which a figure takes.
    """

    def _get_tick(self, major: bool) -> Tick:
        made: list[Tick] = vars(self).get("majorTicks" if major else "minorTicks", [])
        return _twin(made[0]) if made else super()._get_tick(major)  # type: ignore[misc]

    def _copy_tick_props(self, src: Tick, dest: Tick) -> None:
        """Does nothing: a copy has them."""


class _X(_Copying, XAxis):
    pass


class _Y(_Copying, YAxis):
    pass


class Panel(Axes):
    """Axes as `Figure.add_axes` makes them."""

    def _init_axis(self) -> None:
        self.xaxis = _X(self, clear=False)
        self.spines.bottom.register_axis(self.xaxis)
        self.spines.top.register_axis(self.xaxis)
        self.yaxis = _Y(self, clear=False)
        self.spines.left.register_axis(self.yaxis)
        self.spines.right.register_axis(self.yaxis)


def _twin(tick: Tick) -> Tick:
    twin = copy(tick)
    for name in ("tick1line", "tick2line", "gridline", "label1", "label2"):
        setattr(twin, name, copy(getattr(tick, name)))
    for label in (twin.label1, twin.label2):
        label.set_fontproperties(label.get_fontproperties().copy())
    return twin
