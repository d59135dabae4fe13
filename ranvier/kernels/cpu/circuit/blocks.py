"""Delivery by blocks of cells.

The targets of a row ascend, so those of a block of cells lie together. A spike copies each such segment, a vector at a time,
to the bin of its block; the bin is emptied just before the block advances. So cells that receive something are fetched
once per step, for both, and one long loop adds instead of a short one for every row, whose end nobody foresees. Additions
happen in the order in which spikes would have made them themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from llvmlite import ir

from ranvier.kernels.cpu.circuit._deliver import add_weight, approached, row_of
from ranvier.kernels.cpu.circuit.fired import UNIT
from ranvier.kernels.cpu.circuit.form import Wire
from ranvier.kernels.cpu.circuit.rows import Blocks, rows_of
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.cpu.llvm.functions import I64, at, counted, local, offset, vector_at, when
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.processor import has_feature
from ranvier.kernels.tasks import Pattern
from ranvier.storages import Stored

if TYPE_CHECKING:
    from ranvier.kernels.tasks import CircuitPopulation, CircuitProjection

__all__ = ["Bins", "block_of", "empty_bin", "file_rows", "rows_by_block"]

Tensor = torch.Tensor
#: cells of a block that a target of 16 bits can tell
_LARGEST = 1 << 16


def block_of(
    p: CircuitPopulation, projections: Sequence[CircuitProjection], threads: int = 1, tuning: Tuning = TUNING
) -> int:
    """Cells of a block of ``p``, a power of two; 0 where it is not worth it, or the processor has no masked vectors."""
    rows = [fit for q in projections if q.post == p.name and (fit := _fit(q, tuning)) is not None]
    if not rows or not has_feature("avx2"):
        return 0
    mean = max(r.synapses / max(1, r.rows) for r in rows)

    def segment(block: int) -> float:
        return mean * min(block, p.cells) / p.cells

    def share(block: int) -> float:
        return -(-p.cells // (block * threads)) * block * threads / p.cells if threads > 1 else 1.0

    block = tuning.block
    while block < _LARGEST and segment(block) < tuning.segment:
        block *= 2
    if segment(block) < tuning.segment:
        return 0
    smaller = [block]
    few = tuning.short_segment
    while share(smaller[-1]) > tuning.equal and smaller[-1] > UNIT and segment(smaller[-1] // 2) >= few:
        smaller.append(smaller[-1] // 2)
    best = min(smaller, key=share)
    return best if share(best) <= tuning.unequal else 0


def _fit(q: CircuitProjection, tuning: Tuning) -> Pattern | None:
    """The synapses of a projection for which bins may pay."""
    pattern = q.stored
    if q.latencies is not None or pattern is None or not pattern.synapses:
        return None
    if isinstance(q.weight, Stored):  # bins hold floats
        return None
    return pattern if pattern.columns >= (tuning.shared_weight if q.one_weight else tuning.own_weights) else None


def rows_by_block(q: CircuitProjection, block: int, tuning: Tuning = TUNING) -> Blocks | None:
    """How the rows are cut; None where this projection goes another way."""
    pattern = _fit(q, tuning) if block else None
    if (
        pattern is None
        or pattern.synapses * min(block, pattern.columns) < tuning.segment * pattern.rows * pattern.columns / 4
    ):
        return None
    return rows_of(pattern).blocks(block)


class Bins:
    """Room for all synapses of a projection, block after block; ``top`` says how far each is filled, for every thread."""

    def __init__(self, blocks: Blocks, one_weight: bool, dtype: torch.dtype, threads: int) -> None:
        self.start = blocks.start
        self.target = torch.empty(blocks.size, dtype=torch.uint16)
        self.weight = torch.empty(0 if one_weight else blocks.size, dtype=dtype)
        self.top = [self.start.clone() for _ in range(threads)]


def file_rows(lanes: Lanes, form: Wire, values: dict, spikes: ir.Value, start: ir.Value, stop: ir.Value) -> None:
    """Copy the rows of the spikes [start, stop) to the bins of the thread's blocks."""
    b = lanes.builder

    def head(cell: ir.Value) -> ir.Value:
        return at(b, values["counts"], b.mul(cell, values["blocks"]))

    with approached(b, form, values, spikes, start, stop, head) as (cell, _):
        counts = head(cell)
        source, weights = (local(b, b.load(row_of(b, values, cell, k))) for k in (0, 1))
        with counted(b, values["first_block"], values["end_block"]) as block:
            count = b.zext(b.load(at(b, counts, block)), I64)
            place = at(b, values["bin_top"], block)
            top, begin = b.load(place), b.load(source)
            _copy(lanes, values["target"], begin, values["bin_target"], top, count, 32)
            if not form.one_weight:
                own = b.load(weights)
                _copy(lanes, values["weight"], own, values["bin_weight"], top, count, lanes.width)
                b.store(b.add(own, count), weights)
            b.store(b.add(top, count), place)
            b.store(b.add(begin, count), source)


def _copy(
    lanes: Lanes, source: ir.Value, begin: ir.Value, to: ir.Value, top: ir.Value, count: ir.Value, width: int
) -> None:
    """Elements [begin, begin + count) to [top, …), a vector of ``width`` at a time; what lies beyond is not kept."""
    b = lanes.builder
    numbers = source.type.pointee == lanes.scalar

    def vector(k: ir.Value) -> None:
        if numbers:  # belongs to the user: nothing beyond its end is read
            value = lanes.load(source, b.add(begin, k), lanes.first(b.sub(count, k)))
        else:
            value = b.load(vector_at(b, source, b.add(begin, k), width), align=source.type.pointee.width // 8)
        size = lanes.itemsize if numbers else source.type.pointee.width // 8
        b.store(value, vector_at(b, to, b.add(top, k), width), align=size)

    vector(I64(0))
    with when(b, b.icmp_signed(">", count, I64(width))), counted(b, width, count, width) as k:
        vector(k)


def empty_bin(lanes: Lanes, form: Wire, values: dict, base: ir.Value, block: ir.Value) -> None:
    """Add what waits for ``block`` to the numbers from ``base`` on, which its targets count from."""
    b = lanes.builder
    one_weight = b.load(values["weight"]) if form.one_weight else None
    place = at(b, values["bin_top"], block)
    start, stop = b.load(at(b, values["bin_start"], block)), b.load(place)
    with counted(b, start, stop) as s:
        target = offset(b, b.load(at(b, values["bin_target"], s)))
        weight = b.load(at(b, values["bin_weight"], s)) if one_weight is None else one_weight
        add_weight(b, at(b, base, target), weight)
    b.store(start, place)
