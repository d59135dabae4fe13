"""How well found occurrences match those that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ranvier.errors import RanvierError, ShapeError
from ranvier.motifs._raster import Raster
from ranvier.values import is_whole

__all__ = ["Match", "match_occurrences"]


@dataclass(frozen=True)
class Match:
    """The numbers of pairs (``hits``), of ``found`` occurrences and of ``true`` ones.

    >>> rv.motifs.Match(hits=8, found=10, true=16).recall
    0.5
    """

    hits: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        """Hits over found ones; 1 where nothing was found."""
        return self.hits / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Hits over true ones; 1 where there are none."""
        return self.hits / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """2 hits / (found + true); 1 where there is neither."""
        return 2 * self.hits / (self.found + self.true) if self.found + self.true else 1.0


def match_occurrences(found: Any, true: Any, *, tolerance: int = 0) -> Match:
    """The largest one-to-one assignment of occurrences of the same motif that are at most ``tolerance`` steps apart.

    ``found`` and ``true`` are rasters (T, M), or counts [T, M]. All motifs are counted together.

    Raises
    ------
    ShapeError
        Where the shapes differ.
    RanvierError
        Where the tolerance is no whole number of steps.

    >>> there = rv.motifs.Raster([10, 30], [0, 0], (50, 1))
    >>> rv.motifs.match_occurrences(rv.motifs.Raster([9, 11], [0, 0], (50, 1)), there, tolerance=1).hits
    1
    """
    given, there = Raster.of(found, "found"), Raster.of(true, "true")
    if given.shape != there.shape:
        raise ShapeError(f"found {given.shape} and true {there.shape} occurrences differ in shape; give (T, M) both.")
    if not is_whole(tolerance, 0):
        raise RanvierError(f"tolerance={tolerance!r}; give a whole number of steps, at least 0.")
    rows = zip(_by_row(given), _by_row(there), strict=True)
    return Match(sum(_hits(a, b, tolerance) for a, b in rows), len(given), len(there))


def _by_row(raster: Raster) -> list[list[int]]:
    order = np.argsort(raster.rows, kind="stable")
    ends = np.searchsorted(raster.rows[order], np.arange(1, raster.shape[1]))
    return [part.tolist() for part in np.split(raster.times[order], ends)]


def _hits(found: list[int], true: list[int], tolerance: int) -> int:
    """Pairs of two rising lists: to pair the earliest that can be paired is best, since all windows are equally wide."""
    i = j = hits = 0
    while i < len(found) and j < len(true):
        apart = found[i] - true[j]
        if abs(apart) <= tolerance:
            hits, i, j = hits + 1, i + 1, j + 1
        elif apart < 0:
            i += 1
        else:
            j += 1
    return hits
