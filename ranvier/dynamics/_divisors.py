"""By which names the equations of a model divide."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TypeGuard

from ranvier.dynamics.text import parse_assignments, parse_equations, parse_expression
from ranvier.errors import EquationError

__all__ = ["divisors"]

#: functions in which a quotient by a time is a decay, or whose value is one
_DECAYS = ("exp", "expm1", "exprel", "sqrt", "pow", "minimum", "maximum", "clip", "where", "int", "abs", "detach")


@lru_cache(maxsize=256)
def divisors(equations: str, conditions: tuple[str, ...] = (), codes: tuple[str, ...] = ()) -> frozenset[str]:
    """The names that stand below as factors: tau in ``x/tau``, tau and C in ``x/(tau*C)`` or ``x*(tau*C)**-1``, tau in
    ``x/tau_v`` with ``tau_v = 2*tau``; none in ``x/(a - b)``.

    Text that cannot be read has none: the reader of the model reports its mistakes.
    """
    try:
        lines = parse_equations(equations)
        trees = [e.tree for e in lines if e.tree is not None]
        trees += [parse_expression(condition) for condition in conditions]
        trees += [a.tree for code in codes for a in parse_assignments(code, "code")]
    except EquationError:
        return frozenset()
    known = {e.name: e.body for e in lines if e.kind == "subexpression"}
    return frozenset(_factors([below for tree in trees for node in _straight(tree) for below in _below(node)], known))


def _straight(tree: ast.AST) -> Iterator[ast.AST]:
    """All parts but what stands in functions other than exponentials and roots: cos(t/T) takes any T."""
    left = [tree]
    while left:
        node = left.pop()
        yield node
        if not isinstance(node, ast.Call) or _called(node, *_DECAYS):
            left += ast.iter_child_nodes(node)


def _below(node: ast.AST) -> Iterator[ast.expr]:
    """The divisors of a node."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield node.right
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and _negative(node.right):
        yield node.left
    elif _called(node, "pow") and len(node.args) == 2 and _negative(node.args[1]):
        yield node.args[0]


def _factors(left: list[ast.expr], known: Mapping[str, ast.expr]) -> set[str]:
    """The names that multiply in products of powers, also through the subexpressions ``known``."""
    found: set[str] = set()
    while left:
        node = left.pop()
        if isinstance(node, ast.Name) and node.id not in found:
            found.add(node.id)
            left += [known[node.id]] if node.id in known else []
        elif isinstance(node, ast.UnaryOp):
            left.append(node.operand)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            left += [node.left, node.right]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Pow):
            left.append(node.left)
        elif _called(node, "sqrt", "pow", "abs"):
            left += node.args[:1]
    return found


def _negative(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _called(node: ast.AST, *functions: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions
