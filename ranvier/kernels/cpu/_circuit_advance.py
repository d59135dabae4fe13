"""Advancing the cells of a population by one step inside a circuit's loop, and listing those that fired."""

from __future__ import annotations

from typing import Protocol

import sympy as sp
from llvmlite import ir

from ranvier.dynamics import Program, Step
from ranvier.dynamics._functions import gt
from ranvier.dynamics._program import Statement
from ranvier.kernels.cpu._emit import emit
from ranvier.kernels.cpu._lanes import Lanes
from ranvier.kernels.cpu._loops import I32, I64, at, counted, local, when

__all__ = ["advance"]

_FOLLOWING, _END = "following step", "end of "


class Form(Protocol):
    """What the code depends on."""

    @property
    def step(self) -> Step:
        """Of the population."""
        ...

    @property
    def direct(self) -> tuple[str, ...]:
        """Streams that are added to their states before."""
        ...

    @property
    def drives(self) -> tuple[str, ...]:
        """Streams of Poisson drives."""
        ...

    @property
    def varied(self) -> tuple[str, ...]:
        """Coefficients with a value per cell."""
        ...

    @property
    def recorded(self) -> tuple[str, ...]:
        """Variables to be written."""
        ...


def advance(lanes: Lanes, member: Form, group: dict, n: ir.Value, start: ir.Value, every: ir.Value) -> None:
    """Cells ``low`` … ``high`` - 1 through step ``start`` + n: read and clear their arrivals, record, list spikes."""
    b = lanes.builder
    wanted = (*group["states"], *group["counters"], "spike", *(_output(member, v) for v in member.recorded))
    program = _rewritten(member.step.program.only(wanted), tuple(group["counters"]), member.direct)
    now = lanes.splat(b.sitofp(n, lanes.scalar))
    following = lanes.add(now, lanes.constant(1.0))
    arrived = {
        name: at(b, ring, b.mul(b.srem(b.add(start, n), length), group["padded"]))
        for name, (ring, length) in group["rings"].items()
        if name not in member.direct
    }
    driven = {stream: values["row"] for stream, values in zip(member.drives, group["drives"], strict=True)}
    fill = local(b, b.load(at(b, group["bounds"], n)))
    due = row = None
    if member.recorded:
        taken = b.add(b.add(start, n), I64(1))
        due = b.icmp_signed("==", b.srem(taken, every), I64(0))
        row = b.mul(b.sub(b.sub(b.sdiv(taken, every), b.sdiv(start, every)), I64(1)), group["padded"])
    varied = {n: p for n, p in group["coefficients"].items() if n in member.varied}
    shared = {n: lanes.broadcast(p, I64(0)) for n, p in group["coefficients"].items() if n not in member.varied}
    with counted(b, group["low"], group["high"], lanes.width) as i:

        def read(name: str) -> ir.Value:
            if name == _FOLLOWING:
                return following
            if name.startswith(_END):
                return lanes.load(group["counters"][name.removeprefix(_END)], i)
            if name in group["states"]:
                return lanes.load(group["states"][name], i)
            if name in group["counters"]:
                end = lanes.load(group["counters"][name], i)
                return lanes.maximum(lanes.sub(end, now), lanes.constant(0.0))
            if name in shared:
                return shared[name]
            if name in varied:
                return lanes.load(varied[name], i)
            value = None
            if name in arrived:
                value = lanes.load(arrived[name], i)
                lanes.store(arrived[name], i, lanes.constant(0.0))
            if name in group["outside"]:
                pointer, per_step, per_cell = group["outside"][name]
                given = lanes.load(pointer, b.add(b.mul(n, per_step), b.mul(i, per_cell)))
                value = given if value is None else lanes.add(value, given)
            if name in driven:
                drawn = lanes.load(driven[name], i)
                value = drawn if value is None else lanes.add(value, drawn)
            return lanes.constant(0.0) if value is None else value

        values = emit(lanes, program, read)
        for name, pointer in group["states"].items():
            lanes.store(pointer, i, values[name])
        if member.recorded:
            with when(b, due):
                for name, pointer in group["recorded"].items():
                    lanes.store(pointer, b.add(row, i), values[_output(member, name)])
        ends = {p: lanes.add(following, values[name]) for name, p in group["counters"].items()}
        _list(lanes, values["spike"], i, group, fill, ends)
    b.store(b.load(fill), at(b, group["bounds"], b.add(n, I64(1))))


def _rewritten(program: Program, counters: tuple[str, ...], added: tuple[str, ...]) -> Program:
    """The test ``1 > steps left`` as ``following step > end``, one comparison and for whole numbers the same; streams
    that were added to their states before are 0."""
    swaps: dict[sp.Basic, sp.Basic] = {sp.Symbol(s): sp.Integer(0) for s in added}
    swaps |= {gt(1, sp.Symbol(c)): gt(sp.Symbol(_FOLLOWING), sp.Symbol(f"{_END}{c}")) for c in counters}
    statements = tuple(Statement(s.target, s.expression.xreplace(swaps), s.event) for s in program.statements)
    return Program(statements, {n: e.xreplace(swaps) for n, e in program.outputs.items()})


def _list(
    lanes: Lanes, spike: ir.Value, i: ir.Value, group: dict, fill: ir.Value, ends: dict[ir.Value, ir.Value]
) -> None:
    """Append the cells of this vector that fired; only then do their counters change."""
    b = lanes.builder
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


def _output(member: Form, name: str) -> str:
    """What is recorded under ``name``: an event, or a variable after the step."""
    return name if name in member.step.events else f"{name}:out"
