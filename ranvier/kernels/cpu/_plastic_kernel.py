"""Plastic synapses inside a circuit's loop, row by row and only when looked at.

Nobody sees a synapse between two arrivals of its presynaptic cell. So what postsynaptic spikes do to it is noted in a
log per postsynaptic cell and made up for, event by event in order and with the decay between them, when the row is
next read: the same arithmetic as doing it at once, in memory that is already at hand.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from ranvier.dynamics import ByStructure, Program
from ranvier.kernels.cpu._emit import emit
from ranvier.kernels.cpu._jit import has_feature
from ranvier.kernels.cpu._lanes import Lanes
from ranvier.kernels.cpu._loops import I32, I64, at, counted, local, splat

__all__ = ["PlasticRow", "RowRule"]

I1 = ir.IntType(1)


@dataclass(frozen=True, eq=False)
class RowRule(ByStructure):
    """A rule as the loop runs it: the weight and variables that decay exponentially, and the code at both ends."""

    variables: tuple[str, ...]
    parameters: tuple[str, ...]
    on_pre: Program | None
    on_post: Program | None

    @property
    def key(self) -> tuple:
        """What the generated code depends on."""
        return (self.variables, self.parameters, *(c.key if c else None for c in (self.on_pre, self.on_post)))


class PlasticRow:
    """Writes the function ``row(tables, row, now, capacity, arrive, ring, base)`` for one rule into a module.

    ``tables`` are, in order: rows (i64), target, last, cursor (i32), weight and variables, one table of decay factors
    per variable, parameters, log and counts (i32).
    """

    def __init__(self, module: ir.Module, name: str, rule: RowRule, dtype: str) -> None:
        self.rule, self.dtype = rule, dtype
        scalar = ir.FloatType() if dtype == "float32" else ir.DoubleType()
        count = len(rule.variables)
        kinds = [I64, I32, I32, I32, *[scalar] * (1 + 2 * count), *[scalar] * len(rule.parameters), I32, I32]
        self.kinds = kinds
        arguments = [*(k.as_pointer() for k in kinds), I64, I32, I64, I1, scalar.as_pointer(), I64]
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
        self.function.linkage = "internal"
        self._write()

    def _write(self) -> None:
        self.builder = b = ir.IRBuilder(self.function.append_basic_block("entry"))
        lanes = self.lanes = Lanes(b, self.dtype, wide=has_feature("avx512f"))
        rule, args, n = self.rule, list(self.function.args), len(self.rule.variables)
        self.rows, self.target, self.last, self.cursor = args[:4]
        self.values = dict(zip(("w", *rule.variables), args[4 : 5 + n], strict=True))
        self.decays = dict(zip(rule.variables, args[5 + n : 5 + 2 * n], strict=True))
        rest = args[5 + 2 * n :]
        self.parameters = {p: lanes.broadcast(a, I64(0)) for p, a in zip(rule.parameters, rest, strict=False)}
        self.log, self.counts, row, now, capacity, arrive, ring, base = rest[len(rule.parameters) :]
        self.capacity = b.trunc(capacity, I32)
        self.ints = ir.VectorType(I32, lanes.width)
        buffer = b.alloca(lanes.scalar, lanes.width)
        low, high = b.load(at(b, self.rows, row)), b.load(at(b, self.rows, b.add(row, I64(1))))
        with counted(b, low, high, lanes.width) as s:
            valid = lanes.first(b.sub(high, s))
            target = self._load_ints(self.target, s)
            state = {name: local(b, lanes.load(p, s)) for name, p in self.values.items()}
            last, cursor = (local(b, self._load_ints(p, s)) for p in (self.last, self.cursor))
            self._catch_up(valid, target, state, last, cursor)
            self._decay(state, last, splat(b, now, lanes.width), valid)
            with b.if_then(arrive):
                lanes.store(buffer, I64(0), b.load(state["w"]))
                self._deliver(buffer, ring, base, s, high)
                if rule.on_pre is not None:
                    self._run(rule.on_pre, state, valid)
            for name, p in self.values.items():
                lanes.store(p, s, b.load(state[name]), mask=valid)
            self._store_ints(self.last, s, b.load(last), valid)
            self._store_ints(self.cursor, s, b.load(cursor), valid)
        b.ret_void()

    def _catch_up(self, valid: ir.Value, target: ir.Value, state: dict, last: ir.Value, cursor: ir.Value) -> None:
        """Run on_post for every logged spike of each target that this row has not seen."""
        b, lanes = self.builder, self.lanes
        if self.rule.on_post is None:
            return
        total = self._gather(self.counts, target, valid)
        place = b.mul(target, splat(b, self.capacity, lanes.width))
        head, body, after = (b.append_basic_block(n) for n in ("look", "replay", "done"))
        b.branch(head)
        b.position_at_end(head)
        seen = b.load(cursor)
        missed = b.and_(valid, b.icmp_signed("<", seen, total))
        b.cbranch(lanes.any(missed), body, after)
        b.position_at_end(body)
        when = self._gather(self.log, b.add(place, seen), missed)
        self._decay(state, last, when, missed)
        self._run(self.rule.on_post, state, missed)
        b.store(b.add(seen, b.zext(missed, self.ints)), cursor)
        b.branch(head)
        b.position_at_end(after)

    def _decay(self, state: dict, last: ir.Value, when: ir.Value, chosen: ir.Value) -> None:
        """Advance the variables of the chosen synapses to step ``when``."""
        b, lanes = self.builder, self.lanes
        before = b.load(last)
        elapsed = b.sub(b.select(chosen, when, before), before)
        for name, table in self.decays.items():
            factor = self._gather(table, elapsed, chosen)
            value = b.load(state[name])
            b.store(lanes.select(chosen, lanes.mul(value, factor), value), state[name])
        b.store(b.select(chosen, when, before), last)

    def _run(self, code: Program, state: dict, chosen: ir.Value) -> None:
        b, lanes = self.builder, self.lanes
        known = {name: b.load(slot) for name, slot in state.items()} | self.parameters
        for name, value in emit(lanes, code, known.__getitem__).items():
            b.store(lanes.select(chosen, value, b.load(state[name])), state[name])

    def _deliver(self, buffer: ir.Value, ring: ir.Value, base: ir.Value, s: ir.Value, high: ir.Value) -> None:
        """Add the weights one by one: two synapses of a row may have one target."""
        b, lanes = self.builder, self.lanes
        left = b.sub(high, s)
        stop = b.select(b.icmp_signed("<", left, I64(lanes.width)), left, I64(lanes.width))
        with counted(b, 0, stop) as k:
            to = b.zext(b.load(at(b, self.target, b.add(s, k))), I64)
            place = at(b, ring, b.add(base, to))
            b.store(b.fadd(b.load(place), b.load(at(b, buffer, k))), place)

    # ---- whole numbers, which Lanes does not handle --------------------------------------------------------------

    def _load_ints(self, pointer: ir.Value, index: ir.Value) -> ir.Value:
        place = self.builder.bitcast(at(self.builder, pointer, index), self.ints.as_pointer())
        return self.builder.load(place, align=4)

    def _store_ints(self, pointer: ir.Value, index: ir.Value, value: ir.Value, mask: ir.Value) -> None:
        b = self.builder
        place = b.bitcast(at(b, pointer, index), self.ints.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [self.ints, place.type, I32, self.lanes.mask])
        name = f"llvm.masked.store.v{self.lanes.width}i32.p0"
        call = b.module.globals.get(name) or ir.Function(b.module, kind, name)
        b.call(call, [value, place, I32(4), mask])

    def _gather(self, base: ir.Value, index: ir.Value, mask: ir.Value) -> ir.Value:
        """Elements named by a vector of i32, for the lanes of the mask; 0 elsewhere."""
        b, width = self.builder, self.lanes.width
        element = base.type.pointee
        kind = ir.VectorType(element, width)
        addresses = b.gep(splat(b, base, width), [index], source_etype=element)
        label = "i32" if element == I32 else ("f32" if isinstance(element, ir.FloatType) else "f64")
        name = f"llvm.masked.gather.v{width}{label}.v{width}p0"
        signature = ir.FunctionType(kind, [addresses.type, I32, mask.type, kind])
        call = b.module.globals.get(name) or ir.Function(b.module, signature, name)
        nothing = ir.Constant(kind, [0 if element == I32 else 0.0] * width)
        return b.call(call, [addresses, I32(8 if label == "f64" else 4), mask, nothing])
