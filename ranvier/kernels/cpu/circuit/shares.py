"""Arrays that the threads of a circuit write for one population: each thread has its own.

Arrays have room for all cells, so that a cell has the same place in each, but a thread uses (and the system provides) only
its own range. In one array shared by all, the processor that fetches ahead at the end of a range would take the first
lines of the next one away from the core that works on them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

__all__ = ["Shares", "zeros"]

Tensor = torch.Tensor
#: bytes between arrays of different threads: nothing is fetched ahead beyond a page
_APART = 4096
#: bytes of a line: a vector that crosses one is two accesses
_LINE = 64


class Shares:
    """Ranges of the last axis, one for each thread, in units of ``grain`` cells; arrays have room for ``cells``."""

    def __init__(self, ranges: Sequence[tuple[int, int]], cells: int, grain: int = 1) -> None:
        self.ranges = [(low // grain, -(-high // grain)) for low, high in ranges]
        self.size = -(-cells // grain)

    @property
    def edges(self) -> dict[str, list[int]]:
        """Where each range begins and ends: the arguments of the threads."""
        return {"low": [low for low, _ in self.ranges], "high": [high for _, high in self.ranges]}

    def room(self, dtype: torch.dtype, rows: int | None = None) -> list[Tensor]:
        """An array [size], or [rows, size], for each thread; zero where the thread uses it."""
        shape = (self.size,) if rows is None else (rows, self.size)
        if len(self.ranges) == 1:
            return [zeros(shape, dtype)]
        count, apart = self.size * (rows or 1), _APART // dtype.itemsize
        out = [torch.empty(count + apart, dtype=dtype)[:count].view(shape) for _ in self.ranges]
        for t, (low, high) in zip(out, self.ranges, strict=True):
            t[..., low:high] = 0
        return out

    def put(self, values: Tensor, parts: Sequence[Tensor]) -> None:
        """Copy ``values`` [cells], or one for all, into such arrays; spare cells repeat the last one, so that they stay finite."""
        cells = values.numel()
        if cells == 1:
            for t in parts:
                t[...] = values
            return
        for t, (low, high) in zip(parts, self.ranges, strict=True):
            t[low : min(high, cells)] = values[low:high]
            if high > cells:
                t[max(low, cells) : high] = values[-1]

    def whole(self, parts: Sequence[Tensor], cells: int) -> Tensor:
        """The first ``cells`` from the arrays of the threads, as a tensor of their own."""
        if len(parts) == 1:
            return parts[0][:cells].clone()
        return torch.cat([t[low:high] for t, (low, high) in zip(parts, self.ranges, strict=True)])[:cells]


def zeros(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Zeros that begin at a line of the cache; pages come when they are used."""
    count = math.prod(shape)
    raw = np.zeros(count * dtype.itemsize + _LINE, np.uint8)
    start = -raw.ctypes.data % _LINE
    return torch.from_numpy(raw[start : start + count * dtype.itemsize]).view(dtype).view(shape)
