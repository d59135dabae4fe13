"""Sources near one another: a row reads a window of them into registers, and each lane picks its own there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from llvmlite import ir

from ranvier.kernels.cpu.graded.reach import Layout, Reach, Row
from ranvier.kernels.cpu.graded.single import by_target
from ranvier.kernels.cpu.host.signature import Array
from ranvier.kernels.cpu.llvm.functions import I8, I32, I64, at, vector_at
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.tasks import Pattern

__all__ = ["Window", "rows_of_windows"]

Tensor = torch.Tensor
_NONE = torch.iinfo(torch.int64).max


@dataclass(frozen=True)
class Window(Reach):
    """``base`` [rows] is where a window of two vectors begins, ``lane`` [rows, lanes] what is picked of it, or -1.

    A window begins at the next source of the target that is furthest behind; a lane whose next source lies beyond it waits. For
    processors with AVX-512, one instruction of which picks any lanes of two registers.
    """

    arrays: ClassVar[Mapping[str, Array]] = {"base": Array(I32, None), "lane": Array(I8, None)}

    def lay_out(self, pattern: Pattern, width: int, ranges: Sequence[tuple[int, int]]) -> Layout:
        """Of any pattern."""
        order, first, degree = by_target(pattern, width)
        turns = _turns(pattern.source[order], first.view(-1, width), degree.view(-1, width))
        rows = torch.zeros(len(degree) // width, dtype=torch.int64)
        for active, *_ in turns:
            rows[active] += 1
        start = torch.zeros(len(rows) + 1, dtype=torch.int64)
        start[1:] = rows.cumsum(0)
        base = torch.zeros(int(start[-1]), dtype=torch.int32)
        lane = torch.full((int(start[-1]), width), -1, dtype=torch.int8)
        place = torch.empty_like(order)
        for k, (active, begin, picked, taken) in enumerate(turns):
            row = start[active] + k
            base[row], lane[row] = begin.to(torch.int32), picked.to(torch.int8)
            where, which = (picked >= 0).nonzero(as_tuple=True)
            place[order[taken]] = row[where] * width + which
        return Layout(start, place, {"base": base, "lane": lane.view(-1)})

    def row(self, lanes: Lanes, values: Mapping[str, ir.Value], vector: ir.Value, k: ir.Value) -> Row:
        """A number for each lane, of the window."""
        b, width = lanes.builder, lanes.width
        base = b.sext(b.load(at(b, values["base"], k)), I64)
        lane = b.load(vector_at(b, values["lane"], b.mul(k, I64(width)), width), align=1)
        picked = b.zext(lane, lanes.integer)
        kind = ir.FunctionType(lanes.vector, [lanes.vector, lanes.integer, lanes.vector])
        pick = lanes.declare(f"llvm.x86.avx512.vpermi2var.{'ps' if lanes.itemsize == 4 else 'pd'}.512", kind)

        def read(pointer: ir.Value) -> ir.Value:
            low, high = lanes.load(pointer, base), lanes.load(pointer, b.add(base, I64(width)))
            return b.call(pick, [low, picked, high])

        return Row(read, b.icmp_signed(">=", lane, ir.Constant(lane.type, [0] * width)))


def rows_of_windows(pattern: Pattern, width: int, most: int) -> tuple[int, int]:
    """Rows of windows, and synapses, of at most ``most`` vectors of targets, spread over all."""
    vectors = -(-pattern.columns // width)
    some = torch.linspace(0, vectors - 1, min(most, vectors)).long()
    place = torch.full((vectors,), -1)
    place[some] = torch.arange(len(some))
    vector = place[pattern.target.long() // width]
    kept = vector >= 0
    target = vector[kept] * width + pattern.target[kept].long() % width
    degree = torch.bincount(target, minlength=len(some) * width)
    first = degree.cumsum(0) - degree
    source = pattern.source[kept][torch.argsort(target, stable=True)]
    turns = _turns(source, first.view(-1, width), degree.view(-1, width))
    return sum(len(active) for active, *_ in turns), len(target)


def _turns(source: Tensor, first: Tensor, degree: Tensor) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """All rows, by their number in their vector: the vectors that have so many, where the window begins, what each lane
    picks of it (or -1), and the synapses in the order of targets.

    ``first`` and ``degree`` [vectors, lanes] are the synapses of each target, ``source`` their sources in that order.
    """
    width = first.shape[1]
    source = torch.cat([source, source.new_zeros(1)])
    active, following, stop, out = torch.arange(len(first)), first, first + degree, []
    while True:
        waiting = following < stop
        some = waiting.any(1)
        active, following, stop, waiting = active[some], following[some], stop[some], waiting[some]
        if not len(active):
            return out
        found = torch.where(waiting, source[following], _NONE)
        begin = found.amin(1).div(width, rounding_mode="floor") * width
        picked = found - begin.unsqueeze(1)
        taken = picked < 2 * width
        out.append((active, begin, torch.where(taken, picked, -1), following[taken]))
        following = following + taken
