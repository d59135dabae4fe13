"""Reverse and forward mode over straight-line programs, statement by statement.

A *jump* supplies the derivative at an event (a surrogate's slope). :meth:`Program.cut_resets` cuts the events inside a
reset: the reset then passes no gradient.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sympy as sp

from ranvier.dynamics._derivative import derivative
from ranvier.dynamics.program import Program, Statement, tidy

__all__ = ["Adjoint", "adjoint", "choose_saved", "tangent"]

_U = sp.Symbol("u")


@dataclass(frozen=True)
class Adjoint:
    """The reverse program: outputs ``grad:<name>`` for each wanted read; ``values`` are the forward values it reads."""

    program: Program
    values: tuple[str, ...]


def _slope(statement: Statement, slope: sp.Expr) -> dict[sp.Symbol, sp.Expr]:
    a, b = statement.expression.args
    at = slope.xreplace({_U: a - b})
    return {a: at, b: -at} if a != b else {}


def adjoint(program: Program, seeds: Mapping[str, str], wanted: Iterable[str], slope: sp.Expr) -> Adjoint:
    """Differentiate ``program`` in reverse.

    ``seeds`` maps an output to the name of its incoming gradient; ``wanted`` are the reads whose gradient is asked for;
    ``slope`` is the derivative at an event, an expression in ``u``. For resets without gradient pass
    ``program.cut_resets()``.
    """
    bar: dict[sp.Symbol, sp.Expr] = {}
    reverse: list[Statement] = []

    def give(expression: sp.Expr, weight: sp.Expr, partials: dict[sp.Symbol, sp.Expr] | None = None) -> None:
        parts = partials if partials is not None else {q: derivative(expression, q) for q in expression.free_symbols}
        for symbol in sorted(parts, key=str):
            if parts[symbol] != 0:
                bar[symbol] = bar.get(symbol, sp.Integer(0)) + weight * parts[symbol]

    for output, seed in seeds.items():
        give(program.outputs[output], sp.Symbol(seed))
    for statement in reversed(program.statements):
        weight = bar.pop(statement.target, None)
        if weight is None:
            continue
        if not weight.is_Symbol and not weight.is_number:
            name = sp.Symbol(f"_bar_{statement.target}")
            reverse.append(Statement(name, weight))
            weight = name
        if statement.event is not None:
            give(statement.expression, weight, _slope(statement, slope))
        else:
            give(statement.expression, weight)
    outputs = {f"grad:{name}": bar.get(sp.Symbol(name), sp.Integer(0)) for name in wanted}
    result = tidy(reverse, outputs, "_a")
    forward = {str(s.target) for s in program.statements} | set(program.reads)
    return Adjoint(result, tuple(n for n in result.reads if n in forward))


def tangent(program: Program, dots: Mapping[str, str], slope: sp.Expr) -> Program:
    """Forward mode: outputs ``dot:<output>``, given ``dots`` from read name to the name of its tangent."""
    dot: dict[sp.Symbol, sp.Expr] = {sp.Symbol(k): sp.Symbol(v) for k, v in dots.items()}
    statements = list(program.statements)

    def push(expression: sp.Expr, partials: dict[sp.Symbol, sp.Expr] | None = None) -> sp.Expr:
        parts = partials if partials is not None else {q: derivative(expression, q) for q in expression.free_symbols}
        return sp.Add(*(d * dot[q] for q, d in sorted(parts.items(), key=lambda item: str(item[0])) if q in dot))

    for statement in program.statements:
        value = push(statement.expression, None if statement.event is None else _slope(statement, slope))
        if value != 0:
            name = sp.Symbol(f"_dot_{statement.target}")
            statements.append(Statement(name, value))
            dot[statement.target] = name
    outputs = dict(program.outputs)
    outputs.update({f"dot:{name}": push(expression) for name, expression in program.outputs.items()})
    return tidy(statements, outputs, "_t")


def choose_saved(
    program: Program, needed: Iterable[str], cost: Mapping[str, int], default: int = 1000
) -> tuple[str, ...]:
    """The cheapest set of values from which every needed value can be recomputed: a minimum cut.

    ``cost`` gives reads that cost less than a saved stream (0 for coefficients, little for streams that exist anyway).
    Equal counts prefer later values, which leaves less to compute again.
    """
    import networkx as nx

    needed = [n for n in needed if cost.get(n, default) > 0]
    graph = nx.DiGraph()
    depth: dict[str, int] = dict.fromkeys(program.reads, 0)
    graph.add_node("source")
    graph.add_node("sink")
    for name in program.reads:
        graph.add_edge("source", (name, "in"))
        if cost.get(name, default) > 0:
            graph.add_edge((name, "in"), (name, "out"), capacity=cost.get(name, default))
    for statement in program.statements:
        target = str(statement.target)
        reads = [str(s) for s in statement.expression.free_symbols]
        depth[target] = 1 + max((depth[r] for r in reads), default=0)
        price = cost.get(target, default)
        if price > 0:
            graph.add_edge((target, "in"), (target, "out"), capacity=max(1, price - min(depth[target], 100)))
        for read in reads:
            graph.add_edge((read, "out"), (target, "in"))
    for name in needed:
        graph.add_edge((name, "out"), "sink")
    if not needed:
        return ()
    _, (near, _far) = nx.minimum_cut(graph, "source", "sink")
    return tuple(
        sorted(
            n
            for n, side in near - {"source", "sink"}
            if side == "in" and (n, "out") not in near and graph.has_edge((n, "in"), (n, "out"))
        )
    )
