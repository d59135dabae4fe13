"""What synapses bring in every step, from values that cells show: summed by target, so nothing is scattered.

Synapses lie by target, those of a vector of targets side by side, a synapse of each in a row. A target adds them one after the
other in the order of the pattern, from 0, and each sum and each number that is added is rounded once: so no bit depends on
how sources are found, and on how many threads share the targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import torch
from llvmlite import ir

from ranvier.kernels.cpu.graded.form import Graded
from ranvier.kernels.cpu.graded.reach import Row
from ranvier.kernels.cpu.host.barrier import Barrier
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.sections import OpenKind
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, splat, vector_at, when
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.memory import gathered
from ranvier.kernels.cpu.llvm.processor import has_feature
from ranvier.kernels.writer import emit

__all__ = ["graded_kernel", "graded_signature", "number_name", "source_names", "target_name"]

Values = Mapping[str, ir.Value]
_SOURCE = ("shown", "slots", "stride")


def source_names(name: str) -> dict[str, str]:
    """The arguments of a variable of the sources: a ring of rows and its numbers of rows and from row to row."""
    return {word: f"{word} of {name}" for word in _SOURCE}


def target_name(name: str) -> str:
    """The argument of a variable of the targets."""
    return f"target's {name}"


def number_name(name: str) -> str:
    """The argument of a number of synapses: [rows, lanes], or one."""
    return f"number {name}"


@lru_cache(maxsize=64)
def graded_signature(form: Graded) -> Signature:
    """``start`` [vectors of targets + 1] are rows; targets [low, high) have the ring of ``length`` slots of ``padded`` numbers.

    ``latency`` [rows, lanes] is there where synapses differ in it.
    """
    arrays = {"start": Array(I64, None), "flags": Array(I64, None), "ring": Array(REAL, ...), **form.reach.arrays}
    arrays |= {number_name(n): Array(REAL, None) for n in (*form.varied, *form.shared)}
    arrays |= {target_name(n): Array(REAL, ...) for n in form.targets}
    arrays |= {source_names(n)["shown"]: Array(REAL, ...) for n in form.sources}
    if not form.one_latency:
        arrays["latency"] = Array(I32, None)
    integers = [source_names(n)[word] for n in form.sources for word in ("slots", "stride")]
    return Signature(arrays, (*integers, "shortest", "length", "padded", "low", "high"))


@lru_cache(maxsize=64)
def graded_kernel(form: Graded, dtype: torch.dtype) -> Routine:
    """What arrives in the clock's step over such projections, once every thread has advanced its sources so far."""
    f = OpenKind("bring_graded", graded_signature(form), dtype)
    b, clock = f.builder, f.clock
    n, first, depth, thread, threads = (clock[name] for name in ("n", "first", "depth", "thread", "threads"))
    lanes = Lanes(b, str(dtype).removeprefix("torch."), wide=has_feature("avx512f"))
    with f.sections() as s:
        barrier, values = Barrier(b, s["flags"], thread, threads), s.values()
        if form.waits:
            with barrier.each() as other:
                barrier.wait(other, b.add(b.sub(n, values["shortest"]), I64(1)))
        slot = b.mul(b.srem(b.add(first, n), values["length"]), values["padded"])
        _Sums(lanes, form, values, at(b, values["ring"], slot), b.add(n, depth)).write()
    return f.compile()


class _Strand(NamedTuple):
    """A vector of targets whose sum is in the making: its number, its rows, and its ``total``."""

    vector: ir.Value
    start: ir.Value
    stop: ir.Value
    total: ir.Value
    targets: Values


class _Sums:
    """Adds to the targets, whose numbers are at ``here``, what arrives in the step that is shown as row ``moment``."""

    def __init__(self, lanes: Lanes, form: Graded, values: Values, here: ir.Value, moment: ir.Value) -> None:
        self.lanes, self.form, self.values, self.here, self.moment = lanes, form, values, here, moment
        b = self.builder = lanes.builder
        self.shared = {n: lanes.broadcast(values[number_name(n)], I64(0)) for n in form.shared}
        self.rows: dict[str, ir.Value] = {}
        for n in form.sources:
            shown, slots, stride = (values[name] for name in source_names(n).values())
            row = b.srem(b.sub(moment, values["shortest"]), slots)
            self.rows[n] = at(b, shown, b.mul(row, stride))

    def write(self) -> None:
        """Vectors of targets, some of them at a time."""
        b, width, strands = self.builder, self.lanes.width, self.form.reach.strands
        first, end = (
            b.udiv(b.add(self.values[n], I64(more)), I64(width)) for n, more in (("low", 0), ("high", width - 1))
        )
        with counted(b, first, end, strands) as vector:
            some, there = [self._begin(vector, None)], [None]
            for k in range(1, strands):
                there.append(b.icmp_signed("<", b.add(vector, I64(k)), end))
                some.append(self._begin(b.add(vector, I64(k)), there[-1]))
            common = b.sub(some[0].stop, some[0].start)
            for one in some[1:]:
                count = b.sub(one.stop, one.start)
                common = b.select(b.icmp_signed("<", count, common), count, common)
            if strands > 1:
                with counted(b, 0, common) as k:
                    for one in some:
                        self._add(one, b.add(one.start, k))
            for one in some:
                begin = b.add(one.start, common) if strands > 1 else one.start
                with counted(b, begin, one.stop) as k:
                    self._add(one, k)
            for one, exists in zip(some, there, strict=True):
                if exists is None:
                    self._leave(one)
                else:
                    with when(b, exists):
                        self._leave(one)

    def _begin(self, vector: ir.Value, exists: ir.Value | None) -> _Strand:
        """A vector of targets; one that does not exist has no rows."""
        b, lanes, start = self.builder, self.lanes, self.values["start"]
        if exists is not None:
            vector = b.select(exists, vector, b.sub(vector, I64(1)))
        low, high = (b.load(at(b, start, b.add(vector, I64(k)))) for k in (0, 1))
        stop = high if exists is None else b.select(exists, high, low)
        reach, values = self.form.reach, self.values
        targets = {n: reach.load(lanes, values, values[target_name(n)], vector) for n in self.form.targets}
        return _Strand(vector, low, stop, local(b, lanes.constant(0.0)), targets)

    def _add(self, one: _Strand, k: ir.Value) -> None:
        """Row ``k`` of a vector of targets."""
        b, lanes, form = self.builder, self.lanes, self.form
        place = b.mul(k, I64(lanes.width))
        row = form.reach.row(lanes, self.values, one.vector, k) if form.one_latency else self._late(one, k)

        def read(name: str) -> ir.Value:
            if name in self.rows:
                return row.read(self.rows[name])
            if name in form.varied:
                return lanes.load(self.values[number_name(name)], place)
            return one.targets[name] if name in one.targets else self.shared[name]

        before = b.load(one.total)
        after = b.fadd(before, emit(lanes, form.sent, read)["sent"])  # without flags: not one operation with a product
        b.store(after if row.valid is None else b.select(row.valid, after, before), one.total)

    def _late(self, one: _Strand, k: ir.Value) -> Row:
        """Row ``k`` where synapses have latencies of their own."""
        b, lanes, width = self.builder, self.lanes, self.lanes.width
        (name,) = self.form.sources
        shown, slots, stride = (self.values[n] for n in source_names(name).values())
        wide, place = ir.VectorType(I64, width), b.mul(k, I64(width))
        source, latency = (
            b.sext(b.load(vector_at(b, self.values[n], place, width), align=4), wide) for n in ("source", "latency")
        )
        slot = b.sub(splat(b, b.srem(self.moment, slots), width), latency)
        before = b.icmp_signed("<", slot, ir.Constant(wide, [0] * width))
        slot = b.select(before, b.add(slot, splat(b, slots, width)), slot)
        found = gathered(b, shown, b.add(b.mul(slot, splat(b, stride, width)), source))
        valid = self.form.reach.row(lanes, self.values, one.vector, k).valid
        return Row(lambda pointer: found, valid)

    def _leave(self, one: _Strand) -> None:
        """Add the sum to what else arrives at the targets."""
        total = self.builder.load(one.total)
        self.form.reach.add(self.lanes, self.values, self.here, one.vector, total)
