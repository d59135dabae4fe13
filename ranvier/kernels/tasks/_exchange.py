"""A circuit of which other processes advance other cells: who has which, and how their spikes come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

__all__ = ["Exchange"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Exchange:
    """The share of this ``process`` in a circuit.

    ``ranges`` are the first and the last cell of each process, by population; a population that is not named is advanced
    whole by every process, which then draws the same spikes. Projections hold the synapses onto own cells. Every ``every``
    steps, no more than the least latency of all processes, their spikes are exchanged by ``gather``, which returns a tensor of
    each process for one of equal shape. All processes run the same task at once.
    """

    process: int
    ranges: Mapping[str, tuple[tuple[int, int], ...]]
    every: int
    gather: Callable[[Tensor], list[Tensor]]

    def own(self, name: str) -> tuple[int, int] | None:
        """The cells of a population that this process advances; None for all."""
        return self.ranges[name][self.process] if name in self.ranges else None

    def whole(self, name: str, values: Tensor) -> Tensor:
        """``values`` [..., cells] of a population with those of every process for its own cells."""
        if name not in self.ranges:
            return values
        ranges = self.ranges[name]
        widest = max(high - low for low, high in ranges)
        low, high = ranges[self.process]
        mine = torch.zeros(*values.shape[:-1], widest, dtype=values.dtype)
        mine[..., : high - low] = values[..., low:high]
        out = torch.empty_like(values)
        for (low, high), found in zip(ranges, self.gather(mine), strict=True):
            out[..., low:high] = found[..., : high - low]
        return out
