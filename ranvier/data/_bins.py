"""Time binning: events to a tensor [T, …]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from ranvier.data._events import Events
from ranvier.errors import RanvierError, ShapeError
from ranvier.limits import need
from ranvier.units import ms, strip
from ranvier.units.steps import fraction_of, steps_before

__all__ = ["Bins"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Bins:
    """Count events per step and element: n[t, i] = number of events of element i in [t dt, (t + 1) dt).

    Parameters
    ----------
    steps
        T; events from T dt on are left out.
    dt
        Length of a step; None divides each recording's own duration by T.
    pool
        Pixels (or channels) per side that are joined into one.
    binary
        1 for any number of events.

    Examples
    --------
    >>> Bins(steps=3, dt=1 * ms)(Events(np.array([0, 900, 2100]), np.array([1, 1, 0]), (2,)))
    tensor([[0., 2.],
            [0., 0.],
            [1., 0.]])
    """

    steps: int
    dt: Any = None
    pool: int = 1
    binary: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1 or self.pool < 1 or (self.dt is not None and not float(strip(self.dt, ms, "dt")) > 0):
            raise RanvierError(
                f"steps={self.steps}, pool={self.pool}, dt={self.dt}: give at least one step and pixel, dt above 0"
            )

    def __call__(self, events: Events) -> Tensor:
        """``events`` as [T, P, H, W] or [T, N]; pooled sides are rounded up."""
        if not isinstance(events, Events):
            raise ShapeError(f"{type(events).__name__} given; Bins takes Events")
        step = steps_before(events.t, self._width(events))
        place, shape = _pooled(events, self.pool)
        inside = (step >= 0) & (step < self.steps)
        size = math.prod(shape)
        need(
            12 * self.steps * size + 32 * len(events),
            f"{self.steps:,} bins of {' x '.join(map(str, shape))}",
            "use fewer steps, or join pixels (pool=)",
        )
        flat = np.bincount(step[inside] * size + place[inside], minlength=self.steps * size)
        counts = torch.from_numpy(flat.reshape(self.steps, *shape)).to(torch.float32)
        return counts.clamp_(max=1) if self.binary else counts

    def _width(self, events: Events) -> Fraction:
        """Of a step in microseconds."""
        if self.dt is not None:
            return fraction_of(float(strip(self.dt, ms, "dt")) * 1000)
        return Fraction(int(events.t[-1]) + 1, self.steps) if len(events) else Fraction(1)


def _pooled(events: Events, pool: int) -> tuple[np.ndarray, tuple[int, ...]]:
    if pool == 1:
        return events.place, events.shape
    *front, width = events.shape
    column = events.place % width // pool
    narrow = -(-width // pool)
    if not front:
        return column, (narrow,)
    planes, height = int(np.prod(front[:-1])), front[-1]
    row = events.place // width
    low = -(-height // pool)
    place = (row // height * low + row % height // pool) * narrow + column
    return place, (*front[:-1], low, narrow) if planes else events.shape
