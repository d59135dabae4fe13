"""A syntax tree as an exact expression: decimals are fractions and exponentials stay whole.

Binary floats cannot show that 0.01*(v + 55) vanishes where 0.1*(v + 55) does: 0.01*55 and 0.1*5.5 round differently.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

import sympy as sp

from ranvier.dynamics.functions import FUNCTIONS
from ranvier.units import UNITS

__all__ = ["KEPT", "ExactForm", "TooLargeError"]

#: functions that stay unevaluated, even for numbers
KEPT = {name: sp.Function(f"_{name}") for name in ("exp", "expm1", "log", "log1p", "sinh", "tanh")}
_LARGEST_POWER = 8
_DEEPEST = 50


class TooLargeError(Exception):
    """An expression has too many parts for the search after removable singularities."""


class ExactForm:
    """Reads syntax trees exactly.

    ``read`` gives the ordinary value of a part that is not a sum, product or whole power; such a part becomes one opaque
    symbol. ``known`` are the names that may be read, and ``definitions`` the subexpressions that are looked through.
    """

    def __init__(
        self, read: Callable[[ast.expr], sp.Expr], known: Mapping[str, object], definitions: Mapping[str, ast.expr],
        most: int = 300,
    ) -> None:  # fmt: skip
        self.read, self.known, self.definitions, self.left = read, known, definitions, most
        self.values: dict[sp.Symbol, sp.Expr] = {}
        self._opaque: dict[sp.Expr, sp.Symbol] = {}
        self._depth = 0

    def visit(self, node: ast.expr) -> sp.Expr:
        """The exact expression; :class:`TooLargeError` where it has too many parts."""
        self.left -= 1
        if self.left < 0 or self._depth > _DEEPEST:
            raise TooLargeError
        self._depth += 1
        try:
            return self._visit(node)
        finally:
            self._depth -= 1

    def _visit(self, node: ast.expr) -> sp.Expr:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return sp.Rational(repr(node.value + 0))  # a truth value is 1 or 0
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            value = self.visit(node.operand)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KEPT:
            return KEPT[node.func.id](self.visit(node.args[0]))
        return self.opaque(self.read(node))

    def _name(self, node: ast.Name) -> sp.Expr:
        if node.id in self.definitions:
            return self.visit(self.definitions[node.id])
        if node.id in self.known:
            return sp.Symbol(node.id)
        if node.id in UNITS:
            return sp.Rational(repr(float(UNITS[node.id].value)))
        return self.opaque(self.read(node))

    def _binary(self, node: ast.BinOp) -> sp.Expr:
        if isinstance(node.op, ast.Pow):
            power = self.visit(node.right)
            if not power.is_Integer or abs(int(power)) > _LARGEST_POWER:
                return self.opaque(self.read(node))
            return self.visit(node.left) ** power
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        return left * right if isinstance(node.op, ast.Mult) else left / right

    def opaque(self, value: sp.Expr) -> sp.Symbol:
        """A symbol that stands for ``value``: equal values share one."""
        if value not in self._opaque:
            symbol = sp.Symbol(f"_opaque{len(self._opaque)}")
            self._opaque[value], self.values[symbol] = symbol, value
        return self._opaque[value]

    def written(self, e: sp.Expr) -> sp.Expr:
        """The exact expression in the functions of the equation language."""
        for name, kept in KEPT.items():
            e = e.replace(kept, FUNCTIONS[name][0])
        return e.xreplace(self.values)
