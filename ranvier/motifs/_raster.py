"""Spikes of cells, or occurrences of motifs, as lists of steps and rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from ranvier.data import Events
from ranvier.errors import ShapeError
from ranvier.limits import need
from ranvier.units import ms, strip
from ranvier.units.steps import steps_in
from ranvier.values import is_whole

__all__ = ["Raster", "spans"]

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class Raster:
    """Events in T steps and N rows. A row is a cell for spikes, and a motif for its occurrences.

    Attributes
    ----------
    times
        Step [E] of each event, from 0 to T - 1; events are put into the order of their steps.
    rows
        Row [E] of each event, from 0 to N - 1. Equal events count as often as they are listed.
    shape
        (T, N).

    Raises
    ------
    ShapeError
        Where times and rows differ in length, are no whole numbers, or lie outside the shape.

    >>> spikes = rv.motifs.Raster([0, 4, 4], [2, 0, 1], (10, 3))
    >>> spikes.dense().shape
    torch.Size([10, 3])
    """

    times: np.ndarray
    rows: np.ndarray
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        times, rows = (np.asarray(v) for v in (self.times, self.rows))
        if times.shape != rows.shape or times.ndim != 1:
            raise ShapeError(f"Raster: times {times.shape} and rows {rows.shape} differ; give [E] both.")
        if len(self.shape) != 2 or not all(is_whole(n) for n in self.shape):
            raise ShapeError(f"Raster: shape={self.shape!r}; give (steps, rows), whole numbers of at least 1.")
        for name, values, size in (("times", times, self.shape[0]), ("rows", rows, self.shape[1])):
            if values.size and not np.issubdtype(values.dtype, np.integer):
                raise ShapeError(f"Raster: {name} are {values.dtype}; give whole numbers, such as times in steps.")
            if values.size and not 0 <= values.min() <= values.max() < size:
                raise ShapeError(
                    f"Raster: {name} reach from {values.min()} to {values.max()}; the shape {self.shape} allows 0 to {size - 1}."
                )
        order = np.argsort(times, kind="stable")
        object.__setattr__(self, "times", times[order].astype(np.int64))
        object.__setattr__(self, "rows", rows[order].astype(np.int64))

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        return f"Raster({len(self):,} events in {self.shape[0]:,} steps of {self.shape[1]:,} rows)"

    @classmethod
    def of(cls, given: Any, name: str = "raster") -> Raster:
        """``given`` as a raster: one already, or whole counts [T, N] as an array or tensor."""
        if isinstance(given, Raster):
            return given
        if isinstance(given, tuple):
            raise ShapeError(
                f"{name} is a tuple: give rv.motifs.Raster(times, rows, (steps, rows)), so that the size is known."
            )
        counts = np.asarray(given)
        if counts.ndim != 2 or not counts.size:
            raise ShapeError(f"{name} has shape {counts.shape}; give [T, N], or rv.motifs.Raster(times, rows, shape).")
        if not (np.isfinite(counts).all() and (counts >= 0).all() and (counts == np.floor(counts)).all()):
            raise ShapeError(f"{name} holds values that are no counts of events; give whole numbers of at least 0.")
        times, rows = counts.nonzero()
        often = counts[times, rows].astype(np.int64)
        return cls(np.repeat(times, often), np.repeat(rows, often), (counts.shape[0], counts.shape[1]))

    @classmethod
    def from_events(cls, events: Events, dt: Any, steps: int | None = None) -> Self:
        """Events of a recording in steps of ``dt``; every element of the sensor is a row. Events after ``steps`` are left out."""
        times = np.floor(steps_in(events.t.astype(float), float(strip(dt, ms, "dt")) * 1000)).astype(np.int64)
        count = int(times[-1]) + 1 if steps is None and len(times) else steps or 1
        kept = times < count
        return cls(times[kept], np.asarray(events.place)[kept], (count, int(np.prod(events.shape))))

    def between(self, start: int, stop: int) -> Raster:
        """The steps from ``start`` up to ``stop``, counted from ``start``."""
        if not 0 <= start < stop <= self.shape[0]:
            raise ShapeError(f"Raster: start={start}, stop={stop}; give 0 <= start < stop <= {self.shape[0]}.")
        low, high = np.searchsorted(self.times, (start, stop))
        return Raster(self.times[low:high] - start, self.rows[low:high], (stop - start, self.shape[1]))

    def dense(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Counts [stop - start, N] in float32. Steps before 0 and after the last are empty."""
        stop = self.shape[0] if stop is None else stop
        rows = self.shape[1]
        need(
            4 * (stop - start) * rows,
            f"a dense raster of {stop - start:,} x {rows:,}",
            "give start and stop of a shorter stretch",
        )
        low, high = np.searchsorted(self.times, (start, stop))
        place = torch.from_numpy((self.times[low:high] - start) * rows + self.rows[low:high])
        counts = torch.zeros((stop - start) * rows)
        return counts.index_add_(0, place, torch.ones(len(place))).view(stop - start, rows)


def spans(start: np.ndarray, each: np.ndarray) -> np.ndarray:
    """The whole numbers start[k], start[k] + 1, …, ``each[k]`` of them, for all k one after the other."""
    return np.arange(each.sum()) - np.repeat(each.cumsum() - each - start, each)
