"""Straight-line programs: single assignments over symbols, the form every kernel is written from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import sympy as sp

from ranvier.dynamics.functions import ge, gt, jump, select

__all__ = ["Exponential", "Program", "Prologue", "Statement", "Tape", "hoist", "tidy"]


@dataclass(frozen=True)
class Statement:
    """``target = expression``.

    ``event`` marks a threshold crossing, whose derivative the jump supplies; ``resets`` names the state to which this
    statement gives the value after a reset.
    """

    target: sp.Symbol
    expression: sp.Expr
    event: str | None = None
    resets: str | None = None

    def rewritten(self, expression: sp.Expr) -> Statement:
        """The same statement with another expression."""
        return replace(self, expression=expression)

    def __str__(self) -> str:
        return f"{self.target} = {self.expression}"


@dataclass(frozen=True)
class Exponential:
    """Matrix exponential of ``matrix*dt`` (E) and its integral over the step (F): entries (row, column, name)."""

    matrix: tuple[tuple[sp.Expr, ...], ...]
    E: tuple[tuple[int, int, str], ...]
    F: tuple[tuple[int, int, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all entries."""
        return tuple(name for *_, name in (*self.E, *self.F))


@dataclass(frozen=True)
class Prologue:
    """Values that depend on parameters and dt only: computed once per call, in float64, under autograd."""

    exponentials: tuple[Exponential, ...]
    scalars: tuple[tuple[str, sp.Expr], ...]

    @cached_property
    def reads(self) -> Mapping[str, frozenset[str]]:
        """The parameters that each of the scalars reads."""
        return {n: frozenset(str(s) for s in e.free_symbols) - {"dt"} for n, e in self.scalars}

    def beside(self, names: Collection[str]) -> frozenset[str]:
        """The values that read a parameter which one of ``names`` reads: all of them where a matrix has an exponential."""
        reads = self.reads
        if self.exponentials:
            return frozenset((*reads, *(n for x in self.exponentials for n in x.names)))
        shared = set().union(*(reads[n] for n in names if n in reads))
        return frozenset(n for n, own in reads.items() if own & shared)

    def only(self, names: Collection[str]) -> Prologue | None:
        """The part of it that finds ``names``; None where it has no such part."""
        found = tuple((n, e) for n, e in self.scalars if n in names)
        return None if self.exponentials or len(found) < len(names) else Prologue((), found)


@dataclass(frozen=True)
class Program:
    """Statements with named inputs and outputs, in an order that can be executed."""

    statements: tuple[Statement, ...]
    outputs: Mapping[str, sp.Expr] = field(default_factory=dict)

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Names the program takes from outside."""
        own = {s.target for s in self.statements}
        used = set().union(
            *(s.expression.free_symbols for s in self.statements), *(e.free_symbols for e in self.outputs.values())
        )
        return tuple(sorted(str(s) for s in used - own))

    @cached_property
    def key(self) -> str:
        """A digest of the structure: equal programs have equal keys, whatever their parameter values."""
        text = "\n".join([*(f"{sp.srepr(s.target)}={sp.srepr(s.expression)}@{s.event}" for s in self.statements),
                          *(f"{k}->{sp.srepr(v)}" for k, v in self.outputs.items())])  # fmt: skip
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def only(self, outputs: Iterable[str]) -> Program:
        """The program for some of its outputs, without the statements they do not need."""
        kept = {name: self.outputs[name] for name in outputs}
        needed = {s for e in kept.values() for s in e.free_symbols}
        statements = []
        for statement in reversed(self.statements):
            if statement.target in needed:
                statements.append(statement)
                needed |= statement.expression.free_symbols
        return Program(tuple(reversed(statements)), kept)

    def replaced(self, values: Mapping[sp.Symbol, sp.Expr]) -> Program:
        """The same program with names from outside replaced by ``values``."""
        statements = (s.rewritten(s.expression.xreplace(values)) for s in self.statements)
        return Program(tuple(statements), {n: e.xreplace(values) for n, e in self.outputs.items()})

    def behind(self, output: str) -> frozenset[str]:
        """The names from outside that one output depends on."""
        return frozenset(self.only((output,)).reads)

    def cut_resets(self, states: frozenset[str] | None = None) -> Program:
        """The same program whose resets (all, or those of ``states``) pass no gradient to the event that caused them."""
        if states is None:
            return self._cut(lambda resets: True, {})
        parts = {s.target: s.expression for s in self.statements if s.resets is None and s.expression.has(jump)}
        cut = self._cut(lambda resets: resets in states, parts)
        return cut.only(cut.outputs) if parts else cut

    def _cut(self, chosen: Callable[[str | None], bool], parts: Mapping[sp.Symbol, sp.Expr]) -> Program:
        """Resets of ``chosen`` states without gradient; ``parts`` are jumps that several resets share."""

        def cut(e: sp.Expr) -> sp.Expr:
            while found := {s: parts[s] for s in e.free_symbols & parts.keys()}:
                e = e.xreplace(found)
            return e.replace(jump, select)

        statements = (s.rewritten(cut(s.expression)) if chosen(s.resets) else s for s in self.statements)
        return Program(tuple(statements), {n: cut(e) if chosen(n) else e for n, e in self.outputs.items()})

    def __str__(self) -> str:
        return "\n".join([*map(str, self.statements), *(f"{name} <- {value}" for name, value in self.outputs.items())])


class Tape:
    """Collects statements under fresh names."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.statements: list[Statement] = []
        self._taken = set(taken)

    def branch(self) -> Tape:
        """An empty tape that draws from the same names."""
        other = Tape()
        other._taken = self._taken
        return other

    def fresh(self, stem: str) -> sp.Symbol:
        """A symbol no one uses yet: ``stem``, or ``stem`` with a number."""
        name, k = stem, 0
        while name in self._taken:
            k += 1
            name = f"{stem}_{k}"
        self._taken.add(name)
        return sp.Symbol(name)

    def add(
        self, stem: str, expression: sp.Expr, event: str | None = None, resets: str | None = None
    ) -> sp.Symbol:  # fmt: skip
        """Assign ``expression`` to a fresh name; see :class:`Statement`."""
        target = self.fresh(stem)
        self.statements.append(Statement(target, expression, event, resets))
        return target


def hoist(expression: sp.Expr, constants: frozenset[sp.Symbol], coefficient) -> sp.Expr:
    """Replace every maximal part that only depends on ``constants`` by ``coefficient(part)``."""

    def walk(e: sp.Expr) -> sp.Expr:
        free = e.free_symbols
        if not free or (e.is_Symbol and e not in constants):
            return e
        if free <= constants:
            return coefficient(e)
        if isinstance(e, sp.Add | sp.Mul):
            still = [a for a in e.args if a.free_symbols <= constants]
            rest = [walk(a) for a in e.args if not a.free_symbols <= constants]
            head = e.func(*still)
            return e.func(coefficient(head) if head.free_symbols else head, *rest)
        return e.func(*map(walk, e.args))

    return walk(expression)


def tidy(statements: Iterable[Statement], outputs: Mapping[str, sp.Expr], stem: str) -> Program:
    """Share common subexpressions, drop statements that no output needs, and put the rest in executable order."""
    statements = list(statements)
    expressions = [s.expression for s in statements] + list(outputs.values())
    names = sp.numbered_symbols(stem)
    shared, reduced = sp.cse(expressions, symbols=names, order="none", optimizations=None)
    body = {target: Statement(target, expression) for target, expression in shared}
    for statement, expression in zip(statements, reduced, strict=False):
        body[statement.target] = statement.rewritten(expression)
        if statement.event is not None and not isinstance(expression, gt | ge):
            body[statement.target] = statement
    results = dict(zip(outputs, reduced[len(statements) :], strict=True))
    ordered: dict[sp.Symbol, Statement] = {}

    def need(symbols: Iterable[sp.Symbol]) -> None:
        stack = [(s, False) for s in sorted(symbols, key=str, reverse=True)]
        while stack:
            symbol, ready = stack.pop()
            if symbol in ordered or symbol not in body:
                continue
            if ready:
                ordered[symbol] = body[symbol]
                continue
            stack.append((symbol, True))
            stack.extend((s, False) for s in sorted(body[symbol].expression.free_symbols, key=str, reverse=True))

    for value in results.values():
        need(value.free_symbols)
    return Program(tuple(ordered.values()), results)
