"""Signals: sources whose value acts during the step, and which can be added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.errors import DimensionError, ShapeError
from ranvier.network.stimuli._source import Source
from ranvier.units import Dimension, as_quantity

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Signal", "SumOfSignals", "name_in", "one_or_each"]


class Signal(Source):
    """A value per cell and step that acts during that very step; two signals of one dimension and size can be added.

    >>> drive = net.source("drive", rv.step_current(0.5*nA, 10, start=100*ms) + rv.OrnsteinUhlenbeck(0*nA, 0.1*nA, 5*ms, 10))
    """

    lag = 0

    def __add__(self, other: Signal) -> SumOfSignals:
        if not isinstance(other, Signal):
            return NotImplemented
        return SumOfSignals(
            *(part for s in (self, other) for part in (s.parts if isinstance(s, SumOfSignals) else (s,)))
        )


class SumOfSignals(Signal):
    """The sum of several signals; made by ``first + second``.

    Raises
    ------
    ShapeError, DimensionError
        Where sizes or dimensions differ.
    """

    def __init__(self, *parts: Signal) -> None:
        first = parts[0]
        for part in parts[1:]:
            if part.shape != first.shape:
                raise ShapeError(
                    f"cannot add signals for {first.shape[0]} and {part.shape[0]} cells: give both one size."
                )
            if part.dimension != first.dimension:
                raise DimensionError(
                    f"cannot add signals of dimensions {first.dimension} and {part.dimension}: give both one unit."
                )
        self.parts: tuple[Signal, ...] = parts
        self.shape, self.dimension = first.shape, first.dimension
        self.frozen = all(part.frozen for part in parts)

    def block(self, first: int, count: int, graph: Graph) -> torch.Tensor:
        return self.draw(first, count, graph, 0, 1)

    def draw(self, first: int, count: int, graph: Graph, stream: int, batch: int) -> torch.Tensor:
        wide = [part.emissions(first, count, graph, stream, batch) for part in self.parts]
        out = wide[0]
        for x in wide[1:]:
            out = out + x
        return out

    def numbers(self, first: int, count: int, graph: Graph) -> np.ndarray:
        return np.sum([part.numbers(first, count, graph) for part in self.parts], axis=0)

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.parts))


def one_or_each(value: Any, size: int, what: str, dimension: Dimension | None = None) -> tuple[np.ndarray, Dimension]:
    """One finite number, or one for each of ``size`` cells, in base units, with its dimension."""
    quantity = as_quantity(value)
    if dimension is not None and quantity.dimension != dimension:
        raise DimensionError(
            f"{what}={value!r} has dimension {quantity.dimension}; give it in a unit of dimension {dimension}."
        )
    number = quantity.value
    array = np.array(number.detach().cpu() if isinstance(number, torch.Tensor) else number, dtype=np.float64)
    if array.shape not in ((), (size,)):
        raise ShapeError(f"{what} has shape {array.shape}; give one value, or one for each of {size} cells.")
    if not np.isfinite(array).all():
        raise DimensionError(f"{what}={value!r} holds a value that is not finite; give finite numbers.")
    return array, quantity.dimension


def name_in(graph: Graph, source: Source) -> str:
    """The name by which a network knows a source, or a source it is part of: random streams are kept apart by it."""
    found = (_name_of(source, known, name) for name, known in graph.sources.items())
    return next((name for name in found if name), "")


def _name_of(source: Source, known: Source, name: str) -> str:
    if known is source:
        return name
    inside = (_name_of(source, part, f"{name}.{k}") for k, part in enumerate(known.parts))
    return next((n for n in inside if n), "")
