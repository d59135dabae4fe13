"""Syntax trees to SymPy expressions, with every operation checked for its dimension."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from difflib import get_close_matches
from fractions import Fraction

import sympy as sp

from ranvier.dynamics._functions import CONDITIONS, FUNCTIONS, both, either, invert
from ranvier.errors import DimensionError, EquationError
from ranvier.units import UNITS, Dimension

__all__ = ["NOISE", "Reader"]

_NONE = UNITS["1"].dimension
_TIME = UNITS["ms"].dimension
#: xi has the dimension of 1/sqrt(time): white noise of unit strength
NOISE = _TIME ** Fraction(-1, 2)
_SAME = {"minimum", "maximum", "clip", "abs", "where"}


class Reader:
    """Reads expressions over known names; ``dimensions`` maps each name to its dimension."""

    def __init__(self, dimensions: Mapping[str, Dimension]) -> None:
        self.dimensions = {"dt": _TIME, "t": _TIME, **dimensions}

    def read(self, tree: ast.expr, line: str) -> tuple[sp.Expr, Dimension]:
        """The expression and its dimension."""
        return _Visit(self.dimensions, line).visit(tree)

    def read_as(self, tree: ast.expr, dimension: Dimension, line: str, what: str) -> sp.Expr:
        """The expression, which must have the given dimension."""
        expression, found = self.read(tree, line)
        if found != dimension and not (expression.is_number and expression == 0):
            raise DimensionError(
                f"in {line!r}: {what} must have dimension {dimension}, but the expression has {found}; "
                f"check the units of its terms, or multiply by a unit."
            )
        return expression

    def condition(self, tree: ast.expr, line: str) -> sp.Expr:
        """A truth value."""
        visit = _Visit(self.dimensions, line)
        if not visit.truth(tree):
            raise EquationError(f"{line!r} is not a condition: compare two expressions, for example 'v > V_th'.", line=line)
        return visit.visit(tree)[0]


class _Visit:
    def __init__(self, dimensions: Mapping[str, Dimension], line: str) -> None:
        self.dimensions, self.line = dimensions, line

    def fail(self, message: str) -> EquationError:
        return EquationError(f"in {self.line!r}: {message}", line=self.line)

    @staticmethod
    def truth(node: ast.expr) -> bool:
        return isinstance(node, ast.Compare | ast.BoolOp) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not))

    def visit(self, node: ast.expr) -> tuple[sp.Expr, Dimension]:
        method = getattr(self, type(node).__name__, None)
        if method is None:
            raise self.fail(f"{ast.unparse(node)!r} is not part of the equation language (arithmetic, comparisons and functions only).")
        return method(node)

    def Constant(self, node: ast.Constant) -> tuple[sp.Expr, Dimension]:
        if isinstance(node.value, bool):
            return sp.Integer(int(node.value)), _NONE
        if isinstance(node.value, int):
            return sp.Integer(node.value), _NONE
        if isinstance(node.value, float):
            return sp.Float(node.value), _NONE
        raise self.fail(f"{node.value!r} is not a number.")

    def Name(self, node: ast.Name) -> tuple[sp.Expr, Dimension]:
        if node.id in self.dimensions:
            return sp.Symbol(node.id), self.dimensions[node.id]
        if node.id in UNITS:
            unit = UNITS[node.id]
            value = float(unit.value)
            return (sp.Integer(int(value)) if value.is_integer() else sp.Float(value)), unit.dimension
        near = get_close_matches(node.id, [*self.dimensions, *UNITS], n=3)
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise self.fail(f"unknown name {node.id!r}: give it a value as a keyword argument, an equation, or declare '{node.id} : unit (input)'.{hint}")

    def UnaryOp(self, node: ast.UnaryOp) -> tuple[sp.Expr, Dimension]:
        value, dimension = self.visit(node.operand)
        if isinstance(node.op, ast.USub):
            return -value, dimension
        if isinstance(node.op, ast.UAdd):
            return value, dimension
        if isinstance(node.op, ast.Not):
            return invert(value), _NONE
        raise self.fail(f"operator in {ast.unparse(node)!r} is not supported.")

    def BinOp(self, node: ast.BinOp) -> tuple[sp.Expr, Dimension]:
        (a, da), (b, db) = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Mult):
            return a * b, da * db
        if isinstance(node.op, ast.Div):
            if b.is_number and b == 0:
                raise self.fail(f"{ast.unparse(node)!r} divides by zero.")
            return a / b, da / db
        if isinstance(node.op, ast.Add | ast.Sub):
            word = "add" if isinstance(node.op, ast.Add) else "subtract"
            dimension = self.same(node.left, (a, da), node.right, (b, db), word)
            return (a + b if isinstance(node.op, ast.Add) else a - b), dimension
        if isinstance(node.op, ast.Pow):
            if db != _NONE:
                raise DimensionError(f"in {self.line!r}: the exponent {ast.unparse(node.right)!r} has dimension {db}; an exponent must be a plain number.")
            if da != _NONE and not b.is_number:
                raise DimensionError(f"in {self.line!r}: {ast.unparse(node.left)!r} has dimension {da} and can only be raised to a constant.")
            return a**b, (da if da == _NONE else da ** Fraction(str(sp.nsimplify(b))))
        raise self.fail(f"operator in {ast.unparse(node)!r} is not supported; there are + - * / and **.")

    def same(self, left: ast.expr, a: tuple[sp.Expr, Dimension], right: ast.expr, b: tuple[sp.Expr, Dimension], word: str) -> Dimension:
        if a[1] == b[1] or b[0] == 0:
            return a[1]
        if a[0] == 0:
            return b[1]
        raise DimensionError(
            f"in {self.line!r}: cannot {word} {ast.unparse(left)!r} of dimension {a[1]} and {ast.unparse(right)!r} of dimension {b[1]}; "
            f"multiply or divide one of them by a quantity of dimension {a[1] / b[1]}."
        )

    def Compare(self, node: ast.Compare) -> tuple[sp.Expr, Dimension]:
        terms = [node.left, *node.comparators]
        out: sp.Expr | None = None
        for operator, left, right in zip(node.ops, terms, terms[1:], strict=False):
            build = CONDITIONS.get(type(operator).__name__)
            if build is None:
                raise self.fail(f"comparison in {ast.unparse(node)!r} is not supported; there are > >= < <= == and !=.")
            a, b = self.visit(left), self.visit(right)
            self.same(left, a, right, b, "compare")
            term = build(a[0], b[0])
            out = term if out is None else both(out, term)
        return out, _NONE

    def BoolOp(self, node: ast.BoolOp) -> tuple[sp.Expr, Dimension]:
        join = both if isinstance(node.op, ast.And) else either
        values = [self.visit(value)[0] for value in node.values]
        out = values[0]
        for value in values[1:]:
            out = join(out, value)
        return out, _NONE

    def IfExp(self, node: ast.IfExp) -> tuple[sp.Expr, Dimension]:
        raise self.fail(f"write where(condition, a, b) instead of {ast.unparse(node)!r}.")

    def Call(self, node: ast.Call) -> tuple[sp.Expr, Dimension]:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if name not in FUNCTIONS:
            near = get_close_matches(name, FUNCTIONS, n=2)
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            raise self.fail(f"unsupported function {name!r}: there are {', '.join(sorted(FUNCTIONS))}.{hint}")
        build, count = FUNCTIONS[name]
        if len(node.args) != count or node.keywords:
            raise self.fail(f"{name} takes {count} argument{'s' if count != 1 else ''}, got {ast.unparse(node)!r}.")
        values = [self.visit(arg) for arg in node.args]
        expressions = [value for value, _ in values]
        if name == "where":
            if not self.truth(node.args[0]):
                raise self.fail(f"the first argument of where must be a condition, got {ast.unparse(node.args[0])!r}.")
            return build(*expressions), self.same(node.args[1], values[1], node.args[2], values[2], "choose between")
        if name in _SAME:
            dimension = values[0][1]
            for arg, value in zip(node.args[1:], values[1:], strict=True):
                dimension = self.same(node.args[0], (expressions[0], dimension), arg, value, f"take the {name} of")
            return build(*expressions), dimension
        if name == "sqrt":
            return build(*expressions), values[0][1] ** Fraction(1, 2)
        if name == "sign":
            return build(*expressions), _NONE
        for arg, (_, dimension) in zip(node.args, values, strict=True):
            if dimension != _NONE:
                raise DimensionError(
                    f"in {self.line!r}: {name} needs a plain number, but {ast.unparse(arg)!r} has dimension {dimension}; divide it by a quantity of dimension {dimension}."
                )
        return build(*expressions), _NONE

