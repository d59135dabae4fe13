"""By which names the equations of a model divide."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache

from ranvier.dynamics.text import parse_assignments, parse_equations, parse_expression
from ranvier.errors import EquationError

__all__ = ["divisors"]


@lru_cache(maxsize=256)
def divisors(equations: str, conditions: tuple[str, ...] = (), codes: tuple[str, ...] = ()) -> frozenset[str]:
    """The names that stand below as factors: tau in ``x/tau``, tau and C in ``x/(tau*C)``, none in ``x/(a - b)``.

    None in text that cannot be read: whoever reads the model says what is wrong with it.
    """
    try:
        trees = [e.tree for e in parse_equations(equations) if e.tree is not None]
        trees += [parse_expression(condition) for condition in conditions]
        trees += [a.tree for code in codes for a in parse_assignments(code, "code")]
    except EquationError:
        return frozenset()
    return frozenset(_below(trees))


def _below(trees: Iterable[ast.expr]) -> Iterator[str]:
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                yield from _factors(node.right)


def _factors(node: ast.expr) -> Iterator[str]:
    """The names that multiply in a product of whole powers."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield from _factors(node.left)
        yield from _factors(node.right)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        yield from _factors(node.left)
