"""Poisson sources: independent spikes of single cells, or the sum of many trains for each cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.errors import DimensionError, ShapeError
from ranvier.kernels.drawing import step_counts, step_spikes
from ranvier.kernels.tasks import Spikes
from ranvier.network.stimuli._equations import Stimulus
from ranvier.network.stimuli._signal import name_in
from ranvier.network.stimuli._source import Counted, Source
from ranvier.network.stimuli.counts import count_of
from ranvier.units import UNITS, as_quantity
from ranvier.units.steps import times_at
from ranvier.values import CountLaw, flag, key_of

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Poisson"]

_RATE = UNITS["Hz"].dimension
#: spikes per cell and step: beyond, the sum of many trains is a current in all but name
_MOST = 1000.0
#: numbers of a law that are held at once
_HELD = 1 << 21


class Poisson(Source):
    """Random spikes: for each cell one train, or the sum of many independent ones.

    One train fires in every step with probability rate*dt, at most once. The sum of several trains is the number of their
    spikes in a step: P(k) = m^k e^-m / k! with m = trains*rate*dt. Probabilities are met to 2^-40.

    Every sample of a batch and every call gets spikes of its own. They depend on the network's seed, the name of the
    source, the call's ``stream``, the sample, the cell and the step alone, not on threads or cuts, and for a given mean not on how
    it was given: a constant rate and an array of equal rates give the same spikes. The plan draws a source inside a compiled circuit
    where it is joined one to one, and stores no array.

    Parameters
    ----------
    rate
        Of one train: one rate, or one per cell. A rate that varies in time is an expression of t as text, or a signal of one value,
        or of one per cell (``rv.Stimulus``, ``rv.TimedArray``); step n has the rate of time n*dt.
    size
        Number of cells.
    trains
        Number of trains that reach each cell.
    frozen
        Give all samples and all calls the same spikes.

    Raises
    ------
    DimensionError, ShapeError
        For what is no rate of ``size`` cells, rates below 0, and more spikes in a step than the law allows; in time, where it happens.

    >>> background = net.source("background", rv.Poisson(8*Hz, 100))
    >>> waves = net.source("waves", rv.Poisson("20*Hz*(1 + sin(2*pi*3*Hz*t))", 100))
    >>> cortex = net.source("cortex", rv.Poisson(8*Hz, 100, trains=1600))
    >>> names = net.connect(cortex, "cells", rv.OneToOne(), to="I", weight=0.1*nA, delay=1.5*ms)
    """

    def __init__(self, rate: Any, size: int, *, trains: int = 1, frozen: bool = False) -> None:
        size, self.trains = count_of(size, "Poisson: size"), count_of(trains, "Poisson: trains")
        self.shape, self.frozen = (size,), flag(frozen, "Poisson: frozen")
        self.rate: np.ndarray | Source = _moving(rate, size) if isinstance(rate, str | Source) else _fixed(rate, size)
        self.single, self.steady = self.trains == 1, not isinstance(self.rate, Source)
        self.parts = (self.rate,) if isinstance(self.rate, Source) else ()
        self.wide = isinstance(self.rate, Source) and self.rate.shape == self.shape
        self.drawn_in_steps = self.single or not self.wide

    def check(self, dt: float) -> None:
        for part in self.parts:
            part.check(dt)
        if isinstance(self.rate, np.ndarray):
            self._means(self.rate.reshape(1, -1), dt)

    def _means(self, rates: np.ndarray, dt: float) -> np.ndarray:
        """Spikes per cell and step of ``dt`` (ms) at ``rates`` in kHz."""
        means = rates * self.trains * dt
        most = means.max(initial=0.0)
        if self.single and most > 1:
            raise DimensionError(
                f"Poisson: {most:g} spikes per cell and step of {dt:g} ms, but one train fires at most once in a step: "
                "lower the rate or dt, or give the sum of many trains with trains=."
            )
        if most > _MOST:
            raise DimensionError(
                f"Poisson: {most:g} spikes per cell and step of {dt:g} ms; above {_MOST:g} give their mean as a current, "
                "such as rv.OrnsteinUhlenbeck, or a smaller dt."
            )
        return means

    def counted(self, graph: Graph, first: int = 0, count: int = 1, stream: int = 0) -> Counted:
        means = self._means(self._rates(first, count, graph), graph.dt)
        law = CountLaw.single(means) if self.single else CountLaw.poisson(means)
        kind = "poisson" if self.single else "counts"
        return Counted(law, (*key_of(graph.seed, f"{name_in(graph, self)}.{kind}"), self.stream_for(stream)))

    def block(self, first: int, count: int, graph: Graph) -> torch.Tensor:
        return self.draw(first, count, graph, 0, 1)

    def draw(self, first: int, count: int, graph: Graph, stream: int, batch: int) -> torch.Tensor:
        size = self.shape[0]
        drawn = [
            torch.from_numpy(step_counts(*found, start, steps, size, batch, graph.dtype))
            for start, steps, found in self._pieces(first, count, graph, stream)
        ]
        return (drawn[0] if len(drawn) == 1 else torch.cat(drawn)).to(graph.device)

    def listed(self, first: int, count: int, graph: Graph, stream: int = 0) -> Spikes:
        pieces = self._pieces(first, count, graph, stream)
        found = [step_spikes(*law, start, steps, self.shape[0]) for start, steps, law in pieces]
        out = found[0]
        for more in found[1:]:
            out = out.then(more)
        return out

    def spikes(self, first: int, count: int, graph: Graph, stream: int = 0) -> tuple[np.ndarray, np.ndarray]:
        found = self.listed(first, count, graph, stream)
        step = np.repeat(np.arange(first, first + count), found.bounds.diff().numpy())
        return step, found.cell.numpy().astype(np.int64)

    def _pieces(self, first: int, count: int, graph: Graph, stream: int) -> Iterator[tuple[int, int, Counted]]:
        """First step, number of steps and law of parts of a window: all of it, unless a law takes much memory."""
        if self.steady or not count:
            yield first, count, self.counted(graph, first, 1, stream)
            return
        each = max(1, _HELD // (self.shape[0] * (1 if self.single else 64)))
        for start in range(first, first + count, each):
            steps = min(each, first + count - start)
            yield start, steps, self.counted(graph, start, steps, stream)

    def _rates(self, first: int, count: int, graph: Graph) -> np.ndarray:
        """Rates [count or 1, size or 1] in kHz."""
        if not isinstance(self.rate, Source):
            return self.rate.reshape(1, -1)
        rates = self.rate.numbers(first, count, graph)
        if (bad := ~(rates >= 0)).any():
            step, cell = (int(k) for k in np.argwhere(bad)[0])
            when = float(times_at(first + step, graph.dt))
            raise DimensionError(
                f"Poisson: the rate is {rates[step, cell] * 1000:g} Hz at t = {when:g} ms; a rate is 0 or more: write maximum(0*Hz, …), or "
                "correct the signal."
            )
        return rates

    def __repr__(self) -> str:
        trains = "" if self.single else f", trains={self.trains}"
        frozen = ", frozen=True" if self.frozen else ""
        rate = f"{self.rate.mean() * 1000:g} Hz" if isinstance(self.rate, np.ndarray) else repr(self.rate)
        return f"Poisson({rate}, size={self.shape[0]}{trains}{frozen})"


def _fixed(rate: Any, size: int) -> np.ndarray:
    """A rate, or one for each cell, in kHz."""
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
    return values


def _moving(rate: str | Source, size: int) -> Source:
    """A rate that varies in time."""
    signal = Stimulus(f"rate = {rate}") if isinstance(rate, str) else rate
    if signal.dimension != _RATE:
        raise DimensionError(
            f"Poisson: rate={rate!r} has dimension {signal.dimension}; give a rate in time, for example "
            "'20*Hz*(1 + sin(2*pi*3*Hz*t))'."
        )
    if signal.shape not in ((1,), (size,)):
        raise ShapeError(
            f"Poisson: rate={rate!r} has shape {signal.shape}; give a signal of one value, or of one for each of {size} cells."
        )
    if signal.lag or not signal.frozen:
        raise DimensionError(
            f"Poisson: rate={rate!r} emits spikes or random numbers; give a signal that depends on the time alone, such as rv.Stimulus."
        )
    return signal
