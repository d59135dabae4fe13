"""Plastic projections in a circuit, and the order of their updates in a step.

In each step: rows whose presynaptic spike arrives, then what postsynaptic spikes of the step before do, then whatever
rules do in every step, and last the variables move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from llvmlite import ir

from ranvier.dynamics.symbols import end_name
from ranvier.kernels.cpu.host.sections import Section
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, offset, when
from ranvier.kernels.cpu.llvm.inner import Inner
from ranvier.kernels.cpu.plastic._cells import PlasticCells
from ranvier.kernels.cpu.plastic._kernel import PlasticRow
from ranvier.kernels.cpu.plastic.tables import LONGEST, PlasticTables
from ranvier.kernels.tasks import RowRule

__all__ = ["PlasticPart"]


class Form(Protocol):
    """A projection: indices of its populations and ring. ``pre`` is -1 for spikes from outside the circuit."""

    @property
    def pre(self) -> int:
        """The presynaptic population."""
        ...

    @property
    def post(self) -> int:
        """The postsynaptic population."""
        ...

    @property
    def ring(self) -> int:
        """Which stream of the receiver."""
        ...

    @property
    def rule(self) -> RowRule | None:
        """The rule of its synapses."""
        ...

    @property
    def ascending(self) -> bool:
        """Whether targets ascend in each row, none twice."""
        ...


@dataclass(frozen=True)
class _Functions:
    """The code of a rule as functions of the module."""

    arrive: Inner
    sweep: Inner
    cells: PlasticCells


@dataclass(frozen=True)
class _Projection:
    form: Form
    rule: RowRule
    tables: PlasticTables
    functions: _Functions


class PlasticPart:
    """Writes the plastic part of a circuit where the builder stands; ``groups`` are the arguments of all populations."""

    def __init__(
        self, module: ir.Module, builder: ir.IRBuilder, dtype: str, groups: list[dict], rings: Sequence[Sequence[str]]
    ) -> None:
        self.module, self.builder, self.dtype = module, builder, dtype
        self.groups, self.rings = groups, rings
        self.projections: list[_Projection] = []
        self.functions: dict[tuple[RowRule, bool], _Functions] = {}

    def take(self, form: Form, rule: RowRule, section: Section) -> None:
        """Read the arguments of the next projection."""
        key = (rule, form.ascending)
        if key not in self.functions:
            name, how = f"row_{len(self.functions)}", {"ascending": form.ascending}
            self.functions[key] = _Functions(
                PlasticRow(self.module, f"{name}_arrive", rule, self.dtype, arrive=True, **how).function,
                PlasticRow(self.module, f"{name}_sweep", rule, self.dtype, arrive=False, **how).function,
                PlasticCells(self.module, name, rule, self.dtype),
            )
        self.projections.append(_Projection(form, rule, PlasticTables(section), self.functions[key]))

    def step(self, n: ir.Value, step: ir.Value, depth: ir.Value) -> None:
        """Spikes at both ends of plastic synapses, and the other updates of a step."""
        for p in self.projections:
            self._begin(p, n, step)
        walked = sorted({p.form.post for p in self.projections if p.rule.walks})
        for post in walked:
            with when(self.builder, self._due(n, I64(LONGEST))):
                self._clear(self.groups[post]["counts"], self.groups[post]["cells"])
        for p in self.projections:
            if p.rule.by_spike:
                self._arrive(p, n, step)
        for post in walked:
            self._log(post, n, depth)
        for p in self.projections:
            self._spikes(p, p.functions.cells.note, n, depth)
        for p in self.projections:
            if p.rule.eager:
                self._sweep(p, n, step)
                self._spikes(p, p.functions.cells.forget, n, depth)
        for p in self.projections:
            p.functions.cells.move.call(self.builder, {**p.tables.tables, **self._cells(p), "now": n})

    def finish(self, steps: ir.Value) -> None:
        """Bring all synapses up to date."""
        for p in self.projections:
            if p.rule.additive is not None:
                self._begin_block(p, steps)
            if not p.rule.eager:
                self._sweep(p, steps, I64(0))

    def _due(self, n: ir.Value, every: ir.Value) -> ir.Value:
        b = self.builder
        return b.and_(b.icmp_signed(">", n, I64(0)), b.icmp_signed("==", b.srem(n, every), I64(0)))

    def _begin(self, p: _Projection, n: ir.Value, step: ir.Value) -> None:
        """Begin a block of sums where one is due, and catch up all rows before the sums they need are dropped."""
        b, number = self.builder, p.tables.number
        if p.rule.additive is not None:
            self._begin_block(p, n)
        if p.rule.additive is not None or p.rule.walks:
            with when(b, self._due(n, number["sweep"])):
                self._sweep(p, n, step)
                if p.rule.walks:
                    synapses = b.load(at(b, p.tables.array["row_pointer"], number["rows"]))
                    self._clear(p.tables.array["cursor"], synapses)

    def _begin_block(self, p: _Projection, n: ir.Value) -> None:
        b, number = self.builder, p.tables.number
        with when(b, self._due(n, number["block"])):
            slot = b.srem(b.sdiv(n, number["block"]), number["slots"])
            self._clear(at(b, p.tables.array["sums"], b.mul(slot, number["padded"])), number["padded"])

    def _clear(self, pointer: ir.Value, count: ir.Value) -> None:
        with counted(self.builder, 0, count) as k:
            self.builder.store(ir.Constant(pointer.type.pointee, 0), at(self.builder, pointer, k))

    def _arrive(self, p: _Projection, n: ir.Value, step: ir.Value) -> None:
        """Rows of the cells whose spikes arrive in this step: fired a latency ago, here or before the call."""
        b, array, number = self.builder, p.tables.array, p.tables.number
        with counted(b, 0, number["latencies"]) as k:
            place = b.sub(b.add(n, number["known"]), b.load(at(b, array["latency"], k)))
            old = b.icmp_signed("<", place, number["known"])
            spikes, bounds = array["spikes"], array["bounds"]
            if p.form.pre >= 0:
                group = self.groups[p.form.pre]
                spikes, bounds = b.select(old, spikes, group["spikes"]), b.select(old, bounds, group["bounds"])
                place = b.select(old, place, b.sub(place, number["known"]))
            start, stop = b.load(at(b, bounds, place)), b.load(at(b, bounds, b.add(place, I64(1))))
            first = b.mul(k, number["cells"])
            with counted(b, start, stop) as i:
                cell = offset(b, b.load(at(b, spikes, i)))
                self._row(p, p.functions.arrive, b.add(first, cell), cell, n, step)

    def _sweep(self, p: _Projection, now: ir.Value, step: ir.Value) -> None:
        """All rows, without an arrival: caught up (lazy rules) or moved by one step (eager ones)."""
        b, number = self.builder, p.tables.number
        with counted(b, 0, number["latencies"]) as k:
            first = b.mul(k, number["cells"])
            with counted(b, 0, number["cells"]) as cell:
                self._row(p, p.functions.sweep, b.add(first, cell), cell, now, step)

    def _row(
        self, p: _Projection, function: Inner, row: ir.Value, cell: ir.Value, now: ir.Value, step: ir.Value
    ) -> None:
        b, post = self.builder, self.groups[p.form.post]
        ring, length = post["rings"][self.rings[p.form.post][p.form.ring]]
        ring = at(b, ring, b.mul(b.srem(step, length), post["padded"]))
        given = {"row": row, "cell": cell, "now": now, "step": step, "ring": ring}
        given |= {n: post[n] for n in ("log", "counts", "capacity")}
        function.call(b, {**p.tables.tables, **self._cells(p), **given})

    def _cells(self, p: _Projection) -> dict[str, ir.Value]:
        """The variables of cells that the rule reads, by their names in its code."""
        ends = {"post": self.groups[p.form.post], "pre": self.groups[p.form.pre]}
        return {end_name(n, end): ends[end]["states"][n] for end, n in p.rule.cells}

    def _fired(self, post: int, n: ir.Value, depth: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
        """The spikes of the step before: list, start and stop."""
        b, group = self.builder, self.groups[post]
        begun = b.icmp_signed(">", n, I64(0))
        spikes = b.select(begun, group["spikes"], group["past"])
        bounds = b.select(begun, group["bounds"], group["past_bounds"])
        place = b.select(begun, b.sub(n, I64(1)), b.sub(depth, I64(1)))
        return spikes, b.load(at(b, bounds, place)), b.load(at(b, bounds, b.add(place, I64(1))))

    def _spikes(self, p: _Projection, function: Inner, n: ir.Value, depth: ir.Value) -> None:
        """Let a function of the rule see the postsynaptic spikes of the step before."""
        if p.rule.by_post:
            fired = dict(zip(("spikes", "start", "stop"), self._fired(p.form.post, n, depth), strict=True))
            function.call(self.builder, {**p.tables.tables, **self._cells(p), **fired, "now": n})

    def _log(self, post: int, n: ir.Value, depth: ir.Value) -> None:
        """Write the spikes of the step before into the log of each cell, as events of this step."""
        b, group = self.builder, self.groups[post]
        spikes, start, stop = self._fired(post, n, depth)
        with counted(b, start, stop) as k:
            cell = offset(b, b.load(at(b, spikes, k)))
            count = at(b, group["counts"], cell)
            known = b.load(count)
            where = b.add(b.mul(cell, group["capacity"]), b.sext(known, I64))
            b.store(b.trunc(n, I32), at(b, group["log"], where))
            b.store(b.add(known, I32(1)), count)
