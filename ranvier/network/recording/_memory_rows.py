"""Rows in memory, whose result takes the place of what was gathered for it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["MemoryRows"]

#: bytes of a piece; from 32 MB on, the allocator returns a freed piece to the system
_SMALLEST, _LARGEST = 1 << 16, 1 << 25


class MemoryRows:
    """Rows of one shape and type.

    Where their number is ``expected``, one array takes them all. Otherwise they go to pieces, and :meth:`whole` frees each
    piece as soon as it is copied. Either way the peak is about the size of the result.
    """

    def __init__(self, dtype: Any, shape: tuple[int, ...], expected: int | None = None) -> None:
        self.dtype, self.shape, self.expected = np.dtype(dtype), shape, expected
        self.rows = 0
        self._pieces: list[np.ndarray] = []
        self._free = 0  # rows at the end of the last piece

    def append(self, rows: np.ndarray) -> None:
        """Add rows [n, *shape]. An array of the type that owns its memory becomes a piece if it is as large; any other is copied."""
        whole = rows.flags.owndata and rows.dtype == self.dtype and rows.nbytes >= _SMALLEST
        if whole and not self._free and self.expected is None:
            self._pieces.append(rows)
            self.rows += len(rows)
            return
        done = 0
        while done < len(rows):
            if not self._free:
                self._pieces.append(np.empty((self._next(), *self.shape), self.dtype))
                self._free = len(self._pieces[-1])
            count = min(len(rows) - done, self._free)
            low = len(self._pieces[-1]) - self._free
            np.copyto(self._pieces[-1][low : low + count], rows[done : done + count], casting="same_kind")
            done, self._free, self.rows = done + count, self._free - count, self.rows + count

    def whole(self) -> np.ndarray:
        """All rows; more may follow."""
        if len(self._pieces) != 1:
            joined, low = np.empty((self.rows, *self.shape), self.dtype), 0
            self._pieces.reverse()
            while self._pieces:
                piece = self._pieces.pop()[: self.rows - low]
                joined[low : low + len(piece)] = piece
                low += len(piece)
            self._pieces, self._free = [joined], 0
        return self._pieces[0][: self.rows]

    def _next(self) -> int:
        """Rows of the next piece: all that are expected, or as many as there are, within bounds."""
        if self.expected is not None and self.rows < self.expected:
            return self.expected - self.rows
        row = max(self.dtype.itemsize * math.prod(self.shape), 1)
        return max(min(max(self.rows * row, _SMALLEST), _LARGEST) // row, 1)
