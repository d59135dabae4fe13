"""Sources anywhere: each lane reads its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from llvmlite import ir

from ranvier.kernels.cpu.graded.reach import Layout, Reach, Row, Values
from ranvier.kernels.cpu.host.signature import Array
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, offset, splat
from ranvier.kernels.cpu.llvm.int_lanes import IntLanes
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.tasks import Pattern

__all__ = ["Single", "Sorted", "by_target"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Single(Reach):
    """``source`` [rows, lanes] of so many ``bits``, and how many synapses each target has: ``degree`` [vectors, lanes].

    Numbers are loaded one by one: most processors take longer for a gather instruction.
    """

    bits: int = 32
    strands = 1

    @property
    def arrays(self) -> Mapping[str, Array]:
        """What a layout holds for it."""
        return {"source": Array(ir.IntType(self.bits), None), "degree": Array(I32, None)}

    def lay_out(self, pattern: Pattern, width: int, ranges: Sequence[tuple[int, int]]) -> Layout:
        """Of any pattern."""
        order, first, degree = by_target(pattern, width)
        return self._lay_out(pattern, width, (order, first, degree), torch.arange(len(degree)))

    def _lay_out(self, pattern: Pattern, width: int, known: tuple[Tensor, Tensor, Tensor], lane: Tensor) -> Layout:
        """The layout where target t is lane ``lane[t]``."""
        order, first, degree = known
        by_lane = torch.empty_like(degree).index_copy_(0, lane, degree)
        start = torch.zeros(len(degree) // width + 1, dtype=torch.int64)
        start[1:] = by_lane.view(-1, width).amax(1).cumsum(0)
        mine = lane[pattern.target.long()]
        rank = torch.empty_like(order)
        rank[order] = torch.arange(len(order)) - torch.repeat_interleave(first, degree)
        place = (start[mine // width] + rank) * width + mine % width
        kind = torch.int16 if self.bits == 16 else torch.int32
        source = torch.zeros(int(start[-1]) * width, dtype=torch.int64).index_copy_(0, place, pattern.source)
        half = 1 << (self.bits - 1)
        source = torch.where(source < half, source, source - 2 * half).to(kind)  # read without a sign
        return Layout(start, place, {"source": source, "degree": by_lane.to(torch.int32)})

    def row(self, lanes: Lanes, values: Values, vector: ir.Value, k: ir.Value) -> Row:
        """A number for each lane."""
        b, width = lanes.builder, lanes.width
        first = b.load(at(b, values["start"], vector))
        degree = IntLanes(lanes).load(values["degree"], b.mul(vector, I64(width)))
        rank = splat(b, b.trunc(b.sub(k, first), I32), width)
        place = b.mul(k, I64(width))
        return Row(lambda pointer: _picked(lanes, pointer, values["source"], place), b.icmp_signed("<", rank, degree))


@dataclass(frozen=True)
class Sorted(Single):
    """Targets of about as many synapses share a vector: ``target`` [vectors, lanes] is the one of each lane."""

    @property
    def arrays(self) -> Mapping[str, Array]:
        """What a layout holds for it."""
        return {**super().arrays, "target": Array(I32, None)}

    def lay_out(self, pattern: Pattern, width: int, ranges: Sequence[tuple[int, int]]) -> Layout:
        """Of any pattern; no vector has targets of two threads."""
        order, first, degree = by_target(pattern, width)
        target = torch.cat([low + torch.argsort(degree[low:high], stable=True) for low, high in ranges])
        lane = torch.empty_like(target)
        lane[target] = torch.arange(len(target))
        layout = self._lay_out(pattern, width, (order, first, degree), lane)
        return layout._replace(arrays={**layout.arrays, "target": target.to(torch.int32)})

    def load(self, lanes: Lanes, values: Values, pointer: ir.Value, vector: ir.Value) -> ir.Value:
        """A variable of the targets of a vector."""
        return _picked(lanes, pointer, values["target"], lanes.builder.mul(vector, I64(lanes.width)))

    def add(self, lanes: Lanes, values: Values, pointer: ir.Value, vector: ir.Value, total: ir.Value) -> None:
        """Add to a variable of the targets of a vector."""
        b, first = lanes.builder, lanes.builder.mul(vector, I64(lanes.width))
        after = lanes.add(self.load(lanes, values, pointer, vector), total)
        for lane in range(lanes.width):
            target = offset(b, b.load(at(b, values["target"], b.add(first, I64(lane)))))
            b.store(b.extract_element(after, I32(lane)), at(b, pointer, target))


def by_target(pattern: Pattern, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Synapses in the order of targets, and where those of each target of whole vectors begin there, and how many they are."""
    target, vectors = pattern.target.long(), -(-pattern.columns // width)
    degree = torch.bincount(target, minlength=vectors * width)
    return torch.argsort(target, stable=True), degree.cumsum(0) - degree, degree


def _picked(lanes: Lanes, pointer: ir.Value, places: ir.Value, first: ir.Value) -> ir.Value:
    """The numbers at the places that are listed from ``first`` on."""
    b = lanes.builder
    out: ir.Value = ir.Constant(lanes.vector, ir.Undefined)
    for lane in range(lanes.width):
        place = b.zext(b.load(at(b, places, b.add(first, I64(lane)))), I64)
        out = b.insert_element(out, b.load(at(b, pointer, place)), I32(lane))
    return out
