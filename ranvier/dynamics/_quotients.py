"""The quotients of a model, for the search after a 0/0."""

from __future__ import annotations

import ast
from typing import NamedTuple

import sympy as sp

from ranvier.dynamics._symbols import Reader
from ranvier.dynamics._system import System

__all__ = ["Quotient", "quotients"]


class Quotient(NamedTuple):
    """A division as it is written, its parts, and the names that its denominator reads."""

    text: str
    line: str
    above: sp.Expr
    below: sp.Expr
    reads: tuple[str, ...]


def quotients(system: System) -> tuple[Quotient, ...]:
    """Every division that stays one in the program, with small subexpressions written out."""
    definitions = {e.name: e.body for e in system.equations if e.kind == "subexpression"}
    reader = Reader(system.dimensions, definitions)
    found = []
    for equation in (e for e in system.equations if e.tree is not None):
        for node in ast.walk(equation.body):
            if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)):
                continue
            above, below, whole = (reader.read(part, equation.line)[0] for part in (node.left, node.right, node))
            if below.is_number or whole != above / below:  # the second: its singularity was lifted
                continue
            reads = tuple(
                sorted(n.id for n in ast.walk(node.right) if isinstance(n, ast.Name) and n.id in system.lines)
            )
            above, below = system.written(above), system.written(below)
            found.append(Quotient(ast.unparse(node), equation.line, above, below, tuple(dict.fromkeys(reads))))
    return tuple(found)
