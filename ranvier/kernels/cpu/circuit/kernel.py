"""One compiled function for a whole circuit: arrive, advance, fire, reset and deliver, step after step.

A projection with one latency adds its weights in the step of their arrival, straight to the state where that is all the
cell does with them. Where synapses have latencies of their own, arrivals wait in a ring, one per population and port:
slot (step mod length) holds what arrives in that step. Either way the order of addition is that of steps, projections and
cells, whatever the cut of the run.

Threads share the cells: each advances its own range of every population and adds to the rings of that range only, so
nothing is written by two and the order of addition is that of one thread. Each waits for another before it reads what that one
fired, once per *slice*, as many steps as the shortest latency: a spike of the slice arrives after it.

A counter (steps of refractoriness left) is kept as the step at which it ends, which changes only when a cell fires; mostly
the loop over cells needs no more of it than a bit (:mod:`.fired`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import torch
from llvmlite import ir

from ranvier.kernels.cpu.circuit._advance import advance
from ranvier.kernels.cpu.circuit._deliver import deliver
from ranvier.kernels.cpu.circuit._drawn import deliver_drawn
from ranvier.kernels.cpu.circuit._drive import drive, noise
from ranvier.kernels.cpu.circuit.arguments import (
    CIRCUIT,
    graded,
    own_array,
    population,
    population_values,
    sections,
    wire,
)
from ranvier.kernels.cpu.circuit.blocks import empty_bin, file_rows
from ranvier.kernels.cpu.circuit.fired import release
from ranvier.kernels.cpu.circuit.form import Member, Wire
from ranvier.kernels.cpu.circuit.graded import GradedForm, gather
from ranvier.kernels.cpu.host.barrier import Barrier
from ranvier.kernels.cpu.host.sections import Section, SectionKernel
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, flushed, local, when
from ranvier.kernels.cpu.llvm.inner import Inner
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.processor import has_feature
from ranvier.kernels.cpu.plastic.part import PlasticPart

__all__ = ["circuit_kernel"]

Values = Mapping[str, ir.Value]


@lru_cache(maxsize=256)
def circuit_kernel(
    members: tuple[Member, ...], wires: tuple[Wire, ...], forms: tuple[GradedForm, ...], dtype: torch.dtype
) -> SectionKernel:
    """The kernel; its sections are those of :mod:`.arguments`."""
    return _Writer(members, wires, forms, dtype).compile()


class _Writer:
    def __init__(
        self, members: tuple[Member, ...], wires: tuple[Wire, ...], forms: tuple[GradedForm, ...], dtype: torch.dtype
    ) -> None:
        self.open = sections(members, wires, forms).open("ranvier_circuit", dtype)
        self.builder = self.open.builder
        self.dtype = str(dtype).removeprefix("torch.")
        self.scalar = Lanes(self.builder, self.dtype).scalar
        self.members, self.wires, self.forms = members, wires, forms
        self.functions: dict[tuple, Inner] = {}

    def compile(self) -> SectionKernel:
        b, whole = self.builder, self.open[CIRCUIT]
        first, steps, every, depth, together = whole["first", "steps", "every", "depth", "together"]
        barrier = Barrier(b, whole["flags"], whole["thread"], whole["threads"])
        own = [self.open[population(k)] for k in range(len(self.members))]
        groups = [population_values(member, section) for member, section in zip(self.members, own, strict=True)]
        plain = [(w, self.open[wire(k)].values()) for k, w in enumerate(self.wires) if w.rule is None]
        steady = [(w, v) for w, v in plain if w.one_latency]
        varied = [(w, v) for w, v in plain if not w.one_latency]
        numbers = [(form, self.open[graded(k)].values()) for k, form in enumerate(self.forms)]
        plastic = PlasticPart(self.open.module, self.builder, self.dtype, groups, [m.rings for m in self.members])
        for k, w in enumerate(self.wires):
            if w.rule is not None:
                plastic.take(w, w.rule, self.open[wire(k)])
        # history first: spikes fired before this call whose arrivals lie within it
        with counted(b, 0, depth) as k:
            step = b.add(b.sub(first, depth), k)
            for w, values in varied:
                past = groups[w.pre]["past"], groups[w.pre]["past_bounds"]
                self._spread(w, values, groups, *past, k, step, least=b.sub(first, step))
        with flushed(b), counted(b, 0, steps, together) as begin:
            end = b.add(begin, together)
            end = b.select(b.icmp_signed("<", end, steps), end, steps)
            with counted(b, begin, end) as n:
                for w, values in steady:
                    self._collect(w, values, groups, barrier, n, b.add(first, n), depth)
                for form, values in numbers:
                    self._gather(form, values, groups, barrier, n, b.add(first, n), depth)
                plastic.step(n, b.add(first, n), depth)
                for k, (member, section) in enumerate(zip(self.members, own, strict=True)):
                    bins = [(w, v) for w, v in steady if w.by_block and w.post == k]
                    time = {"n": n, "first": first, "every": every, "depth": depth}
                    self._step_cells(member, section, groups[k], bins, time)
            barrier.reach(end)
            if varied:
                with counted(b, begin, end) as n:
                    for w, values in varied:
                        with barrier.each() as thread:
                            barrier.wait(thread, end)
                            fired = self._fired(groups[w.pre], thread)
                            self._spread(w, values, groups, *fired, n, b.add(first, n))
        with flushed(b):
            plastic.finish(steps)
        return self.open.compile()

    def _step_cells(
        self, member: Member, section: Section, group: dict, bins: Sequence[tuple[Wire, Values]], time: Values
    ) -> None:
        """Advance this thread's cells of a population by a step: block by block where arrivals wait in bins."""
        b, n, first = self.builder, time["n"], time["first"]
        b.store(b.load(at(b, group["bounds"], n)), at(b, group["bounds"], b.add(n, I64(1))))
        if group["free"]:
            self._of_member("release", member, section, {"n": n}, _release)
        passed = local(b, I64(0))
        with counted(b, group["low"], group["high"], group["block"]) as low:
            high = b.add(low, group["block"])
            high = b.select(b.icmp_signed("<", high, group["high"]), high, group["high"])
            for w, values in bins:
                stream = member.rings[w.ring]
                ring, length = group["rings"][stream]
                base = b.and_(low, I64(~0xFFFF))
                if stream not in member.direct:
                    base = b.add(base, b.mul(b.srem(b.add(first, n), length), group["padded"]))
                block = b.add(values["first_block"], b.load(passed))
                self._inside("empty", w, values, {"base": at(b, ring, base), "block": block}, empty_bin)
            if bins:
                b.store(b.add(b.load(passed), I64(1)), passed)
            self._of_member("advance", member, section, {**time, "low": low, "high": high}, _advance)

    def _of_member(
        self, what: str, member: Member, section: Section, numbers: Values, write: Callable[..., None]
    ) -> None:
        """Call the function that ``write`` writes for such a population; equal populations share it."""

        def code(f: Inner) -> None:
            group = population_values(member, Section.inside(f, section.signature, self.scalar))
            write(self._lanes(f), member, group, **{n: f[n] for n in numbers})

        self._call((what, member.key), {**section.tables, **numbers}, code)

    def _inside(self, what: str, form: Wire, values: Values, given: Values, write: Callable[..., None]) -> None:
        """Call the function that ``write`` writes for a wire whose rows go to bins."""
        held = {n: v for n, v in values.items() if n != "latency"}

        def code(f: Inner) -> None:
            write(self._lanes(f), form, {n: f[n] for n in held}, **{n: f[n] for n in given})

        self._call((what, form.one_weight), {**held, **given}, code)

    def _call(self, key: tuple, given: Values, code: Callable[[Inner], None]) -> None:
        """Call a function inside the kernel; ``code`` writes it when it is first called."""
        if key not in self.functions:
            name = f"{key[0]}_{len(self.functions)}"
            f = self.functions[key] = Inner(self.open.module, name, {n: v.type for n, v in given.items()})
            code(f)
            f.close()
        self.functions[key].call(self.builder, given)

    def _lanes(self, f: Inner) -> Lanes:
        return Lanes(f.builder, self.dtype, wide=has_feature("avx512f"))

    def _fired(self, group: dict, thread: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Cells that a thread listed in this call, and where each step begins."""
        b = self.builder
        return own_array(b, group["lists"], thread, I32), own_array(b, group["borders"], thread, I64)

    def _collect(
        self, form: Wire, values: Values, groups: list, barrier: Barrier, n: ir.Value, step: ir.Value, depth: ir.Value
    ) -> None:
        """Arrivals in step n of a projection with one latency: spikes of this call, or of steps before it."""
        b, pre = self.builder, groups[form.pre]
        fired = b.sub(n, values["latency"])
        with b.if_else(b.icmp_signed("<", fired, I64(0))) as (before, within):
            with before:
                self._spread(form, values, groups, pre["past"], pre["past_bounds"], b.add(depth, fired), step)
            with within, barrier.each() as thread:
                barrier.wait(thread, b.add(fired, I64(1)))
                self._spread(form, values, groups, *self._fired(pre, thread), fired, step)

    def _gather(
        self, form: GradedForm, values: Values, groups: list, barrier: Barrier, n: ir.Value, step: ir.Value, depth: ir.Value
    ) -> None:  # fmt: skip
        """Arrivals in step n of a graded projection, once every thread has advanced its sources so far."""
        b, pre, post = self.builder, groups[form.pre], groups[form.post]
        with barrier.each() as thread:
            barrier.wait(thread, b.add(b.sub(n, values["shortest"]), I64(1)))
        ring, length = post["rings"][self.members[form.post].rings[form.ring]]
        here = at(b, ring, b.mul(b.srem(step, length), post["padded"]))
        ends = {f"pre {n}": pre[n] for n in ("emitted", "slots", "stride")}
        given = {"here": here, "low": post["low"], "high": post["high"], "moment": b.add(n, depth)}

        def code(f: Inner) -> None:
            named = {n.removeprefix("pre "): f[n] for n in ends}
            gather(self._lanes(f), form, {n: f[n] for n in values}, named, **{n: f[n] for n in given})

        self._call(("gather", form.one_latency), {**values, **ends, **given}, code)

    def _spread(
        self, form: Wire, values: Values, groups: list, spikes: ir.Value, bounds: ir.Value, k: ir.Value, step: ir.Value,
        least: ir.Value | None = None,
    ) -> None:  # fmt: skip
        """Add the weights of step k of a list of spikes to the ring, whose present slot is that of ``step``."""
        b, post = self.builder, groups[form.post]
        ring, length = post["rings"][self.members[form.post].rings[form.ring]]
        start, stop = b.load(at(b, bounds, k)), b.load(at(b, bounds, b.add(k, I64(1))))
        with when(b, b.icmp_signed("<", start, stop)):
            self._carry(form, values, post, (ring, length), spikes, start, stop, step, least)

    def _carry(
        self, form: Wire, values: Values, post: dict, ring: tuple[ir.Value, ir.Value], spikes: ir.Value, start: ir.Value,
        stop: ir.Value, step: ir.Value, least: ir.Value | None,
    ) -> None:  # fmt: skip
        """Spikes [start, stop) of a list to the bins of their targets, or to the ring itself."""
        if form.by_block:
            self._inside("file", form, values, {"spikes": spikes, "start": start, "stop": stop}, file_rows)
            return
        held = {n: v for n, v in values.items() if n != "latency" or not form.one_latency}
        given = {
            "ring": ring[0],
            "padded": post["padded"],
            "spikes": spikes,
            "start": start,
            "stop": stop,
            "step": step,
        }
        given |= {"length": ring[1], **({} if least is None else {"least": least})}
        how = (form.one_weight, form.one_latency, form.latency_bits, form.target_bits, form.drawn, form.code)

        def code(f: Inner) -> None:
            inside, rest = {n: f[n] for n in held}, {n: f[n] for n in given}
            if form.drawn is None:
                deliver(f.builder, form, inside, **rest)
            else:
                deliver_drawn(f.builder, form.drawn, inside, **rest)

        self._call(("deliver", least is None, *how), {**held, **given}, code)


def _advance(
    lanes: Lanes, member: Member, group: dict, n: ir.Value, first: ir.Value, every: ir.Value, depth: ir.Value, low: ir.Value,
    high: ir.Value,
) -> None:  # fmt: skip
    """The cells [low, high) by a step, after their drives and noises were drawn."""
    step = lanes.builder.add(first, n)
    for (_, each), values in zip(member.drives, group["drives"], strict=True):
        drive(lanes, values, each, low, high, n, step)
    for values in group["noises"].values():
        noise(lanes, values, low, high, step)
    advance(lanes, member, group, (low, high), n, first, every, depth)


def _release(lanes: Lanes, member: Member, group: dict, n: ir.Value) -> None:
    """Free the cells whose counters have run out."""
    for name, steps in group["steps"].items():
        release(lanes, group, name, steps, n)
