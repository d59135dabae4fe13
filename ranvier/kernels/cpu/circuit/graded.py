"""Emitted variables inside a circuit: in every step a target sums weight times what its sources emitted a latency before.

Synapses lie by target, those of a vector of targets side by side, so that a vector of sources is gathered and nothing is scattered.
Emissions lie in a ring of steps, behind each of whose rows a vector of zeros follows: the source where a target has fewer
synapses than its neighbours.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.barrier import Barrier
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.sections import OpenKind, Sections
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, splat, vector_at
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.memory import gathered
from ranvier.kernels.cpu.llvm.processor import has_feature
from ranvier.kernels.tasks import Circuit, CircuitPopulation, GradedProjection, Pattern

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.packed import Packed

__all__ = ["Emissions", "graded_kernel", "pack_graded", "slots_of"]

Tensor = torch.Tensor


@lru_cache(maxsize=2)
def graded_signature(one_latency: bool) -> Signature:
    """``start`` [vectors of targets + 1] are rows of ``source``, ``weight`` and ``latency`` [rows, lanes].

    Sources have ``emitted``; targets [low, high) have the ring of ``length`` slots of ``padded`` numbers.
    """
    arrays = {"start": Array(I64, None), "source": Array(I32, None), "weight": Array(REAL, None)}
    arrays |= {"flags": Array(I64, None), "emitted": Array(REAL, ...), "ring": Array(REAL, ...)}
    if not one_latency:
        arrays["latency"] = Array(I32, None)
    return Signature(arrays, ("shortest", "slots", "stride", "length", "padded", "low", "high"))


@lru_cache(maxsize=8)
def graded_kernel(one_latency: bool, dtype: torch.dtype) -> Routine:
    """What arrives in the clock's step over such projections, once every thread has advanced its sources so far."""
    f = OpenKind("gather_emissions", graded_signature(one_latency), dtype)
    b, clock = f.builder, f.clock
    n, first, depth, thread, threads = (clock[name] for name in ("n", "first", "depth", "thread", "threads"))
    lanes = Lanes(b, str(dtype).removeprefix("torch."), wide=has_feature("avx512f"))
    with f.sections() as s:
        barrier, values = Barrier(b, s["flags"], thread, threads), s.values()
        with barrier.each() as other:
            barrier.wait(other, b.add(b.sub(n, values["shortest"]), I64(1)))
        slot = b.mul(b.srem(b.add(first, n), values["length"]), values["padded"])
        _gather(lanes, one_latency, values, at(b, values["ring"], slot), b.add(n, depth))
    return f.compile()


class Emissions:
    """The last ``slots`` emissions of the ``cells`` of a population, in a ring of rows of ``stride`` numbers.

    The emission of step n of a call that knows ``depth`` steps of history lies in row (n + depth) modulo slots.
    """

    def __init__(self, history: Tensor, cells: int, padded: int, slots: int, depth: int, dtype: torch.dtype) -> None:
        self.cells, self.slots, self.depth = cells, slots, depth
        self.stride = padded + 64 // dtype.itemsize
        self.rows = torch.zeros(slots, self.stride, dtype=dtype)
        known = min(history.shape[0], slots)
        if known:
            place = torch.arange(depth - known, depth) % slots
            self.rows[place, :cells] = history[history.shape[0] - known :].to(dtype)

    @property
    def given(self) -> dict[str, Tensor | int]:
        """The arguments of its population."""
        return {"emitted": self.rows, "slots": self.slots, "stride": self.stride}

    def last(self, steps: int, count: int) -> Tensor:
        """Those of the last ``count`` of the ``steps`` steps of the call, [count, cells]."""
        return self.rows[torch.arange(steps - count, steps).add_(self.depth) % self.slots, : self.cells]


def slots_of(task: Circuit, p: CircuitPopulation) -> int:
    """Rows of the ring of ``p``: no thread overwrites what another still reads, which is at most so far behind."""
    longest = max((q.longest for q in task.graded if q.pre == p.name), default=1)
    return max(2 * longest + 1, p.kept, p.history.shape[0])


class _ByTarget(NamedTuple):
    """Synapses by target: rows of ``source``, and where each lies there."""

    start: Tensor
    source: Tensor
    place: Tensor


def _by_target(pattern: Pattern, width: int, spare: int) -> _ByTarget:
    """The synapses of ``pattern`` for vectors of ``width`` targets, made once; ``spare`` is the place of a zero."""
    known = pattern.prepared.get((_ByTarget, width))
    if known is None:
        target, vectors = pattern.target.long(), -(-pattern.columns // width)
        degree = torch.zeros(vectors * width, dtype=torch.int64)
        degree[: pattern.columns] = torch.bincount(target, minlength=pattern.columns)
        start = torch.zeros(vectors + 1, dtype=torch.int64)
        start[1:] = degree.view(vectors, width).amax(1).cumsum(0)
        order = torch.argsort(target, stable=True)
        rank = torch.empty_like(order)
        rank[order] = torch.arange(len(order)) - torch.repeat_interleave(degree.cumsum(0) - degree, degree)
        place = (start[target // width] + rank) * width + target % width
        source = torch.full((int(start[-1]) * width,), spare, dtype=torch.int32)
        source[place] = pattern.source.to(torch.int32)
        known = pattern.prepared[_ByTarget, width] = _ByTarget(start, source, place)
    return known


def pack_graded(q: GradedProjection, sections: Sections, key: Hashable, pre: Packed, post: Packed) -> None:
    """Sources, weights and latencies of a projection from cells that emit a variable."""
    width, emissions = 64 // sections.dtype.itemsize, pre.emissions
    if emissions is None:
        raise ValueError(f"population {q.pre!r} of a graded projection emits no variable")
    start, source, place = _by_target(q.pattern, width, emissions.stride - width)
    weight = torch.zeros(source.numel(), dtype=sections.dtype)
    weight[place] = q.weight.to(sections.dtype)
    given = {"start": start, "source": source, "weight": weight, "shortest": q.shortest, **emissions.given}
    given |= {"length": post.lengths[q.stream], "padded": post.padded}
    own = {"ring": post.rings[q.stream]}
    own |= {word: [pair[k] for pair in post.shares.ranges] for k, word in enumerate(("low", "high"))}
    if isinstance(q.latency, Tensor):
        given["latency"] = torch.full((source.numel(),), q.shortest, dtype=torch.int32)
        given["latency"][place] = q.latency.to(torch.int32)
    sections.fill(key, graded_signature(isinstance(q.latency, int)), given, own)


def _gather(lanes: Lanes, one_latency: bool, values: Mapping[str, ir.Value], here: ir.Value, moment: ir.Value) -> None:
    """Add to the targets, whose numbers are at ``here``, what arrives in the step that is emitted as row ``moment``."""
    b, width = lanes.builder, lanes.width
    emitted, slots, stride = (values[n] for n in ("emitted", "slots", "stride"))
    wide = ir.VectorType(I64, width)
    row = at(b, emitted, b.mul(b.srem(b.sub(moment, values["shortest"]), slots), stride))
    now = splat(b, b.srem(moment, slots), width)
    with counted(b, values["low"], values["high"], width) as i:
        block = b.udiv(i, I64(width))
        total = local(b, lanes.constant(0.0))
        with counted(
            b, b.load(at(b, values["start"], block)), b.load(at(b, values["start"], b.add(block, I64(1))))
        ) as k:
            first = b.mul(k, I64(width))
            source = b.load(vector_at(b, values["source"], first, width), align=4)
            if one_latency:
                found = gathered(b, row, source)
            else:
                latency = b.sext(b.load(vector_at(b, values["latency"], first, width), align=4), wide)
                slot = b.sub(now, latency)
                slot = b.select(
                    b.icmp_signed("<", slot, ir.Constant(wide, [0] * width)), b.add(slot, splat(b, slots, width)), slot
                )
                found = gathered(b, emitted, b.add(b.mul(slot, splat(b, stride, width)), b.sext(source, wide)))
            b.store(lanes.add(b.load(total), lanes.mul(found, lanes.load(values["weight"], first))), total)
        lanes.store(here, i, lanes.add(lanes.load(here, i), b.load(total)))
