"""One compiled loop for a whole circuit: arrive, advance, fire, reset and deliver, step after step.

Arrivals wait in rings, one per population and port: slot (step mod length) holds what arrives in that step. A spike's
synapses add their weights to the slots of their latencies. Within a slot the order of addition is that of steps,
projections and cells, whatever the cut of the run.

A counter (steps of refractoriness left) is kept as the step at which it ends, which changes only when a cell fires.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from llvmlite import ir

from ranvier.dynamics import ByStructure, Program, Step
from ranvier.kernels.cpu._emit import emit
from ranvier.kernels.cpu._jit import Kernel, compile_kernel, has_feature
from ranvier.kernels.cpu._lanes import Lanes
from ranvier.kernels.cpu._loops import I32, I64, at, counted, flushed, function, local, offset, prefetch, when
from ranvier.kernels.cpu._plastic_kernel import PlasticRow
from ranvier.kernels.cpu._row_rule import RowRule

__all__ = ["Member", "Wire", "circuit_kernel"]

#: rows of synapses are asked for this many spikes ahead
_AHEAD = 4


@dataclass(frozen=True, eq=False)
class Member(ByStructure):
    """A population as the loop sees it.

    ``rings`` are the streams fed by projections of the circuit, ``outside`` those given as arrays for the whole call
    (a stream may be both), ``recorded`` the variables written every ``every`` steps, ``varied`` the coefficients with a
    value per cell; the others stay in registers.
    """

    step: Step
    rings: tuple[str, ...]
    outside: tuple[str, ...]
    recorded: tuple[str, ...]
    varied: tuple[str, ...] = ()

    @property
    def key(self) -> tuple:
        """What the generated code depends on."""
        return (self.step.key, self.rings, self.outside, self.recorded, self.varied)


@dataclass(frozen=True)
class Wire:
    """A projection: indices of its populations and ring, and whether weight and latency are one number for all.

    ``latency_bits`` is the size of a stored latency: 8 (unsigned), 16 or 32.

    With a ``rule`` its weights are plastic; then ``pre`` may be -1 for spikes from outside the circuit.
    """

    pre: int
    post: int
    ring: int
    one_weight: bool
    one_latency: bool
    rule: RowRule | None = None
    latency_bits: int = 32


@lru_cache(maxsize=256)
def circuit_kernel(members: tuple[Member, ...], wires: tuple[Wire, ...], dtype: str) -> Kernel:
    """The kernel; arguments in the order :class:`_Writer` reads them (``_circuit.run`` packs them)."""
    return compile_kernel("ranvier_circuit", _Writer(members, wires, dtype).text())


class _Writer:
    def __init__(self, members: tuple[Member, ...], wires: tuple[Wire, ...], dtype: str) -> None:
        self.open = function("ranvier_circuit")
        self.builder = self.open.builder
        self.lanes = Lanes(self.builder, dtype, wide=has_feature("avx512f"))
        self.members, self.wires = members, wires
        self.rows: dict[RowRule, PlasticRow] = {}
        self._p = self._n = 0

    def pointer(self, kind: ir.Type | None = None) -> ir.Value:
        self._p += 1
        return self.open.pointers(self._p - 1, kind or self.lanes.scalar)

    def integer(self) -> ir.Value:
        self._n += 1
        return self.open.integer(self._n - 1)

    def text(self) -> str:
        b = self.builder
        first, steps, length, every, deliver_from = (self.integer() for _ in range(5))
        groups = [self._arguments(m) for m in self.members]
        wires = [self._wire_arguments(w) for w in self.wires]
        still = [(w, v) for w, v in zip(self.wires, wires, strict=True) if w.rule is None]
        plastic = [(w, v) for w, v in zip(self.wires, wires, strict=True) if w.rule is not None]
        # history first: spikes fired before this call whose arrivals lie within it
        with counted(b, 0, deliver_from) as k:
            step = b.add(b.sub(first, deliver_from), k)
            for wire, values in still:
                past, bounds = groups[wire.pre]["past"], groups[wire.pre]["past_bounds"]
                start, stop = b.load(at(b, bounds, k)), b.load(at(b, bounds, b.add(k, I64(1))))
                self._deliver(wire, values, groups, past, start, stop, step, length, b.sub(first, step))
        with flushed(b), counted(b, 0, steps) as n:
            step = b.add(first, n)
            slot = b.srem(step, length)
            for wire, values in plastic:
                if wire.rule is not None and wire.rule.by_spike:
                    self._arrive(wire, values, groups, n, step, slot)
            for post in sorted({w.post for w, _ in plastic if w.rule is not None and w.rule.on_post is not None}):
                self._note(groups[post], n, deliver_from)
            for wire, values in plastic:
                if wire.rule is not None and wire.rule.eager:
                    self._sweep(wire, values, groups, n, step, b.mul(slot, groups[wire.post]["padded"]))
            for member, group in zip(self.members, groups, strict=True):
                self._advance(member, group, n, first, slot, every)
            for wire, values in still:
                pre = groups[wire.pre]
                start, stop = b.load(at(b, pre["bounds"], n)), b.load(at(b, pre["bounds"], b.add(n, I64(1))))
                self._deliver(wire, values, groups, pre["spikes"], start, stop, step, length, I64(1))
        for wire, values in plastic:
            if wire.rule is not None and not wire.rule.eager:
                self._sweep(wire, values, groups, steps, I64(0), I64(0))
        return self.open.text()

    def _arguments(self, member: Member) -> dict:
        step = member.step
        group: dict = {"cells": self.integer(), "padded": self.integer()}
        group["states"] = {n: self.pointer() for n in step.states}
        group["counters"] = {n: self.pointer() for n in step.counters}
        pointers = {n: self.pointer() for n in step.coefficients}
        group["varied"] = {n: p for n, p in pointers.items() if n in member.varied}
        group["shared"] = {n: self.lanes.broadcast(p, I64(0)) for n, p in pointers.items() if n not in member.varied}
        group["rings"] = {n: self.pointer() for n in member.rings}
        group["outside"] = {n: (self.pointer(), self.integer(), self.integer()) for n in member.outside}
        group["recorded"] = {n: self.pointer() for n in member.recorded}
        group["spikes"], group["bounds"] = self.pointer(I32), self.pointer(I64)
        group["past"], group["past_bounds"] = self.pointer(I32), self.pointer(I64)
        group["log"], group["counts"], group["capacity"] = self.pointer(I32), self.pointer(I32), self.integer()
        return group

    def _wire_arguments(self, wire: Wire) -> dict:
        if wire.rule is not None:
            if wire.rule not in self.rows:
                self.rows[wire.rule] = PlasticRow(
                    self.open.module, f"row_{len(self.rows)}", wire.rule, self.lanes.dtype
                )
            row = self.rows[wire.rule]
            tables = [self.pointer(kind) for kind in row.kinds]
            spikes, bounds = self.pointer(I32), self.pointer(I64)
            names = ("count", "latency", "known")
            return {
                "row": row,
                "tables": tables,
                "spikes": spikes,
                "bounds": bounds,
                **{k: self.integer() for k in names},
            }
        values = {"rows": self.pointer(I64), "target": self.pointer(I32), "weight": self.pointer()}
        values["latency"] = self.integer() if wire.one_latency else self.pointer(ir.IntType(wire.latency_bits))
        return values

    def _arrive(self, wire: Wire, values: dict, groups: list, n: ir.Value, step: ir.Value, slot: ir.Value) -> None:
        """Rows of the cells whose spikes arrive in this step: fired ``latency`` steps ago, here or before the call."""
        b = self.builder
        place = b.sub(b.add(n, values["known"]), values["latency"])  # position in the list of spikes known before
        old = b.icmp_signed("<", place, values["known"])
        spikes, bounds = values["spikes"], values["bounds"]
        if wire.pre >= 0:
            group = groups[wire.pre]
            spikes, bounds = b.select(old, spikes, group["spikes"]), b.select(old, bounds, group["bounds"])
            place = b.select(old, place, b.sub(place, values["known"]))
        start, stop = b.load(at(b, bounds, place)), b.load(at(b, bounds, b.add(place, I64(1))))
        base = b.mul(slot, groups[wire.post]["padded"])
        with counted(b, start, stop) as k:
            self._row(wire, values, groups, offset(b, b.load(at(b, spikes, k))), n, step, base, arrive=True)

    def _sweep(self, wire: Wire, values: dict, groups: list, now: ir.Value, step: ir.Value, base: ir.Value) -> None:
        """All rows, without an arrival: caught up (lazy rules) or moved by one step (eager ones)."""
        with counted(self.builder, 0, values["count"]) as row:
            self._row(wire, values, groups, row, now, step, base, arrive=False)

    def _row(
        self, wire: Wire, values: dict, groups: list, row: ir.Value, now: ir.Value, step: ir.Value, base: ir.Value, *,
        arrive: bool,
    ) -> None:  # fmt: skip
        b, post = self.builder, groups[wire.post]
        ring = post["rings"][self.members[wire.post].rings[wire.ring]]
        flag = ir.Constant(ir.IntType(1), int(arrive))
        ends = {"post": post, "pre": groups[wire.pre]}
        cells = [ends[end]["states"][n] for end, n in wire.rule.cells] if wire.rule is not None else []
        tables = [*values["tables"], *cells, post["log"], post["counts"]]
        b.call(values["row"].function, [*tables, row, b.trunc(now, I32), step, post["capacity"], flag, ring, base])

    def _note(self, group: dict, n: ir.Value, depth: ir.Value) -> None:
        """Write the spikes of the step before into the log of each cell, as events of this step."""
        b = self.builder
        begun = b.icmp_signed(">", n, I64(0))
        spikes = b.select(begun, group["spikes"], group["past"])
        bounds = b.select(begun, group["bounds"], group["past_bounds"])
        place = b.select(begun, b.sub(n, I64(1)), b.sub(depth, I64(1)))
        start, stop = b.load(at(b, bounds, place)), b.load(at(b, bounds, b.add(place, I64(1))))
        with counted(b, start, stop) as k:
            cell = offset(b, b.load(at(b, spikes, k)))
            count = at(b, group["counts"], cell)
            known = b.load(count)
            where = b.add(b.mul(cell, group["capacity"]), b.sext(known, I64))
            b.store(b.trunc(n, I32), at(b, group["log"], where))
            b.store(b.add(known, I32(1)), count)

    def _advance(
        self, member: Member, group: dict, n: ir.Value, start: ir.Value, slot: ir.Value, every: ir.Value
    ) -> None:
        b, lanes = self.builder, self.lanes
        wanted = (*group["states"], *group["counters"], "spike", *(_output(member, v) for v in member.recorded))
        program: Program = member.step.program.only(wanted)
        now = lanes.splat(b.sitofp(n, lanes.scalar))
        base = b.mul(slot, group["padded"])
        first = b.load(at(b, group["bounds"], n))
        fill = local(b, first)
        due = row = None
        if member.recorded:
            taken = b.add(b.add(start, n), I64(1))
            due = b.icmp_signed("==", b.srem(taken, every), I64(0))
            row = b.mul(b.sub(b.sub(b.sdiv(taken, every), b.sdiv(start, every)), I64(1)), group["padded"])
        with counted(b, 0, group["cells"], lanes.width) as i:

            def read(name: str) -> ir.Value:
                if name in group["states"]:
                    return lanes.load(group["states"][name], i)
                if name in group["counters"]:
                    end = lanes.load(group["counters"][name], i)
                    return lanes.maximum(lanes.sub(end, now), lanes.constant(0.0))
                if name in group["shared"]:
                    return group["shared"][name]
                if name in group["varied"]:
                    return lanes.load(group["varied"][name], i)
                value = None
                if name in group["rings"]:
                    place = b.add(base, i)
                    value = lanes.load(group["rings"][name], place)
                    lanes.store(group["rings"][name], place, lanes.constant(0.0))
                if name in group["outside"]:
                    pointer, per_step, per_cell = group["outside"][name]
                    given = lanes.load(pointer, b.add(b.mul(n, per_step), b.mul(i, per_cell)))
                    value = given if value is None else lanes.add(value, given)
                return lanes.constant(0.0) if value is None else value

            values = emit(lanes, program, read)
            for name, pointer in group["states"].items():
                lanes.store(pointer, i, values[name])
            if member.recorded:
                with when(b, due):
                    for name, pointer in group["recorded"].items():
                        lanes.store(pointer, b.add(row, i), values[_output(member, name)])
            following = lanes.add(now, lanes.constant(1.0))
            ends = {p: lanes.add(following, values[name]) for name, p in group["counters"].items()}
            self._list(values["spike"], i, group, fill, ends)
        b.store(b.load(fill), at(b, group["bounds"], b.add(n, I64(1))))

    def _list(self, spike: ir.Value, i: ir.Value, group: dict, fill: ir.Value, ends: dict[ir.Value, ir.Value]) -> None:
        """Append the cells of this vector that fired; only then do their counters change."""
        b, lanes = self.builder, self.lanes
        fired = lanes.nonzero(spike)
        with when(b, lanes.any(fired)):
            fired = lanes.both(fired, lanes.first(b.sub(group["cells"], i)))
            for pointer, end in ends.items():
                lanes.store(pointer, i, end)
            bits = local(b, b.zext(lanes.bits(fired), I64) if lanes.bits(fired).type != I64 else lanes.bits(fired))
            head = b.append_basic_block("next_spike")
            after = b.append_basic_block("no_more")
            b.cbranch(b.icmp_unsigned("!=", b.load(bits), I64(0)), head, after)
            b.position_at_end(head)
            left = b.load(bits)
            lane = b.cttz(left, ir.Constant(ir.IntType(1), 1))
            where = b.load(fill)
            b.store(b.trunc(b.add(i, lane), I32), at(b, group["spikes"], where))
            b.store(b.add(where, I64(1)), fill)
            left = b.and_(left, b.sub(left, I64(1)))
            b.store(left, bits)
            b.cbranch(b.icmp_unsigned("!=", left, I64(0)), head, after)
            b.position_at_end(after)

    def _deliver(self, wire: Wire, values: dict, groups: list, spikes: ir.Value, start: ir.Value, stop: ir.Value, step: ir.Value,
                 length: ir.Value, least: ir.Value) -> None:  # fmt: skip
        """Add the weights of the spikes [start, stop) to the ring; only latencies of at least ``least`` steps count."""
        b = self.builder
        post = groups[wire.post]
        ring = post["rings"][self.members[wire.post].rings[wire.ring]]
        padded = post["padded"]
        size = b.mul(length, padded)
        one_weight = b.load(values["weight"]) if wire.one_weight else None
        here = b.mul(b.srem(step, length), padded)
        if wire.one_latency:
            here = b.mul(b.srem(b.add(step, values["latency"]), length), padded)
            stop = b.select(b.icmp_signed(">=", values["latency"], least), stop, start)
        with counted(b, start, stop) as k:
            ahead = b.add(k, I64(_AHEAD))
            ahead = b.select(b.icmp_signed("<", ahead, stop), ahead, k)
            soon = b.load(at(b, values["rows"], offset(b, b.load(at(b, spikes, ahead)))))
            prefetch(b, at(b, values["target"], soon))
            prefetch(b, at(b, values["target"], b.add(soon, I64(16))))
            if not wire.one_weight:
                prefetch(b, at(b, values["weight"], soon))
                prefetch(b, at(b, values["weight"], b.add(soon, I64(16))))
            cell = offset(b, b.load(at(b, spikes, k)))
            low, high = b.load(at(b, values["rows"], cell)), b.load(at(b, values["rows"], b.add(cell, I64(1))))
            with counted(b, low, high) as s:
                target = offset(b, b.load(at(b, values["target"], s)))
                weight = one_weight if wire.one_weight else b.load(at(b, values["weight"], s))
                if wire.one_latency:
                    self._add(ring, b.add(here, target), weight)
                else:
                    latency = (b.zext if wire.latency_bits == 8 else b.sext)(b.load(at(b, values["latency"], s)), I64)
                    place = b.add(here, b.mul(latency, padded))
                    place = b.select(b.icmp_signed(">=", place, size), b.sub(place, size), place)
                    with when(b, b.icmp_signed(">=", latency, least)):
                        self._add(ring, b.add(place, target), weight)

    def _add(self, ring: ir.Value, place: ir.Value, weight: ir.Value) -> None:
        b = self.builder
        where = at(b, ring, place)
        b.store(b.fadd(b.load(where), weight, flags=("contract", "nsz")), where)


def _output(member: Member, name: str) -> str:
    """What is recorded under ``name``: an event, or a variable after the step."""
    return name if name in member.step.events else f"{name}:out"
