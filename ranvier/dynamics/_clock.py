"""The part of a step that depends on the time alone: a separate program, evaluated once per step in float64.

A float32 holds 24 bits of a time that grows with the run, so no growing value enters the lanes. Parts that depend on
the time ``t`` and on parameters become streams, which a provider reads like any input: ``sin(2*pi*f*t)``,
``t >= t_on``, ``exp(-t/tau)``. In a wave that also depends on a state, ``sin(2*pi*f*t + phase)``, the time's part
becomes an angle between -pi and pi. Comparisons treat two times that differ by rounding alone as equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import sympy as sp

from ranvier.dynamics._sizes import expanded
from ranvier.dynamics._step import Step
from ranvier.dynamics.functions import absolute, detach, eq, floor, ge, gt, jump, maximum, minimum, nearest, select
from ranvier.dynamics.program import Program, Statement

__all__ = ["TIME", "exact_times", "time_apart"]

TIME = "t"
_T, _ZERO = sp.Symbol(TIME), sp.Integer(0)


class between(sp.Function):
    """a - b, and 0 where rounding alone separates both."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.Integer(1 if argindex == 1 else -1)


class settled(sp.Function):
    """x, or the whole number that rounding alone separates from it."""

    nargs = 1


class angle(sp.Function):
    """x less a multiple of 2 pi, from -pi to pi."""

    nargs = 1


def time_apart(step: Step) -> Step:
    """The same step with streams, ``step.clock.outputs``, for all that depends on the time and parameters alone."""
    if TIME not in step.streams:
        return step
    split = _Split(frozenset(map(sp.Symbol, step.coefficients)))
    statements = [found for s in step.program.statements if (found := split.statement(s)) is not None]
    outputs = {n: split.expression(e) for n, e in step.program.outputs.items()}
    program = Program(tuple(statements), outputs)
    clock = Program(tuple(split.statements), dict(split.outputs)).only(split.outputs)
    read = {*program.reads, *map(str, step.surrogate.free_symbols)}
    return replace(
        step,
        program=program,
        clock=clock,
        streams=(*(s for s in step.streams if s != TIME), *split.outputs),
        coefficients=tuple(n for n in step.coefficients if n in read),
        timing=tuple(n for n in step.coefficients if n in clock.reads),
    )


class _Split:
    """Takes statements in order and sorts them by their dependencies."""

    def __init__(self, steady: frozenset[sp.Symbol]) -> None:
        self.known, self.moving = {*steady, _T}, {_T}
        self.statements: list[Statement] = []
        self.outputs: dict[str, sp.Expr] = {}
        self._streams: dict[sp.Expr, sp.Symbol] = {}

    def statement(self, s: Statement) -> Statement | None:
        """The rest of a statement, for the lanes."""
        if s.event is not None:
            a, b = s.expression.args
            if self._timed((a, b)):
                return s.rewritten(s.expression.func(self._stream(_apart(a, b)), _ZERO))
            return s.rewritten(self.expression(s.expression))
        if self._timed((s.expression,)):
            self.statements.append(Statement(s.target, _exact(s.expression)))
            self.known.add(s.target)
            self.moving.add(s.target)
            return None
        return s.rewritten(self.expression(s.expression))

    def expression(self, e: sp.Expr) -> sp.Expr:
        """``e`` with streams in place of its largest parts that depend on the time and parameters alone."""
        if not e.free_symbols & self.moving:
            return e
        if self._timed((e,)):
            return self._stream(_exact(e))
        if e.func in (sp.sin, sp.cos) and isinstance(e.args[0], sp.Add):
            timed, rest = self._parts(e.args[0].args)
            if timed:
                return e.func(self._stream(angle(_exact(sp.Add(*timed)))) + self.expression(sp.Add(*rest)))
        if isinstance(e, sp.Add | sp.Mul):
            timed, rest = self._parts(e.args)
            if timed:
                return e.func(self._stream(_exact(e.func(*timed))), *map(self.expression, rest))
        return e.func(*map(self.expression, e.args))

    def _parts(self, args: Iterable[sp.Expr]) -> tuple[list[sp.Expr], list[sp.Expr]]:
        """The part that depends on the time and parameters alone, its parameters, and the rest."""
        args = list(args)
        if not any(self._timed((a,)) for a in args):
            return [], args
        return [a for a in args if a.free_symbols <= self.known], [a for a in args if not a.free_symbols <= self.known]

    def _timed(self, expressions: Iterable[sp.Expr]) -> bool:
        free = {s for e in expressions for s in e.free_symbols}
        return bool(free & self.moving) and free <= self.known

    def _stream(self, e: sp.Expr) -> sp.Symbol:
        if e not in self._streams:
            name = TIME if e == _T else f"_t{len(self._streams)}"
            self._streams[e] = sp.Symbol(name)
            self.outputs[name] = e
        return self._streams[e]


def exact_times(program: Program, times: Iterable[str]) -> Program:
    """The same program, for float64, with comparisons and steps of ``times`` that rounding cannot move.

    ``times`` are the names from outside that hold a time, such as ``t`` or the time of the last spike. A comparison reads
    through names of sums of times, for a difference of two times has lost the size of both.
    """
    moving, sums = set(map(sp.Symbol, times)), {}
    statements = []
    for s in program.statements:
        e = s.expression
        if _holds_time(e, moving):
            moving.add(s.target)
            if isinstance(e, sp.Add):
                sums[s.target] = e.xreplace(sums)
        e = _exact(e, moving, sums)
        if s.event is not None and not all(a.is_Symbol or a.is_Integer for a in e.args):
            apart = Statement(sp.Symbol(f"{s.target}:apart"), e.args[0])
            statements.append(apart)
            e = e.func(apart.target, _ZERO)
        statements.append(s.rewritten(e))
    return Program(tuple(statements), {n: _exact(e, moving, sums) for n, e in program.outputs.items()})


def _holds_time(e: sp.Expr, moving: set[sp.Symbol]) -> bool:
    """Whether a symbol in ``moving`` is a term, a factor or a choice of ``e``."""
    if e.is_Symbol:
        return e in moving
    if isinstance(
        e, sp.Add | sp.Mul | select | jump | minimum | maximum | absolute | nearest | floor | settled | between | detach
    ):
        return any(_holds_time(a, moving) for a in (e.args[1:] if isinstance(e, select | jump) else e.args))
    return False


def _exact(
    e: sp.Expr, moving: set[sp.Symbol] | None = None, sums: Mapping[sp.Symbol, sp.Expr] | None = None
) -> sp.Expr:
    """``e`` with comparisons and steps (those that read ``moving``, or all) that rounding cannot move.

    ``sums`` are written out in them.
    """

    def chosen(x: sp.Expr) -> bool:
        return isinstance(x, gt | ge | eq | floor) and (moving is None or any(_holds_time(a, moving) for a in x.args))

    def steady(x: sp.Expr) -> sp.Expr:
        args = [a.xreplace(sums or {}) for a in x.args]
        return floor(settled(*args)) if isinstance(x, floor) else x.func(_apart(*args), _ZERO)

    return e.replace(chosen, steady)


def _apart(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """a - b as a difference of sums without minus signs: two times that are compared keep their size beside rounding."""
    parts = sp.Add.make_args(expanded(a - b))
    more = [x for x in parts if not x.could_extract_minus_sign()]
    less = [-x for x in parts if x.could_extract_minus_sign()]
    return between(sp.Add(*more), sp.Add(*less))
