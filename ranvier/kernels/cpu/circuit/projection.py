"""The kernel of a projection: spikes that arrive in a step, or are fired in it, add their weights to the ring of its target."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from llvmlite import ir

from ranvier.kernels.cpu.circuit._deliver import deliver
from ranvier.kernels.cpu.circuit._drawn import deliver_drawn
from ranvier.kernels.cpu.circuit._drawn_together import deliver_together, draw_ahead
from ranvier.kernels.cpu.circuit._queues import ask_rows, queue_rows
from ranvier.kernels.cpu.circuit.arguments import wire_signature
from ranvier.kernels.cpu.circuit.blocks import empty_bin, file_rows
from ranvier.kernels.cpu.circuit.form import Wire
from ranvier.kernels.cpu.host.barrier import Barrier
from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.sections import TABLES, OpenKind, Section
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, local, pointed, when
from ranvier.kernels.cpu.llvm.inner import Inner
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.processor import has_feature

__all__ = ["ASK_HEADS", "ASK_ROWS", "CARRY", "DRAW", "EMPTY", "HISTORY", "TOGETHER", "wire_kernel"]

#: parts of the kernel: carry the spikes of the clock's step; spikes of the history (where synapses have latencies of their own);
#: add what waits in the bin of the clock's block (where there are bins); carry what threads draw together, and draw rows of a
#: slice (where rows are drawn); ask for where the first rows begin, and for these rows (where there are queues)
CARRY, HISTORY, EMPTY, TOGETHER, DRAW, ASK_HEADS, ASK_ROWS = 0, 1, 1, 1, 2, 2, 3


@lru_cache(maxsize=256)
def wire_kernel(form: Wire, dtype: torch.dtype) -> Routine:
    """The kernel of such projections."""
    return _Writer(form, dtype).compile()


class _Writer:
    def __init__(self, form: Wire, dtype: torch.dtype) -> None:
        self.form, self.dtype = form, dtype
        self.open = OpenKind("carry_spikes", wire_signature(form), dtype)
        self.builder, self.clock = self.open.builder, self.open.clock
        self.functions: dict[str, Inner] = {}

    def compile(self) -> Routine:
        if self.form.by_block:
            parts = [self._collect, self._empty]
        elif self.form.drawn is not None:
            parts = [self._collect, self._collect_together, self._draw_ahead]
        elif self.form.one_latency:
            parts = [self._collect]
        else:
            parts = [self._send, self._send_history]
            parts += (
                [] if self.form.queue is None else [lambda: self._send("ask_heads"), lambda: self._send("ask_rows")]
            )
        self.open.parts(parts)
        return self.open.compile()

    def _collect(self) -> None:
        """Arrivals in this step where there is one latency: spikes of this call, or of steps before it."""
        b, n, first, depth = self.builder, self.clock["n"], self.clock["first"], self.clock["depth"]
        team = self._team()
        with self.open.sections() as s:
            fired = b.sub(n, s["latency"])
            with b.if_else(b.icmp_signed("<", fired, I64(0))) as (before, within):
                with before:
                    self._spread(s, s["past"], s["past_bounds"], b.add(depth, fired), b.add(first, n))
                with within:
                    self._of_threads(s, team, fired, b.add(fired, I64(1)), b.add(first, n))

    def _collect_together(self) -> None:
        """The same where all threads draw the rows, each a part of them."""
        n, first, clock = self.clock["n"], self.clock["first"], self.clock.array
        with self.open.sections() as s:
            given = {"fired": self.builder.sub(n, s["latency"]), "step": self.builder.add(first, n), "clock": clock}
            self._inside("together", s, given, self._write_together)

    def _draw_ahead(self) -> None:
        """Rows of the slice that begins, this thread's part."""
        with self.open.sections() as s:
            self._inside("ahead", s, {"clock": self.clock.array}, self._write_ahead)

    def _send(self, what: str = "carry") -> None:
        """Spikes of this step where synapses have latencies of their own, once the slice is over; or ask for their rows."""
        n, first, end, team = self.clock["n"], self.clock["first"], self.clock["end"], self._team()
        with self.open.sections() as s:
            self._of_threads(s, team, n, end, self.builder.add(first, n), what)

    def _send_history(self) -> None:
        """Spikes of step n of the history, whose arrivals may lie within this call."""
        b, n, first = self.builder, self.clock["n"], self.clock["first"]
        least = b.sub(self.clock["depth"], n)
        with self.open.sections() as s:
            self._spread(s, s["past"], s["past_bounds"], n, b.sub(first, least), least)

    def _empty(self) -> None:
        """What waits for the clock's block, just before it advances."""
        given = {"step": self.builder.add(self.clock["first"], self.clock["n"])}
        given |= {"low": self.clock["low"], "block": self.clock["block"]}
        with self.open.sections() as s:
            self._inside("empty", s, given, self._write_empty)

    def _team(self) -> tuple[ir.Value, ir.Value]:
        return self.clock["thread"], self.clock["threads"]

    def _of_threads(
        self, s: Section, team: tuple[ir.Value, ir.Value], fired: ir.Value, stage: ir.Value, step: ir.Value,
        what: str = "carry",
    ) -> None:  # fmt: skip
        """What each thread listed in step ``fired`` of this call, when it has reached ``stage``."""
        b = self.builder
        lists, borders = s["lists", "borders"]
        barrier = Barrier(b, s["flags"], *team)
        with barrier.each() as thread:
            barrier.wait(thread, stage)
            spikes, bounds = pointed(b, lists, thread, I32), pointed(b, borders, thread, I64)
            self._spread(s, spikes, bounds, fired, step, what=what)

    def _spread(
        self, s: Section, spikes: ir.Value, bounds: ir.Value, k: ir.Value, step: ir.Value, least: ir.Value | None = None,
        what: str = "carry",
    ) -> None:  # fmt: skip
        """Carry step k of a list of spikes to the ring, whose present slot is that of ``step``."""
        b = self.builder
        start, stop = b.load(at(b, bounds, k)), b.load(at(b, bounds, b.add(k, I64(1))))
        given = {"spikes": spikes, "start": start, "stop": stop, "step": step}
        with when(b, b.icmp_signed("<", start, stop)):
            if least is None:
                self._inside(what, s, given, self._write_carry if what == "carry" else self._write_ask(what))
            else:
                self._inside("carry_history", s, {**given, "least": least}, self._write_carry)

    def _inside(self, name: str, s: Section, given: dict[str, ir.Value], write: Callable[..., None]) -> None:
        """Call a function inside the kernel; ``write`` writes it when it is first called."""
        if name not in self.functions:
            f = Inner(self.open.function.module, name, {**TABLES, **{n: v.type for n, v in given.items()}})
            values = Section.inside(f, self.open.signature, scalar(self.dtype)).values()
            lanes = Lanes(f.builder, str(self.dtype).removeprefix("torch."), wide=has_feature("avx512f"))
            write(lanes, values, **{n: f[n] for n in given})
            f.close()
            self.functions[name] = f
        self.functions[name].call(self.builder, {**s.tables, **given})

    def _write_empty(self, lanes: Lanes, values: dict, step: ir.Value, low: ir.Value, block: ir.Value) -> None:
        b = lanes.builder
        base = local(b, b.and_(low, I64(~0xFFFF)))
        with when(b, b.icmp_signed(">", values["length"], I64(1))):  # a quotient costs more than many a bin
            slot = b.mul(b.srem(step, values["length"]), values["padded"])
            b.store(b.add(b.load(base), slot), base)
        empty_bin(lanes, self.form, values, at(b, values["ring"], b.load(base)), block)

    def _write_together(self, lanes: Lanes, values: dict, **given: ir.Value) -> None:
        if self.form.drawn is not None:
            deliver_together(lanes.builder, self.form.drawn, values, **given)

    def _write_ahead(self, lanes: Lanes, values: dict, clock: ir.Value) -> None:
        if self.form.drawn is not None:
            draw_ahead(lanes.builder, self.form.drawn, values, clock)

    def _write_ask(self, what: str) -> Callable[..., None]:
        rows = what == "ask_rows"
        return lambda lanes, values, **given: ask_rows(lanes, self.form, values, **given, rows=rows)

    def _write_carry(
        self, lanes: Lanes, values: dict, spikes: ir.Value, start: ir.Value, stop: ir.Value, step: ir.Value,
        least: ir.Value | None = None,
    ) -> None:  # fmt: skip
        """Spikes [start, stop) of a list to the bins of their targets, or to the ring itself."""
        form, given = self.form, (spikes, start, stop)
        if form.queue is not None:
            queue_rows(lanes, form, values, *given, step, least)
        elif form.by_block:
            file_rows(lanes, form, values, *given)
        elif form.drawn is not None:
            deliver_drawn(lanes.builder, form.drawn, values, *given, step)
        else:
            deliver(lanes.builder, form, values, *given, step, least)
