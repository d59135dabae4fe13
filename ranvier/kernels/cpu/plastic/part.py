"""The kernel of a rule of plasticity in a circuit, and the order of its parts in a step.

In each step: rows whose presynaptic spike arrives, then what postsynaptic spikes of the step before do, then whatever
rules do in every step, and last the variables move.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.barrier import Barrier
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.sections import Entry, OpenKind, Section
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, offset, pointed, when
from ranvier.kernels.cpu.llvm.inner import Inner
from ranvier.kernels.cpu.plastic._cells import PlasticCells
from ranvier.kernels.cpu.plastic._kernel import PlasticRow
from ranvier.kernels.cpu.plastic.log import CLEAR, WRITE, fired_before, log_kernel
from ranvier.kernels.cpu.plastic.tables import PlasticTables, plastic_signature
from ranvier.kernels.tasks import RowRule

__all__ = ["PlasticWire", "plastic_calls", "rule_kernel"]

_PARTS = _BEGIN, _ARRIVE, _NOTE, _STEP, _MOVE, _FINISH = range(6)


class PlasticWire(NamedTuple):
    """A projection: its rule, whether targets ascend in each row (none twice), and the keys of its section and of the log of
    its postsynaptic cells. ``sends`` is the call that takes the place of its rows in every step, where none of them changes."""

    rule: RowRule
    ascending: bool
    key: Hashable
    log: Hashable
    sends: Entry | None = None


def plastic_calls(
    wires: Sequence[PlasticWire], dtype: torch.dtype, meeting: Sequence[Entry] = ()
) -> tuple[list[Entry], list[Entry]]:
    """What to call in every step, and at the end; ``meeting`` comes when all threads have added to what synapses share."""
    rules = [(w, rule_kernel(w.rule, w.ascending, dtype)) for w in wires]
    logs = dict.fromkeys(w.log for w in wires if w.rule.walks)
    walked = (log_kernel(),) if logs else ()

    def calls(part: int, *chosen: bool) -> list[Entry]:
        return [Entry(k, w.key, part) for (w, k), some in zip(rules, chosen, strict=True) if some]

    def each_log(part: int) -> list[Entry]:
        return [Entry(k, log, part) for k in walked for log in logs]

    every = [True] * len(wires)
    step = calls(_BEGIN, *(w.rule.additive is not None or w.rule.walks for w in wires)) + each_log(CLEAR)
    step += calls(_ARRIVE, *(w.rule.by_spike for w in wires)) + each_log(WRITE)
    step += calls(_NOTE, *(w.rule.by_post for w in wires))
    step += [w.sends or Entry(k, w.key, _STEP) for w, k in rules if w.rule.eager]
    step += [*meeting, *calls(_MOVE, *every)]
    return step, calls(_FINISH, *every)


@lru_cache(maxsize=256)
def rule_kernel(rule: RowRule, ascending: bool, dtype: torch.dtype) -> Routine:
    """The kernel of projections with such a rule."""
    return _Writer(rule, ascending, dtype).compile()


class _Writer:
    """Writes the kernel of a rule; each part reads its arguments where it begins."""

    def __init__(self, rule: RowRule, ascending: bool, dtype: torch.dtype) -> None:
        self.rule, self.ascending, self.dtype = rule, ascending, str(dtype).removeprefix("torch.")
        self.open = OpenKind("step_synapses", plastic_signature(rule), dtype)
        self.module, self.builder = self.open.function
        self.clock = self.open.clock

    def compile(self) -> Routine:
        self.open.parts([self._part(part) for part in _PARTS])
        return self.open.compile()

    def _part(self, part: int) -> Callable[[], None]:
        def write() -> None:
            with self.open.sections() as section:
                self._read(section)
                writers[part]()

        writers = (self._begin, self._arrive, self._note, self._one_step, self._move, self._finish)
        return write

    def _read(self, section: Section) -> None:
        """The arguments of a projection, and the step."""
        self.tables, self.given = PlasticTables(section), section.tables
        self.now, self.step = self.clock["n"], self.builder.add(self.clock["first"], self.clock["n"])

    @cached_property
    def _cells(self) -> PlasticCells:
        return PlasticCells(self.module, "cells", self.rule, self.dtype)

    @cached_property
    def _arriving(self) -> Inner:
        return PlasticRow(
            self.module, "row_arrive", self.rule, self.dtype, arrive=True, ascending=self.ascending
        ).function

    @cached_property
    def _swept(self) -> Inner:
        return PlasticRow(
            self.module, "row_sweep", self.rule, self.dtype, arrive=False, ascending=self.ascending
        ).function

    def _begin(self) -> None:
        """Begin a block of sums where one is due, and catch up all rows before the sums they need are dropped."""
        b, number = self.builder, self.tables.number
        if self.rule.additive is not None:
            self._begin_block()
        if self.rule.additive is not None or self.rule.walks:
            with when(b, self._due(number["sweep"])):
                self._sweep(self.step)
                if self.rule.walks:
                    synapses = b.load(at(b, self.tables.array["row_pointer"], number["rows"]))
                    self._clear(self.tables.array["cursor"], synapses)

    def _arrive(self) -> None:
        """Rows of the cells whose spikes arrive in this step: fired a latency ago, before the call or by any thread."""
        if not self.rule.by_spike:
            return
        b, array, number = self.builder, self.tables.array, self.tables.number
        outside = b.icmp_signed("==", number["inside"], I64(0))
        barrier = Barrier(b, array["flags"], self.clock["thread"], self.clock["threads"])
        with counted(b, 0, number["latencies"]) as k:
            place = b.sub(b.add(self.now, number["known"]), b.load(at(b, array["latency"], k)))
            first = b.mul(k, number["cells"])
            with b.if_else(b.or_(outside, b.icmp_signed("<", place, number["known"]))) as (before, within):
                with before:
                    self._rows_of(array["spikes"], array["bounds"], place, first)
                with within:
                    fired = b.sub(place, number["known"])
                    with barrier.each() as thread:
                        barrier.wait(thread, b.add(fired, I64(1)))
                        spikes, bounds = (
                            pointed(b, array["lists"], thread, I32),
                            pointed(b, array["borders"], thread, I64),
                        )
                        self._rows_of(spikes, bounds, fired, first)

    def _rows_of(self, spikes: ir.Value, bounds: ir.Value, k: ir.Value, first: ir.Value) -> None:
        """A spike arrives over the row ``first`` + c of each cell c of step ``k`` of a list."""
        b = self.builder
        with counted(b, b.load(at(b, bounds, k)), b.load(at(b, bounds, b.add(k, I64(1))))) as i:
            cell = offset(b, b.load(at(b, spikes, i)))
            self._row(self._arriving, b.add(first, cell), cell, self.step)

    def _note(self) -> None:
        """Postsynaptic spikes of the step before."""
        if self.rule.by_post:
            self._of_spikes(self._cells.note)

    def _one_step(self) -> None:
        """A step of all synapses of an eager rule."""
        if self.rule.eager:
            self._sweep(self.step)
            if self.rule.by_post:
                self._of_spikes(self._cells.forget)

    def _move(self) -> None:
        """The variables of rows, columns and domains move on."""
        self._cells.move.call(self.builder, {**self.given, "now": self.now})

    def _finish(self) -> None:
        """Bring all synapses up to date."""
        if self.rule.additive is not None:
            self._begin_block()
        if not self.rule.eager:
            self._sweep(I64(0))

    def _of_spikes(self, function: Inner) -> None:
        """Let a function of the rule see the postsynaptic spikes of the step before."""
        fired = fired_before(self.builder, self.tables.array, self.now, self.clock["depth"])
        fired = dict(zip(("spikes", "start", "stop"), fired, strict=True))
        function.call(self.builder, {**self.given, **fired, "now": self.now})

    def _due(self, every: ir.Value) -> ir.Value:
        b = self.builder
        return b.and_(b.icmp_signed(">", self.now, I64(0)), b.icmp_signed("==", b.srem(self.now, every), I64(0)))

    def _begin_block(self) -> None:
        b, number = self.builder, self.tables.number
        with when(b, self._due(number["block"])):
            slot = b.srem(b.sdiv(self.now, number["block"]), number["slots"])
            first = b.add(b.mul(slot, number["padded"]), number["low"])
            self._clear(at(b, self.tables.array["sums"], first), b.sub(number["high"], number["low"]))

    def _clear(self, pointer: ir.Value, count: ir.Value) -> None:
        with counted(self.builder, 0, count) as k:
            self.builder.store(ir.Constant(pointer.type.pointee, 0), at(self.builder, pointer, k))

    def _sweep(self, step: ir.Value) -> None:
        """All rows, without an arrival: caught up (lazy rules) or moved by one step (eager ones)."""
        b, number = self.builder, self.tables.number
        with counted(b, 0, number["latencies"]) as k:
            first = b.mul(k, number["cells"])
            with counted(b, 0, number["cells"]) as cell:
                self._row(self._swept, b.add(first, cell), cell, step)

    def _row(self, function: Inner, row: ir.Value, cell: ir.Value, step: ir.Value) -> None:
        b, number = self.builder, self.tables.number
        ring = at(b, self.tables.array["ring"], b.mul(b.srem(step, number["length"]), number["padded"]))
        given = {"row": row, "cell": cell, "now": self.now, "step": step, "ring": ring}
        function.call(b, {**self.given, **given})
