"""How synapses that lie by target reach their sources: the words of a layout."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.signature import Array
from ranvier.kernels.cpu.llvm.functions import I64
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.tasks import Pattern

__all__ = ["Layout", "Reach", "Row"]

Tensor = torch.Tensor
Values = Mapping[str, ir.Value]


class Layout(NamedTuple):
    """Synapses by target, in rows with a lane for each target of a vector.

    ``start`` [vectors of targets + 1] are the rows of each vector, ``place`` [synapses] says where the numbers of each synapse
    lie in [rows, lanes], and ``arrays`` find the sources. Every target meets its synapses in the order of the pattern.
    """

    start: Tensor
    place: Tensor
    arrays: dict[str, Tensor]

    def lay(self, values: Tensor, width: int) -> Tensor:
        """Numbers of synapses [synapses] as [rows, lanes], 0 where there is none."""
        out = torch.zeros(int(self.start[-1]) * width, dtype=values.dtype)
        return out.index_copy_(0, self.place, values)


class Row(NamedTuple):
    """A row of synapses: how it reads a variable of its sources, and which lanes are synapses (None: all)."""

    read: Callable[[ir.Value], ir.Value]
    valid: ir.Value | None


class Reach(ABC):
    """One way to find sources; equal objects write equal code.

    Attributes
    ----------
    strands
        Vectors of targets side by side, so that the sums of one need not wait for those of the other.
    """

    strands = 2

    @property
    @abstractmethod
    def arrays(self) -> Mapping[str, Array]:
        """What a layout holds for it."""

    @abstractmethod
    def lay_out(self, pattern: Pattern, width: int, ranges: Sequence[tuple[int, int]]) -> Layout:
        """The layout of a pattern for vectors of ``width`` targets, of which each thread has a range."""

    @abstractmethod
    def row(self, lanes: Lanes, values: Values, vector: ir.Value, k: ir.Value) -> Row:
        """Row ``k``, which belongs to the targets of ``vector``; ``values`` are the arrays of the layout."""

    def load(self, lanes: Lanes, values: Values, pointer: ir.Value, vector: ir.Value) -> ir.Value:
        """A variable of the targets of a vector."""
        return lanes.load(pointer, lanes.builder.mul(vector, I64(lanes.width)))

    def add(self, lanes: Lanes, values: Values, pointer: ir.Value, vector: ir.Value, total: ir.Value) -> None:
        """Add to a variable of the targets of a vector."""
        place = lanes.builder.mul(vector, I64(lanes.width))
        lanes.store(pointer, place, lanes.add(lanes.load(pointer, place), total))
