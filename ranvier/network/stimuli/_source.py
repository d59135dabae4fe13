"""The base of all stimuli: a part of a network that makes its own emissions."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ranvier.errors import ShapeError
from ranvier.kernels.tasks import Spikes
from ranvier.network.order import GraphError
from ranvier.units import UNITS, Dimension
from ranvier.values import CountLaw

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Counted", "Source"]


class Counted(NamedTuple):
    """The law of counts, and the key of their random numbers, which ends with the stream."""

    law: CountLaw
    key: tuple[int, int, int]


class Source(ABC):
    """An input that a network generates: emissions by step and, unless ``frozen``, by sample and stream.

    A deterministic source returns its values from :meth:`block`. A random source has ``frozen = False`` and returns
    them from :meth:`draw`, by counting: the same step, sample and stream must always give the same numbers.

    Attributes
    ----------
    shape
        Shape of what is emitted at every step.
    dimension
        Physical dimension of what is emitted; a projection multiplies it by its weight.
    lag
        Steps from an emission to its earliest arrival: 1 for spikes, as between cells; 0 for a signal.
    single
        Whether it emits nothing but 0 and 1.
    drawn_in_steps
        Whether emissions are counts of a law (:meth:`counted`) that takes no more memory than they do, so that a circuit may draw
        them by itself.
    steady
        Whether every step follows the same law.
    wide
        Whether its law has a number for every cell and step.
    parts
        The sources that it is made of.
    frozen
        True where all samples of a batch and all calls get the same emissions.
    """

    shape: tuple[int, ...]
    dimension: Dimension = UNITS["1"].dimension
    lag: int = 1
    single: bool = False
    drawn_in_steps: bool = False
    steady: bool = False
    wide: bool = False
    parts: tuple[Source, ...] = ()
    frozen: bool = True

    def check(self, dt: float) -> None:  # noqa: B027
        """Raise for emissions that a step of ``dt`` (ms) does not allow; called when the source is added."""

    def fires_once(self, dt: float) -> bool:
        """Whether no cell has two spikes in a step of ``dt`` (ms), so that its spikes may stay a list."""
        return self.single

    @abstractmethod
    def block(self, first: int, count: int, graph: Graph) -> torch.Tensor:
        """The emissions of steps first, first + 1, …: [count, 1, *shape] in the network's dtype.

        For a random source, those of sample 0 of stream 0.
        """

    def draw(self, first: int, count: int, graph: Graph, stream: int, batch: int) -> torch.Tensor:
        """The emissions of samples 0, 1, …, batch - 1 of ``stream``: [count, batch, *shape]."""
        return self.block(first, count, graph)

    def numbers(self, first: int, count: int, graph: Graph) -> np.ndarray:
        """What :meth:`block` gives, as float64 [count, *shape]; by a class that computes in float64 not rounded in between."""
        return self.block(first, count, graph)[:, 0].detach().cpu().double().numpy()

    def counted(self, graph: Graph, first: int = 0, count: int = 1, stream: int = 0) -> Counted | None:
        """The law of emissions in steps first, first + 1, … where they are counts of one; None for every other source."""
        return None

    def emissions(self, first: int, count: int, graph: Graph, stream: int = 0, batch: int = 1) -> torch.Tensor:
        """The emissions [count, batch, *shape] for a call of ``batch`` samples with ``stream``, after a check."""
        which = self.stream_for(stream), 1 if self.frozen else batch
        found, wanted = self.draw(first, count, graph, *which), (count, which[1], *self.shape)
        if not isinstance(found, torch.Tensor) or tuple(found.shape) != wanted:
            given = f"shape {tuple(found.shape)}" if isinstance(found, torch.Tensor) else type(found).__name__
            asked = (
                f"block({first}, {count}, graph)"
                if self.frozen
                else f"draw({first}, {count}, graph, {stream}, {batch})"
            )
            raise ShapeError(
                f"{type(self).__name__}.{asked} gave {given}; it must give a tensor of shape {wanted}: "
                f"steps, {'1' if self.frozen else 'samples'}, and the shape of the source."
            )
        return found.to(graph.device, graph.dtype).expand(count, batch, *self.shape)

    def stream_for(self, stream: int) -> int:
        """The stream that it draws from in a call with ``stream``: always 0 where it is frozen."""
        return 0 if self.frozen else stream

    def listed(self, first: int, count: int, graph: Graph, stream: int = 0) -> Spikes:
        """The spikes of sample 0 in steps first, first + 1, …, in order of step and cell; a cell may stand there several times.

        Raises
        ------
        GraphError
            As :meth:`spikes`.
        """
        size = math.prod(self.shape)
        step, cell = self.spikes(first, count, graph, stream)
        place = np.sort((step - first) * size + cell)
        bounds = np.zeros(count + 1, np.int64)
        np.cumsum(np.bincount(place // size, minlength=count), out=bounds[1:])
        return Spikes(torch.from_numpy((place % size).astype(np.int32)), torch.from_numpy(bounds))

    def spikes(self, first: int, count: int, graph: Graph, stream: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Step and cell of every spike of sample 0 in steps first, first + 1, …: as many as the number emitted.

        Raises
        ------
        GraphError
            Where emissions are not whole numbers.
        """
        emitted = self.emissions(first, count, graph, stream)[:, 0].flatten(1).cpu().numpy()
        step, cell = np.nonzero(emitted)
        found = emitted[step, cell]
        if (found < 0).any() or (found != np.rint(found)).any():
            name = next((n for n, known in graph.sources.items() if known is self), type(self).__name__)
            raise GraphError(
                f"cannot record the spikes of {name!r}: it emits {found.min():g} to {found.max():g}, not counts."
            )
        each = found.astype(np.int64)
        return np.repeat(step + first, each), np.repeat(cell, each)
