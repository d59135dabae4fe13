"""Poisson sources: independent spikes of single cells, or the sum of many trains for each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.errors import DimensionError, ShapeError
from ranvier.network.stimuli._poisson_gaps import spikes_between
from ranvier.network.stimuli._source import Source
from ranvier.network.stimuli.counts import count_of
from ranvier.units import UNITS, as_quantity
from ranvier.values import PoissonLaw, flag, key_of, poisson_counts, poisson_counts_each

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Poisson"]

_RATE = UNITS["Hz"].dimension
#: spikes per cell and step: beyond, the sum of many trains is a current in all but name
_MOST = 1000.0


class Poisson(Source):
    """Random spikes: for each cell one train, or the sum of many independent ones.

    One train fires in every step with probability rate*dt, at most once. The sum of several trains is the number of their
    spikes in a step: P(k) = m^k e^-m / k! with m = trains*rate*dt.

    Every sample of a batch and every call gets spikes of its own. They depend on the network's seed, the name of the
    source, the call's ``stream``, the sample, the cell and the step alone, not on threads or cuts. The plan draws a sum with
    one rate inside a compiled circuit where it is joined one to one, and stores no array.

    Parameters
    ----------
    rate
        Of one train; one rate, or one per cell.
    size
        Number of cells.
    trains
        Number of trains that reach each cell.
    frozen
        Give all samples and all calls the same spikes.

    >>> background = net.source("background", rv.Poisson(8*Hz, 100))
    >>> cortex = net.source("cortex", rv.Poisson(8*Hz, 100, trains=1600))
    >>> names = net.connect(cortex, "cells", rv.OneToOne(), to="I", weight=0.1*nA, delay=1.5*ms)
    """

    def __init__(self, rate: Any, size: int, *, trains: int = 1, frozen: bool = False) -> None:
        size, self.trains = count_of(size, "Poisson: size"), count_of(trains, "Poisson: trains")
        quantity = as_quantity(rate)
        if quantity.dimension != _RATE:
            raise DimensionError(
                f"Poisson: rate={rate!r} has dimension {quantity.dimension}; give a rate, for example 8*Hz."
            )
        value = quantity.value
        values = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value, np.float64)
        if values.shape not in ((), (size,)):
            raise ShapeError(f"Poisson: rate has shape {values.shape}; give one rate, or one for each of {size} cells.")
        if not np.isfinite(values).all() or (values < 0).any():
            raise DimensionError(f"Poisson: rate={rate!r} holds a negative or non-finite value; a rate is 0 or more.")
        self.rate, self.shape, self.frozen = values, (size,), flag(frozen, "Poisson: frozen")
        self.single = self.trains == 1

    @property
    def one_law(self) -> bool:
        """True for sums of one rate."""
        return not self.single and not self.rate.ndim

    def law(self, dt: float) -> PoissonLaw:
        """How many spikes a cell of ``one_law`` emits in a step of ``dt`` ms."""
        return PoissonLaw.of(float(self._means(dt)))

    def key(self, graph: Graph, stream: int) -> tuple[int, int, int]:
        """The key of its random numbers, and their stream, in a call with ``stream``."""
        name = next((n for n, source in graph.sources.items() if source is self), "")
        kind = "poisson" if self.single else "counts"
        return (*key_of(graph.seed, f"{name}.{kind}"), self.stream_for(stream))

    def block(self, first: int, count: int, graph: Graph) -> torch.Tensor:
        return self.draw(first, count, graph, 0, 1)

    def draw(self, first: int, count: int, graph: Graph, stream: int, batch: int) -> torch.Tensor:
        size, key = self.shape[0], self.key(graph, stream)
        if self.single:
            out = torch.zeros(count, batch, size, dtype=graph.dtype)
            step, place = spikes_between(first, count, self._chances(graph.dt), key[:2], key[2], batch)
            out.flatten(1)[torch.from_numpy(step - first), torch.from_numpy(place)] = 1
            return out.to(graph.device)
        if self.one_law:
            drawn = poisson_counts(self.law(graph.dt), key, first, count, size, batch)
        else:
            drawn = poisson_counts_each(self._means(graph.dt), key, first, count, batch)
        return torch.from_numpy(drawn).to(graph.device, graph.dtype)

    def spikes(self, first: int, count: int, graph: Graph, stream: int = 0) -> tuple[np.ndarray, np.ndarray]:
        if not self.single:
            return super().spikes(first, count, graph, stream)
        key = self.key(graph, stream)
        return spikes_between(first, count, self._chances(graph.dt), key[:2], key[2], 1)

    def _chances(self, dt: float) -> np.ndarray:
        """The probability [size] with which each single train fires in a step."""
        chance = self.rate * dt
        if chance.max() > 1:
            raise DimensionError(
                f"Poisson: {chance.max():g} spikes per cell and step of {dt:g} ms, but one train fires at most once in a step: "
                "lower the rate or dt, or give the sum of many trains with trains=."
            )
        return np.broadcast_to(chance, self.shape)

    def _means(self, dt: float) -> np.ndarray:
        """The mean number of spikes in a step, one or one for each cell."""
        means = self.rate * self.trains * dt
        if means.max() > _MOST:
            raise DimensionError(
                f"Poisson: {means.max():g} spikes per cell and step of {dt:g} ms; above {_MOST:g} give their mean as a current, "
                "such as rv.OrnsteinUhlenbeck, or a smaller dt."
            )
        return means

    def __repr__(self) -> str:
        trains = "" if self.single else f", trains={self.trains}"
        frozen = ", frozen=True" if self.frozen else ""
        return f"Poisson({self.rate.mean() * 1000:g} Hz, size={self.shape[0]}{trains}{frozen})"
