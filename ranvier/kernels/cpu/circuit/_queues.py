"""Spikes that wait in queues, one for each turn of several steps in which they arrive.

A ring has a slot for each step until the longest latency, and every synapse of a spike adds to another slot: where the ring
leaves the cache, each addition fetches a line of it. Here a spike copies its row, sorted by latency, into queues, a part for each
turn and a vector at a time. When a turn comes, its queue is read from end to end and added to a ring of one turn,
which stays in the cache. A queue holds what arrives in the order in which spikes would have added it to the ring themselves.

Where a queue is full, what it holds is added to ``far``, a ring for all latencies of which memory is taken when it is used.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from llvmlite import ir

from ranvier.kernels.cpu.circuit._deliver import Head, add_weight, approached, ask_first, row_of
from ranvier.kernels.cpu.circuit.arguments import QUEUES, queue_signature
from ranvier.kernels.cpu.circuit.form import Wire
from ranvier.kernels.cpu.circuit.rows import SPARE
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.sections import OpenKind
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, offset, splat, vector_at, when
from ranvier.kernels.cpu.llvm.inner import Inner
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.load_weight import decoding, load_weight
from ranvier.kernels.cpu.llvm.processor import has_feature

__all__ = ["TAG", "ask_rows", "queue_rows", "turns_kernel"]

#: bits of a number in a queue that tell its place, where the others name a weight
TAG = 24


@lru_cache(maxsize=8)
def turns_kernel(alike: bool, dtype: torch.dtype) -> Routine:
    """Adds what arrives until the clock's step, and was not added before, to the ring of the present turn."""
    f = OpenKind("add_queues", queue_signature(), dtype)
    b, n, first = f.builder, f.clock["n"], f.clock["first"]
    step = b.add(first, n)
    with f.sections() as s:
        queues = {name: s[name] for name in ("ring", *QUEUES)}
        shift, count, padded = s["shift", "queues", "padded"]
        span = b.shl(I64(1), shift)
        queue = _remainder(b, b.ashr(step, shift), count)
        with when(b, b.icmp_signed("==", b.and_(step, b.sub(span, I64(1))), I64(0))):
            with when(b, b.icmp_signed(">", n, I64(0))):  # before the first step, spikes of the history may wait there
                before = b.select(b.icmp_signed("==", queue, I64(0)), b.sub(count, I64(1)), b.sub(queue, I64(1)))
                b.store(b.load(at(b, queues["begin"], before)), at(b, queues["top"], before))
            b.store(queue, at(b, queues["now"], 0))
            b.store(b.load(at(b, queues["begin"], queue)), at(b, queues["now"], 1))
            over = at(b, queues["over"], queue)
            with when(b, b.icmp_signed("!=", b.load(over), I64(0))):
                b.store(I64(0), over)
                with counted(b, 0, span) as slot:
                    here = at(b, queues["ring"], b.mul(slot, padded))
                    there = at(b, queues["far"], b.mul(b.add(b.mul(queue, span), slot), padded))
                    with counted(b, s["low"], s["high"]) as k:
                        b.store(b.load(at(b, there, k)), at(b, here, k))
                        b.store(ir.Constant(there.type.pointee, 0.0), at(b, there, k))
        taken = at(b, queues["now"], 1)
        top = b.load(at(b, queues["top"], queue))
        _add(b, alike, queues, b.load(taken), top, queues["ring"])
        b.store(top, taken)
    return f.compile()


def _add(b: ir.IRBuilder, alike: bool, queues: dict, start: ir.Value, stop: ir.Value, base: ir.Value) -> None:
    """Add [start, stop) of the queues to the numbers from ``base`` on."""
    with counted(b, start, stop) as k:
        place = b.load(at(b, queues["turn_place"], k))
        if alike:
            weight = b.load(at(b, queues["turn_weight"], offset(b, b.lshr(place, I32(TAG)))))
            place = b.and_(place, I32((1 << TAG) - 1))
        else:
            weight = b.load(at(b, queues["turn_weight"], k))
        add_weight(b, at(b, base, offset(b, place)), weight)


def _remainder(b: ir.IRBuilder, number: ir.Value, count: ir.Value) -> ir.Value:
    """Of a division rounded down: at least 0, also for what was before step 0."""
    left = b.srem(number, count)
    return b.select(b.icmp_signed("<", left, I64(0)), b.add(left, count), left)


def _head(b: ir.IRBuilder, values: dict, step: ir.Value) -> Head:
    """Where the counts of a cell are for a spike of ``step``."""
    span = b.shl(I64(1), values["shift"])
    per_row = b.mul(span, values["turns"])
    own = b.mul(b.and_(step, b.sub(span, I64(1))), values["turns"])
    return lambda cell: at(b, values["counts"], b.add(b.mul(cell, per_row), own))


def ask_rows(
    lanes: Lanes, form: Wire, values: dict, spikes: ir.Value, start: ir.Value, stop: ir.Value, step: ir.Value, rows: bool
) -> None:  # fmt: skip
    """Ask for what :func:`queue_rows` reads first: ``rows``, or where they begin."""
    b = lanes.builder
    with when(b, b.icmp_signed(">", values["reach"], I64(0))):
        ask_first(b, form, values, spikes, start, stop, _head(b, values, step), rows)


def queue_rows(
    lanes: Lanes, form: Wire, values: dict, spikes: ir.Value, start: ir.Value, stop: ir.Value, step: ir.Value,
    least: ir.Value | None = None,
) -> None:  # fmt: skip
    """Copy the rows of the spikes [start, stop), fired in ``step``, to the queues; with ``least`` only latencies from there on."""
    b, turns, shift, queues, padded = (lanes.builder, *(values[n] for n in ("turns", "shift", "queues", "padded")))
    if form.queue is None:
        raise ValueError("the projection has no queues")
    span = b.shl(I64(1), shift)
    mask = b.sub(span, I64(1))
    turn, per_turn = b.ashr(step, shift), b.trunc(b.mul(span, padded), I32)
    since = b.trunc(b.mul(b.and_(step, mask), padded), I32)
    first_queue = _remainder(b, turn, queues)
    copy, head = _Copy(lanes, form, values), _head(b, values, step)
    with approached(b, form, values, spikes, start, stop, head, asked=least is None) as (cell, _):
        counts, begin = head(cell), b.load(row_of(b, values, cell))
        copy.stage(begin, b.load(row_of(b, values, cell, 1)))
        source, queue, moved, done = (local(b, v) for v in (begin, first_queue, copy.spread(since), I64(0)))

        def count_of(g: ir.Value) -> ir.Value:
            return b.zext(b.load(at(b, counts, g)), I64)

        def take(count: ir.Value) -> None:
            """Copy as many synapses and go on to the next queue."""
            place = b.load(source)
            copy.segment(b.load(queue), place, b.sub(place, begin), count, b.load(moved))
            b.store(b.add(place, count), source)
            b.store(b.sub(b.load(moved), splat(b, per_turn, copy.width)), moved)
            following = b.add(b.load(queue), I64(1))
            b.store(b.select(b.icmp_signed("==", following, queues), I64(0), following), queue)

        if least is not None:  # what arrives before the first step is left out: whole turns, and steps of the next one
            now = b.add(step, least)
            passed = b.sub(b.ashr(now, shift), turn)
            passed = b.select(b.icmp_signed("<", passed, turns), passed, turns)
            with counted(b, 0, passed) as g:
                b.store(b.add(b.load(source), count_of(g)), source)
            rest = b.sub(since, b.mul(b.trunc(passed, I32), per_turn))
            b.store(copy.spread(rest), moved)
            b.store(_remainder(b, b.add(turn, passed), queues), queue)
            b.store(passed, done)
            with when(b, b.icmp_signed("<", passed, turns)):
                count, early, place = count_of(passed), local(b, I64(0)), b.load(source)
                before = b.trunc(b.mul(b.and_(now, mask), padded), I32)
                with counted(b, 0, count) as k:
                    number = b.add(b.load(at(b, values["place"], b.add(place, k))), rest)
                    b.store(b.add(b.load(early), b.zext(b.icmp_unsigned("<", number, before), I64)), early)
                b.store(b.add(place, b.load(early)), source)
                take(b.sub(count, b.load(early)))
                b.store(b.add(passed, I64(1)), done)
        with counted(b, b.load(done), turns) as g:
            take(count_of(g))


class _Copy:
    """Copies parts of rows to queues."""

    def __init__(self, lanes: Lanes, form: Wire, values: dict) -> None:
        self.lanes, self.form, self.values, self.builder = lanes, form, values, lanes.builder
        self.alike = form.queue is not None and form.queue.alike
        self.width = lanes.width if has_feature("avx512f") else min(8, lanes.width)
        self.shared = self.builder.load(values["weight"]) if form.one_weight and form.code is None else None
        (self.scale,) = decoding(self.builder, form.code, values, 1, [I64(0)])
        self._spill: Inner | None = None

    def spread(self, number: ir.Value) -> ir.Value:
        """``number`` and the tag in every lane."""
        b = self.builder
        return splat(b, b.add(number, b.trunc(self.values["tag"], I32)), self.width)

    def stage(self, begin: ir.Value, end: ir.Value) -> None:
        """Put the weights of a row in the order of latencies."""
        b, values = self.builder, self.values
        if self.form.one_weight:
            return
        with counted(b, begin, end) as s:
            place = b.add(begin, b.zext(b.load(at(b, values["order"], s)), I64))
            b.store(self._weight(place), at(b, values["staged"], b.sub(s, begin)))

    def _weight(self, place: ir.Value) -> ir.Value:
        b, values, code = self.builder, self.values, self.form.code
        if code is None:
            return b.load(at(b, values["weight"], place))
        found = load_weight(b, code, self.lanes.scalar, values["weight"], place, 1, *self.scale)
        return b.extract_element(found, I32(0))

    def segment(self, queue: ir.Value, begin: ir.Value, own: ir.Value, count: ir.Value, added: ir.Value) -> None:
        """``count`` synapses from ``begin`` on to the end of ``queue``; ``own`` of the row come before, ``added`` is added."""
        b, values = self.builder, self.values
        place = at(b, values["top"], queue)
        filled = local(b, b.load(place))
        end = b.load(at(b, values["begin"], b.add(queue, I64(1))))
        with b.if_then(b.icmp_signed(">", b.add(b.load(filled), b.add(count, I64(SPARE))), end), likely=False):
            self._empty(queue)
            b.store(b.load(place), filled)
        top = b.load(filled)

        def vector(k: ir.Value) -> None:
            found = b.load(vector_at(b, values["place"], b.add(begin, k), self.width), align=4)
            b.store(b.add(found, added), vector_at(b, values["turn_place"], b.add(top, k), self.width), align=4)
            if not self.alike:
                to = vector_at(b, values["turn_weight"], b.add(top, k), self.width)
                b.store(self._weights(b.add(own, k)), to, align=self.lanes.itemsize)

        vector(I64(0))
        with when(b, b.icmp_signed(">", count, I64(self.width))), counted(b, self.width, count, self.width) as k:
            vector(k)
        b.store(b.add(top, count), place)

    def _weights(self, own: ir.Value) -> ir.Value:
        b = self.builder
        if not self.form.one_weight:
            return b.load(vector_at(b, self.values["staged"], own, self.width), align=self.lanes.itemsize)
        return splat(b, self._weight(I64(0)) if self.shared is None else self.shared, self.width)

    def _empty(self, queue: ir.Value) -> None:
        """Add what a full queue holds to the ring of its turn where that is the present one, else to ``far``."""
        b = self.builder
        given = {n: self.values[n] for n in ("ring", *QUEUES, "shift", "padded")} | {"queue": queue}
        if self._spill is None:
            self._spill = self._write_empty(given)
        self._spill.call(b, given)

    def _write_empty(self, given: dict[str, ir.Value]) -> Inner:
        f = Inner(
            self.builder.module, f"empty_queue of {self.builder.function.name}", {n: v.type for n, v in given.items()}
        )
        b, queue, begin = f.builder, f["queue"], at(f.builder, f["begin"], f["queue"])
        taken = at(b, f["now"], 1)
        block = b.shl(b.mul(queue, f["padded"]), f["shift"])
        queues = {n: f[n] for n in QUEUES}
        stop = b.load(at(b, f["top"], queue))
        with b.if_else(b.icmp_signed("==", queue, b.load(f["now"]))) as (present, later):
            with present:
                _add(b, self.alike, queues, b.load(taken), stop, f["ring"])
                b.store(b.load(begin), taken)
            with later:
                _add(b, self.alike, queues, b.load(begin), stop, at(b, f["far"], block))
                b.store(I64(1), at(b, f["over"], queue))
        b.store(b.load(begin), at(b, f["top"], queue))
        f.close()
        return f
