"""Events: when, where, and of which sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ranvier.errors import ShapeError
from ranvier.units.steps import steps_in

__all__ = ["Events"]

#: the latest time in µs: differences of two stay within 64 bits
_LATEST = 1 << 61


@dataclass(frozen=True)
class Events:
    """A stream of events of one recording.

    Attributes
    ----------
    t
        Times [E] in microseconds, from 0, not falling.
    place
        Flat number [E] of the sensor element, in ``shape``.
    shape
        (P, H, W) of a camera, polarity 0 off and 1 on; (N,) of a line of channels.

    >>> events = rv.data.Events(np.array([0, 900, 2100]), np.array([1, 1, 0]), (2,))
    >>> len(events)
    3
    """

    t: np.ndarray
    place: np.ndarray
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        size = int(np.prod(self.shape))
        if self.t.shape != self.place.shape or self.t.ndim != 1:
            raise ShapeError(f"t {self.t.shape} and place {self.place.shape} differ; expected [E] both")
        if len(self.place) and not 0 <= self.place.min() <= self.place.max() < size:
            raise ShapeError(
                f"places {self.place.min()} … {self.place.max()} lie outside a sensor of shape {self.shape}"
            )

    def __len__(self) -> int:
        return len(self.t)

    @classmethod
    def from_columns(cls, t: Any, x: Any, y: Any, p: Any, height: int, width: int) -> Events:
        """Events of a camera: ``t`` in microseconds, ``x`` and ``y`` in pixels, ``p`` of two signs (above 0 is on)."""
        x, y, on = np.asarray(x, np.int64), np.asarray(y, np.int64), np.asarray(p) > 0
        if len(x) and not (x.min() >= 0 and x.max() < width and y.min() >= 0 and y.max() < height):
            raise ShapeError(f"events reach x={x.max()}, y={y.max()}; the sensor has {width} x {height} pixels (W x H)")
        return cls.sorted(t, (on * height + y) * width + x, (2, height, width))

    @classmethod
    def sorted(cls, t: Any, place: Any, shape: tuple[int, ...]) -> Events:
        """Events in the order of their times, the first at 0 unless it is later by itself."""
        time = _whole(np.asarray(t))
        order = np.argsort(time, kind="stable")
        return cls(time[order], np.asarray(place, np.int64)[order], shape)

    def from_zero(self) -> Events:
        """The same, counted from the first event."""
        return Events(self.t - self.t[0], self.place, self.shape) if len(self) else self

    def between(self, start: float, stop: float) -> Events:
        """The events of [start, stop) in microseconds, counted from ``start``."""
        chosen = (self.t >= start) & (self.t < stop)
        return Events(self.t[chosen] - int(start), self.place[chosen], self.shape)


def _whole(t: np.ndarray) -> np.ndarray:
    """Times as whole numbers; an error where they do not fit."""
    if t.size and not (t.min() >= -_LATEST and t.max() <= _LATEST):  # also where one is NaN
        raise ShapeError(
            f"times reach from {t.min()} to {t.max()} µs; they must be finite and at most {_LATEST:.1e} µs"
        )
    return np.floor(steps_in(t, 1.0)).astype(np.int64) if t.dtype.kind == "f" else t.astype(np.int64)
