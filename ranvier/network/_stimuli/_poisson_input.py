"""Many Poisson trains that reach a cell together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.stats import poisson

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
        u = counted_uniforms(key, count * size, start=first * size).reshape(count, size)
        out = np.empty((count, size))
        for value in np.unique(mean):
            most = int(value + 12 * np.sqrt(value) + 20)
            cells = np.flatnonzero(np.broadcast_to(mean == value, (size,)))
            out[:, cells] = np.searchsorted(poisson.cdf(np.arange(most), value), u[:, cells], side="right")
        return torch.from_numpy(out).unsqueeze(1).to(net.device, net.dtype)

    def __repr__(self) -> str:
        return f"PoissonInput({self.rate.mean() * 1000:g} Hz, size={self.shape[0]}, trains={self.trains})"
