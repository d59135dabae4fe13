"""Plastic synapses inside a circuit's loop, row by row.

Nobody sees a synapse of a lazy rule between two arrivals of its presynaptic cell. So what postsynaptic spikes do to it
is noted in a log per postsynaptic cell and made up for, event by event in order and with the decay between them, when
the row is next read: the same arithmetic as doing it at once, in memory that is already at hand. The rows of an eager
rule are all read in every step, and move on by one.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from ranvier.dynamics import Program
from ranvier.kernels.cpu._emit import emit
from ranvier.kernels.cpu._int_lanes import IntLanes
from ranvier.kernels.cpu._jit import has_feature
from ranvier.kernels.cpu._lanes import Lanes
from ranvier.kernels.cpu._loops import I32, I64, at, counted, local, splat
from ranvier.kernels.cpu._philox import Stream, uniform_at
from ranvier.kernels.cpu._row_rule import RowRule

__all__ = ["PlasticRow"]

I1 = ir.IntType(1)


class PlasticRow:
    """Writes the function ``row(tables, cells, log, counts, row, now, step, capacity, arrive, ring, base)`` into a module.

    ``tables`` are of ``kinds``, in order: rows (i64), target, last, cursor (i32), weight and variables, tables of factors
    and of shifts by elapsed steps (lazy rules), parameters, and for random rules synapse numbers (i32) and key (i64).
    ``cells`` are the variables that the rule reads. With ``arrive`` the row's presynaptic spike arrives; without, a lazy
    row is caught up and an eager one moves by one step. ``now`` counts steps of the call, ``step`` from the beginning.
    """

    def __init__(self, module: ir.Module, name: str, rule: RowRule, dtype: str) -> None:
        self.rule, self.dtype = rule, dtype
        scalar = ir.FloatType() if dtype == "float32" else ir.DoubleType()
        count = len(rule.variables)
        floats = 1 + count + (0 if rule.eager else count + len(rule.shifted)) + len(rule.parameters)
        self.kinds = [I64, I32, I32, I32, *[scalar] * floats, *([I32, I64] if rule.random else [])]
        kinds = [*self.kinds, *[scalar] * len(rule.cells), I32, I32]
        arguments = [*(k.as_pointer() for k in kinds), I64, I32, I64, I64, I1, scalar.as_pointer(), I64]
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
        self.function.linkage = "internal"
        self._write()

    def _take_arguments(self) -> None:
        rule, args = self.rule, iter(self.function.args)

        def named(names: tuple) -> dict:
            return {n: next(args) for n in names}

        self.rows, self.target, self.last, self.cursor = (next(args) for _ in range(4))
        self.values = named(("w", *rule.variables))
        self.factors = {} if rule.eager else named(rule.variables)
        self.shifts = {} if rule.eager else named(rule.shifted)
        self.parameters = named(rule.parameters)
        self.numbers, self.key = (next(args), next(args)) if rule.random else (None, None)
        self.cells = named(rule.cells)
        self.log, self.counts, self.row, self.now, self.step, capacity, self.arrive, self.ring, self.base = args
        self.capacity = self.builder.trunc(capacity, I32)

    def _write(self) -> None:
        self.builder = b = ir.IRBuilder(self.function.append_basic_block("entry"))
        lanes = self.lanes = Lanes(b, self.dtype, wide=has_feature("avx512f"))
        self.ints = IntLanes(lanes)
        self._take_arguments()
        rule, now = self.rule, splat(b, self.now, lanes.width)
        self.buffer = b.alloca(lanes.scalar, lanes.width)
        low, self.high = b.load(at(b, self.rows, self.row)), b.load(at(b, self.rows, b.add(self.row, I64(1))))
        with counted(b, low, self.high, lanes.width) as s:
            self.s, self.valid = s, lanes.first(b.sub(self.high, s))
            self.to = self.ints.load(self.target, s)
            self.state = {name: local(b, lanes.load(p, s)) for name, p in self.values.items()}
            self.seen, self.then = (local(b, self.ints.load(p, s)) for p in (self.cursor, self.last))
            if rule.eager:
                with b.if_else(self.arrive) as (spike, step):
                    with spike:
                        self._on_pre()
                    with step:
                        self._catch_up()
                        self._every_step()
            else:
                self._catch_up()
                self._decay(now, self.valid)
                with b.if_then(self.arrive):
                    self._on_pre()
            for name, p in self.values.items():
                lanes.store(p, s, b.load(self.state[name]), mask=self.valid)
            self.ints.store(self.last, s, b.load(self.then), self.valid)
            self.ints.store(self.cursor, s, b.load(self.seen), self.valid)
        b.ret_void()

    def _on_pre(self) -> None:
        """A presynaptic spike arrives: run the code, then deliver what it says or the weight as it was."""
        rule, before = self.rule, self.builder.load(self.state["w"])
        out = self._run(rule.on_pre, self.valid) if rule.on_pre is not None else {}
        if "sent" in out or not rule.sends_always:
            self._deliver(out.get("sent", before))

    def _every_step(self) -> None:
        if self.rule.every_step is not None:
            out = self._run(self.rule.every_step, self.valid)
            if "sent" in out:
                self._deliver(out["sent"])
        if self.rule.advance is not None:
            self._run(self.rule.advance, self.valid)

    def _catch_up(self) -> None:
        """Run on_post for every logged spike of each target that this row has not seen."""
        b, lanes = self.builder, self.lanes
        if self.rule.on_post is None:
            return
        total = self.ints.gather(self.counts, self.to, self.valid)
        place = b.mul(self.to, splat(b, self.capacity, lanes.width))
        head, body, after = (b.append_basic_block(n) for n in ("look", "replay", "done"))
        b.branch(head)
        b.position_at_end(head)
        seen = b.load(self.seen)
        missed = b.and_(self.valid, b.icmp_signed("<", seen, total))
        b.cbranch(lanes.any(missed), body, after)
        b.position_at_end(body)
        if not self.rule.eager:
            self._decay(self.ints.gather(self.log, b.add(place, seen), missed), missed)
        self._run(self.rule.on_post, missed)
        b.store(b.add(seen, b.zext(missed, self.ints.vector)), self.seen)
        b.branch(head)
        b.position_at_end(after)

    def _decay(self, when: ir.Value, chosen: ir.Value) -> None:
        """Move the variables of the chosen synapses to step ``when``."""
        b, lanes = self.builder, self.lanes
        before = b.load(self.then)
        elapsed = b.sub(b.select(chosen, when, before), before)
        for name in self.rule.variables:
            value = b.load(self.state[name])
            moved = lanes.mul(value, self.ints.gather(self.factors[name], elapsed, chosen))
            if name in self.shifts:
                moved = lanes.add(moved, self.ints.gather(self.shifts[name], elapsed, chosen))
            b.store(lanes.select(chosen, moved, value), self.state[name])
        b.store(b.select(chosen, when, before), self.then)

    def _run(self, code: Program, chosen: ir.Value) -> dict[str, ir.Value]:
        """Run code for the chosen synapses; returns all outputs, for every lane."""
        b, lanes = self.builder, self.lanes
        out = dict(emit(lanes, code, self._reader()))
        for name in self.state.keys() & out.keys():
            b.store(lanes.select(chosen, out[name], b.load(self.state[name])), self.state[name])
        return out

    def _reader(self) -> Callable[[str], ir.Value]:
        b, lanes, rule = self.builder, self.lanes, self.rule
        ends = {f"{n}_{end}": (end, pointer) for (end, n), pointer in self.cells.items()}

        def read(name: str) -> ir.Value:
            if name in self.state:
                return b.load(self.state[name])
            if name in self.parameters:
                pointer = self.parameters[name]
                return lanes.load(pointer, self.s) if name in rule.varied else lanes.broadcast(pointer, I64(0))
            if name in ends:
                end, pointer = ends[name]
                if end == "pre":
                    return lanes.broadcast(pointer, self.row)
                return self.ints.gather(pointer, self.to, self.valid)
            if name == "t":
                dt = b.load(self.parameters["dt"])
                return lanes.splat(b.fmul(b.sitofp(self.step, lanes.scalar), dt))
            return self._draw()

        return read

    def _draw(self) -> ir.Value:
        """A number between 0 and 1 for each synapse of this vector in this step."""
        b, double = self.builder, self.lanes.double()
        words = [b.load(at(b, self.key, k)) for k in range(3)]
        element = b.zext(self.ints.load(self.numbers, self.s), ir.VectorType(I64, self.lanes.width))
        step = b.and_(self.step, I64(0xFFFFFFFF))
        number = uniform_at(double, element, Stream((words[0], words[1]), step, words[2]))
        return number if self.dtype == "float64" else b.fptrunc(number, self.lanes.vector)

    def _deliver(self, sent: ir.Value) -> None:
        """Add what is sent one by one: two synapses of a row may have one target."""
        b, lanes = self.builder, self.lanes
        lanes.store(self.buffer, I64(0), sent)
        left = b.sub(self.high, self.s)
        stop = b.select(b.icmp_signed("<", left, I64(lanes.width)), left, I64(lanes.width))
        with counted(b, 0, stop) as k:
            to = b.zext(b.load(at(b, self.target, b.add(self.s, k))), I64)
            place = at(b, self.ring, b.add(self.base, to))
            b.store(b.fadd(b.load(place), b.load(at(b, self.buffer, k))), place)
