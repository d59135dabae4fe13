"""Many Poisson trains that reach a cell together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.errors import DimensionError
from ranvier.kernels.drawing import counted_uniforms
from ranvier.network._sources import Source
from ranvier.network._stimuli._signal import name_in, one_or_each, size_of
from ranvier.units import UNITS
from ranvier.values import key_of

if TYPE_CHECKING:
    from ranvier.network._network import Network

__all__ = ["PoissonInput"]

#: more spikes in one step than this are no point process any more
_MOST = 1000.0
#: numbers drawn at once, so that they stay in the cache; slices of (0, 1) in a table
_TOGETHER, _SLICES = 1 << 16, 1 << 12


class PoissonInput(Source):
    """The superposition of ``trains`` independent Poisson trains for each cell: how many of them fire in a step.

    The number is Poisson-distributed with mean trains*rate*dt, and may exceed one. It depends on the network's seed, the
    name of the source, the cell and the step alone: on no thread and no cut.

    Parameters
    ----------
    rate
        Of one train; one value, or one per cell.
    size
        Number of cells.
    trains
        How many trains reach each cell.

    >>> net.source("cortex", rv.PoissonInput(8*Hz, 1000, trains=1600))
    >>> net.connect("cortex", "cells", rv.OneToOne(), to="I", weight=0.1*nA, delay=1.5*ms)
    """

    def __init__(self, rate: Any, size: int, *, trains: int = 1) -> None:
        self.shape, self.trains = (size_of(size, "PoissonInput"),), size_of(trains, "PoissonInput: trains")
        self.rate, _ = one_or_each(rate, size, "PoissonInput: rate", (1 / UNITS["ms"]).dimension)
        if (self.rate < 0).any():
            raise DimensionError(f"PoissonInput: rate={rate!r} is negative; a rate is 0 or more.")

    def block(self, first: int, count: int, net: Network) -> torch.Tensor:
        size, mean = self.shape[0], self.rate * self.trains * net.dt
        if mean.max() > _MOST:
            raise DimensionError(
                f"PoissonInput: {mean.max():g} spikes per cell and step of {net.dt:g} ms; use a current, such as "
                f"rv.OrnsteinUhlenbeck, for more than {_MOST:g}."
            )
        key = key_of(net.seed, f"{name_in(net, self)}.poisson_input")
        out = torch.empty(count, size, dtype=net.dtype)
        numbers = {value: _Inverse(value) for value in np.unique(mean).tolist()}
        rows = max(1, _TOGETHER // size)
        for low in range(0, count, rows):
            part = out[low : low + rows].numpy()
            u = counted_uniforms(key, part.size, start=(first + low) * size).reshape(part.shape)
            for value, inverse in numbers.items():
                cells = slice(None) if mean.ndim == 0 else np.flatnonzero(mean == value)
                part[:, cells] = inverse(u[:, cells])
        return out.unsqueeze(1).to(net.device)

    def __repr__(self) -> str:
        return f"PoissonInput({self.rate.mean() * 1000:g} Hz, size={self.shape[0]}, trains={self.trains})"


class _Inverse:
    """The inverse of a Poisson distribution: most numbers by looking up one of equal slices of (0, 1)."""

    def __init__(self, mean: float) -> None:
        from scipy.special import pdtr  # slow to import

        self.cdf = pdtr(np.arange(int(mean + 12 * np.sqrt(mean) + 20)), mean)
        borders = np.searchsorted(self.cdf, np.arange(_SLICES + 1) / _SLICES, side="right")
        self.least, self.sure = borders[:-1].astype(np.int32), borders[:-1] == borders[1:]

    def __call__(self, u: np.ndarray) -> np.ndarray:
        place = (u * _SLICES).astype(np.int32)
        found, unsure = self.least[place], ~self.sure[place]
        found[unsure] = np.searchsorted(self.cdf, u[unsure], side="right")
        return found
