"""Spikes as a list, in order of step and cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["Spikes"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Spikes:
    """Spikes in order of step and cell: cells of step k are ``cell[bounds[k]:bounds[k + 1]]``."""

    cell: Tensor
    bounds: Tensor

    @classmethod
    def of(cls, dense: Tensor) -> Spikes:
        """The spikes of a stream [steps, size]; every number but zero is one spike."""
        steps, size = dense.shape
        place = np.flatnonzero(dense.detach().numpy() != 0)  # of truth values: 15 times as fast as of numbers
        bounds = np.searchsorted(place, np.arange(steps + 1) * size)
        cell = place % size if size else place
        return cls(torch.from_numpy(cell.astype(np.int32)), torch.from_numpy(bounds))

    @property
    def steps(self) -> int:
        """How many steps they cover."""
        return self.bounds.numel() - 1

    def last(self, steps: int) -> Spikes:
        """Those of the last ``steps`` steps."""
        bounds = self.bounds.numpy()[max(0, self.bounds.numel() - 1 - steps) :]
        return Spikes(self.cell[bounds[0] :], torch.from_numpy(bounds - bounds[0]))

    def within(self, low: int, high: int) -> Spikes:
        """Those of the cells [low, high)."""
        mine = (self.cell >= low) & (self.cell < high)
        before = torch.zeros(mine.numel() + 1, dtype=torch.int64)
        torch.cumsum(mine, 0, out=before[1:])
        return Spikes(self.cell[mine], before[self.bounds])

    def then(self, more: Spikes) -> Spikes:
        """These, and in the steps after them ``more``."""
        bounds = torch.cat([self.bounds, more.bounds[1:] + self.bounds[-1]])
        return Spikes(torch.cat([self.cell, more.cell]), bounds)

    def dense(self, size: int, dtype: torch.dtype) -> Tensor:
        """As a stream [steps, size] of zeros and ones."""
        bounds, cell = self.bounds.numpy(), self.cell.numpy()
        steps = len(bounds) - 1
        out = torch.zeros(steps, size, dtype=dtype)
        row = np.repeat(np.arange(steps), bounds[1:] - bounds[:-1]) if steps != 1 else 0
        out.numpy()[row, cell] = 1
        return out

    @classmethod
    def merged(cls, lists: Sequence[Spikes]) -> Spikes:
        """Spikes of ascending ranges of cells, each in order, as one list in order."""
        if len(lists) == 1:
            return lists[0]
        counts = [s.bounds.diff() for s in lists]
        bounds = torch.zeros_like(lists[0].bounds)
        bounds[1:] = torch.stack(counts).sum(0).cumsum(0)
        out = torch.empty(int(bounds[-1]), dtype=torch.int32)
        begin = bounds[:-1].clone()
        for part, count in zip(lists, counts, strict=True):
            shift = torch.repeat_interleave(begin - part.bounds[:-1], count)
            out[torch.arange(part.cell.numel()) + shift] = part.cell
            begin += count
        return cls(out, bounds)
