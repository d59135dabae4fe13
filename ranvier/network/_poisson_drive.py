"""The many background spikes a cell receives, as one stimulus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.errors import DimensionError, ShapeError
from ranvier.network._counts import count_of
from ranvier.network._sources import Source
from ranvier.units import UNITS, as_quantity
from ranvier.values import PoissonLaw, flag, key_of, poisson_counts, poisson_counts_each

if TYPE_CHECKING:
    from ranvier.network._network import Network

__all__ = ["PoissonDrive"]

_RATE = UNITS["Hz"].dimension
#: spikes per cell and step: beyond, the sum is a current in all but name
_MOST = 1000.0


class PoissonDrive(Source):
    """Spikes from very many independent sources: in each step a cell receives a Poisson-distributed number of them.

    P(k spikes in a step) = m^k e^-m / k!, m = rate*dt. Unlike :class:`Poisson` a cell may receive several in one step.

    Every sample of a batch and every call gets counts of its own. They depend on the network's seed, the name of the source,
    the call's ``stream``, the sample, the cell and the step, not on threads or cuts. Their chances are multiples of 2^-32.
    Joined one to one to a population of a compiled circuit, with one rate, they are drawn inside its loop and never stored.

    Parameters
    ----------
    rate
        Of all sources of a cell together (K sources of rate r: K*r); one for all cells, or one per cell.
    size
        Number of cells.
    frozen
        Give all samples and all calls the same counts.

    >>> background = net.source("background", rv.PoissonDrive(2000 * 8*Hz, 100))
    >>> names = net.connect("background", "cells", rv.OneToOne(), to="I", weight=87.8*pA)
    """

    def __init__(self, rate: Any, size: int, *, frozen: bool = False) -> None:
        size = count_of(size, f"{type(self).__name__}: size")
        quantity = as_quantity(rate)
        if quantity.dimension != _RATE:
            raise DimensionError(
                f"{type(self).__name__}: rate={rate!r} has dimension {quantity.dimension}; give a rate, for example 16*kHz."
            )
        values = np.asarray(quantity.value, np.float64)
        if values.shape not in ((), (size,)):
            raise ShapeError(
                f"{type(self).__name__}: rate has shape {values.shape}; give one rate, or one for each of {size} cells."
            )
        if not np.isfinite(values).all() or (values < 0).any():
            raise DimensionError(
                f"{type(self).__name__}: rate={rate!r} holds a negative or non-finite value; a rate is 0 or more."
            )
        self.rate, self.shape, self.frozen = values, (size,), flag(frozen, f"{type(self).__name__}: frozen")

    def key(self, net: Network, stream: int) -> tuple[int, int, int]:
        """The key of its random numbers, and their stream, in a call with ``stream``."""
        name = next((n for n, source in net.sources.items() if source is self), "")
        return (*key_of(net.seed, f"{name}.counts"), self.stream_for(stream))

    def law(self, rate: float, dt: float) -> PoissonLaw:
        """How many spikes a step of ``dt`` ms brings at ``rate`` per ms."""
        return PoissonLaw.of(self._mean(rate, dt))

    def _mean(self, rate: float, dt: float) -> float:
        if rate * dt > _MOST:
            raise DimensionError(
                f"{type(self).__name__}: {rate * dt:g} spikes per cell and step of {dt:g} ms; above {_MOST:g} give their "
                f"mean as a current, such as rv.OrnsteinUhlenbeck, or a smaller dt."
            )
        return rate * dt

    def block(self, first: int, count: int, net: Network) -> torch.Tensor:
        """The counts."""
        return self.draw(first, count, net, 0, 1)

    def draw(self, first: int, count: int, net: Network, stream: int, batch: int) -> torch.Tensor:
        size, key = self.shape[0], self.key(net, stream)
        if self.rate.ndim:
            self._mean(float(self.rate.max()), net.dt)
            drawn = poisson_counts_each(self.rate * net.dt, key, first, count, batch)
        else:
            drawn = poisson_counts(self.law(float(self.rate), net.dt), key, first, count, size, batch)
        return torch.from_numpy(drawn).to(net.device, net.dtype)

    def __repr__(self) -> str:
        frozen = ", frozen=True" if self.frozen else ""
        return f"PoissonDrive({self.rate.mean() * 1000:g} Hz, size={self.shape[0]}{frozen})"
