"""Advancing the cells of a population by one step inside a circuit, and listing those that fired."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp
from llvmlite import ir

from ranvier.dynamics import Program
from ranvier.dynamics.functions import gt
from ranvier.kernels.cpu.circuit._spread_factors import spread_factors
from ranvier.kernels.cpu.circuit.fired import Bits, fixed_counters, list_fired
from ranvier.kernels.cpu.circuit.form import Member
from ranvier.kernels.cpu.graded.emissions import SHOWN_SLOTS
from ranvier.kernels.cpu.llvm.functions import I64, at, counted, when
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.mixed import Mixed
from ranvier.kernels.writer import emit

__all__ = ["advance"]

#: names that no program has
_FOLLOWING = "following step"


def advance(
    lanes: Lanes, member: Member, group: dict, cells: tuple[ir.Value, ir.Value], n: ir.Value, start: ir.Value, every: ir.Value,
    depth: ir.Value,
) -> None:  # fmt: skip
    """The cells [low, high) through step ``start`` + n: read and clear their arrivals, record, list spikes.

    ``depth`` steps before the call are known.
    """
    b, mixed = lanes.builder, Mixed(lanes, exact=bool(member.step.exact))
    words = mixed.words
    fixed = fixed_counters(member)
    wanted = (
        *group["states"],
        *(set(group["counters"]) - set(fixed)),
        *(("spike",) if member.fires else ()),
        *(member.step.output_of(v) for v in member.recorded),
        *((member.emission,) if member.emission else ()),
    )
    ends = {n: f"end of {n}" for n in group["counters"]}
    frees = {n: f"free of {n}" for n in fixed}
    program = _rewritten(member.step.program.only(wanted), ends, frees, member.direct)
    now = words.splat(b.sitofp(n, words.scalar))
    following = words.add(now, words.constant(1.0))
    arrived = {
        name: at(b, ring, b.mul(b.srem(b.add(start, n), length), group["padded"]))
        for name, (ring, length) in group["rings"].items()
        if name not in member.direct
    }
    driven: dict[str, list[ir.Value]] = {}
    for (stream, _), values in zip(member.drives, group["drives"], strict=True):
        driven.setdefault(stream, []).append(values["drawn"])
    noisy = {stream: values["drawn"] for stream, values in group["noises"].items()}
    fired, free = Bits(lanes, group["fired"]), {name: Bits(lanes, group["free"][name]) for name in fixed}
    due = row = None
    if member.recorded:
        taken = b.add(b.add(start, n), I64(1))
        due = b.icmp_signed("==", b.srem(taken, every), I64(0))
        row = b.mul(b.sub(b.sub(b.sdiv(taken, every), b.sdiv(start, every)), I64(1)), group["padded"])
    emitted = None
    if member.emission:
        moment = b.srem(b.add(n, depth), group["slots"])
        emitted = at(b, group["emitted"], b.mul(moment, group["stride"]))
    shown = {}
    if member.shown:
        moment = b.mul(b.srem(b.add(n, depth), I64(SHOWN_SLOTS)), group["shown stride"])
        shown = {name: at(b, pointer, moment) for name, pointer in group["shown"].items()}
    varied = {n: p for n, p in group["coefficients"].items() if n in member.varied}
    shared = {n: words.broadcast(p, I64(0)) for n, p in group["coefficients"].items() if n not in member.varied}
    # a difference of two times must not become one of two products
    program, products = (program, {}) if member.step.exact else spread_factors(program, shared)
    for name, product in products.items():
        shared[name] = emit(words, Program((), {name: product}), shared.__getitem__)[name]
    low, high = cells
    mirror, back = b.add(low, b.sub(high, I64(lanes.width))), b.trunc(b.add(start, n), ir.IntType(1))
    with counted(b, low, high, lanes.width) as k:
        i = b.select(back, b.sub(mirror, k), k)  # to and fro: the cells of the last step's end are still in the cache
        held = {name: bits.load(i) for name, bits in free.items()}
        masked = {label: lanes.unpacked(held[name]) for name, label in frees.items()}
        ending = {label: group["counters"][name] for name, label in ends.items()}

        def read(name: str) -> ir.Value:
            if name == _FOLLOWING:
                return following
            if name in masked:
                return masked[name]
            if name in ending:
                return mixed.load(ending[name], i)
            if name in group["states"]:
                return mixed.load(group["states"][name], i)
            if name in group["counters"]:
                end = mixed.load(group["counters"][name], i)
                return words.maximum(words.sub(end, now), words.constant(0.0))
            if name in shared:
                return shared[name]
            if name in varied:
                return mixed.load(varied[name], i)
            if name in noisy:
                return mixed.load(noisy[name], i)
            value = None
            if name in arrived:
                value = mixed.load(arrived[name], i)
                lanes.store(arrived[name], i, lanes.constant(0.0))
            if name in group["outside"]:
                pointer, per_step, per_cell = group["outside"][name]
                given = mixed.load(pointer, b.add(b.mul(n, per_step), b.mul(i, per_cell)))
                value = given if value is None else words.add(value, given)
            for row in driven.get(name, ()):
                drawn = mixed.load(row, i)
                value = drawn if value is None else words.add(value, drawn)
            return words.constant(0.0) if value is None else value

        values = emit(words, program, read)
        for name, pointer in group["states"].items():
            mixed.store(pointer, i, values[name])
        if member.recorded:
            with when(b, due):
                for name, pointer in group["recorded"].items():
                    mixed.store(pointer, b.add(row, i), values[member.step.output_of(name)])
        if emitted is not None and member.emission is not None:
            mixed.store(emitted, i, values[member.emission])
        for name, pointer in shown.items():
            mixed.store(pointer, i, values[name])
        if member.fires:
            spike = words.nonzero(values["spike"])
            fired.store(i, lanes.packed(spike))
            for name, pointer in group["counters"].items():
                if name in fixed:
                    free[name].store(i, lanes.packed_without(held[name], spike))
                else:
                    mixed.store(pointer, i, words.add(following, values[name]), mask=spike)
    if member.fires:
        list_fired(lanes, group, cells, n, {name: group["steps"][name] for name in fixed})


def _rewritten(
    program: Program, ends: Mapping[str, str], frees: Mapping[str, str], added: tuple[str, ...]
) -> Program:  # fmt: skip
    """The test ``1 > steps left`` as ``following step > end``, one comparison and for whole numbers the same, or as a
    bit; streams that were added to their states before are 0. ``ends`` and ``frees`` name both by counter."""
    swaps: dict[sp.Basic, sp.Basic] = {sp.Symbol(s): sp.Integer(0) for s in added}
    swaps |= {gt(1, sp.Symbol(c)): gt(sp.Symbol(_FOLLOWING), sp.Symbol(end)) for c, end in ends.items()}
    swaps |= {gt(1, sp.Symbol(c)): sp.Symbol(free) for c, free in frees.items()}
    statements = tuple(s.rewritten(s.expression.xreplace(swaps)) for s in program.statements)
    return Program(statements, {n: e.xreplace(swaps) for n, e in program.outputs.items()})
