"""Syntax trees to SymPy expressions, with every operation checked for its dimension."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from difflib import get_close_matches
from fractions import Fraction
from types import UnionType

import sympy as sp

from ranvier.dynamics._bounds import check_conditions, check_numbers, check_size
from ranvier.dynamics._exact_form import ExactForm
from ranvier.dynamics._names import CONSTANTS, is_noise
from ranvier.dynamics._removable import lifted, may_vanish
from ranvier.dynamics.functions import CONDITIONS, FUNCTIONS, both, either, floor, folded, invert, mod
from ranvier.dynamics.guidance import NAMES_ELSEWHERE, OPERATORS_ELSEWHERE
from ranvier.errors import DimensionError, EquationError
from ranvier.units import UNITS, Dimension

__all__ = ["NOISE", "Reader"]

_NONE = UNITS["1"].dimension
_TIME = UNITS["ms"].dimension
#: xi has the dimension of 1/sqrt(time): white noise of unit strength
NOISE = _TIME ** Fraction(-1, 2)
_SAME = {"minimum", "maximum", "clip", "abs", "detach"}
_LARGEST = 1e300
_LONGEST_SHOWN = 120
#: powers of numbers up to this one stay fractions
_LARGEST_EXACT = 32


class Reader:
    """Reads expressions over known names; ``dimensions`` maps each name to its dimension.

    ``definitions`` are the subexpressions by name: a quotient may be 0/0 only through their definitions.
    """

    def __init__(
        self, dimensions: Mapping[str, Dimension], definitions: Mapping[str, ast.expr] | None = None
    ) -> None:  # fmt: skip
        self.dimensions = {"dt": _TIME, "t": _TIME, **dimensions}
        self.definitions = definitions or {}

    def read(self, tree: ast.expr, line: str) -> tuple[sp.Expr, Dimension]:
        """The expression and its dimension."""
        check_size(tree, line)
        return self._checked(*_Visit(self.dimensions, self.definitions, line).visit(tree), line)

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
        check_size(tree, line)
        visit = _Visit(self.dimensions, self.definitions, line)
        visit.other_operator(tree)
        if not visit.truth(tree):
            raise EquationError(
                f"{line!r} is not a condition: compare two expressions, for example 'v > V_th'.", line=line
            )
        return self._checked(*visit.visit(tree), line)[0]

    @staticmethod
    def _checked(expression: sp.Expr, dimension: Dimension, line: str) -> tuple[sp.Expr, Dimension]:
        expression = folded(expression)
        check_numbers(expression, line)
        return expression, dimension


def _chain(node: ast.BinOp, operators: UnionType) -> tuple[ast.expr, list[tuple[ast.BinOp, ast.expr]]]:
    """The first operand in a row of operators of one rank, then each operator with its right operand."""
    rest: list[tuple[ast.BinOp, ast.expr]] = []
    at: ast.expr = node
    while isinstance(at, ast.BinOp) and isinstance(at.op, operators):
        rest.append((at, at.right))
        at = at.left
    return at, rest[::-1]


def shown(node: ast.expr) -> str:
    """A part of an expression as text for a message, shortened where it is long."""
    try:
        text = ast.unparse(node)
    except RecursionError:  # a long row of operators
        text = f"a part of {node.end_col_offset or 0} characters"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


class _Visit:
    def __init__(
        self, dimensions: Mapping[str, Dimension], definitions: Mapping[str, ast.expr], line: str
    ) -> None:  # fmt: skip
        self.dimensions, self.definitions, self.line = dimensions, definitions, line
        self._known: dict[int, tuple[sp.Expr, Dimension]] = {}
        #: reads parts of a quotient: each once, and without looking through names a second time
        self._parts = _Visit(dimensions, {}, line) if definitions else self

    def fail(self, message: str) -> EquationError:
        return EquationError(message, line=self.line)

    @staticmethod
    def truth(node: ast.expr) -> bool:
        return isinstance(node, ast.Compare | ast.BoolOp) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        )

    def visit(self, node: ast.expr) -> tuple[sp.Expr, Dimension]:
        if id(node) not in self._known:
            self._known[id(node)] = self._visit(node)
        return self._known[id(node)]

    def _visit(self, node: ast.expr) -> tuple[sp.Expr, Dimension]:
        method = getattr(self, type(node).__name__, None)
        if method is None:
            raise self.fail(
                f"{shown(node)!r} is not part of the equation language: "
                f"write it with names, numbers, + - * / // % **, comparisons and functions."
            )
        return method(node)

    def other_operator(self, node: ast.expr) -> None:
        """Raise where ``node`` is joined by an operator that the language lacks, such as | between conditions."""
        if isinstance(node, ast.BinOp | ast.UnaryOp) and type(node.op) in OPERATORS_ELSEWHERE:
            raise self.operator(node)

    def visit_truth(self, node: ast.expr, where: str) -> sp.Expr:
        self.other_operator(node)
        if not self.truth(node):
            raise self.fail(
                f"{where} needs a condition, but {shown(node)!r} is none: compare it, for example '{shown(node)} > 0'."
            )
        return self.visit(node)[0]

    def Constant(self, node: ast.Constant) -> tuple[sp.Expr, Dimension]:
        if isinstance(node.value, bool):
            return sp.Integer(int(node.value)), _NONE
        if not isinstance(node.value, int | float):
            raise self.fail(f"{node.value!r} is not a number: write a real number or a name.")
        if abs(node.value) > _LARGEST:
            raise self.fail(f"a number here exceeds {_LARGEST:g}: use a smaller one, or another unit.")
        return (sp.Integer(node.value) if isinstance(node.value, int) else sp.Float(node.value)), _NONE

    def Name(self, node: ast.Name) -> tuple[sp.Expr, Dimension]:
        if node.id in self.dimensions:
            return sp.Symbol(node.id), self.dimensions[node.id]
        if node.id in UNITS:
            unit = UNITS[node.id]
            value = float(unit.value)
            return (sp.Integer(int(value)) if value.is_integer() else sp.Float(value)), unit.dimension
        if node.id in CONSTANTS:
            return sp.Float(CONSTANTS[node.id]), _NONE
        if is_noise(node.id):
            raise self.fail(
                f"white noise {node.id!r} belongs in an equation: make it a variable there and use that here."
            )
        if node.id in NAMES_ELSEWHERE:
            raise self.fail(f"there is no {node.id!r} in the equation language: {NAMES_ELSEWHERE[node.id]}.")
        near = get_close_matches(node.id, self.dimensions, n=3) + get_close_matches(node.id, UNITS, n=2, cutoff=0.75)
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise self.fail(
            f"unknown name {node.id!r}: give it a value as a keyword argument, an equation, or declare "
            f"'{node.id} : unit (input)'.{hint}"
        )

    def UnaryOp(self, node: ast.UnaryOp) -> tuple[sp.Expr, Dimension]:
        if isinstance(node.op, ast.Not):
            return invert(self.visit_truth(node.operand, "not")), _NONE
        value, dimension = self.visit(node.operand)
        if isinstance(node.op, ast.USub):
            return -value, dimension
        if isinstance(node.op, ast.UAdd):
            return value, dimension
        raise self.operator(node)

    def BinOp(self, node: ast.BinOp) -> tuple[sp.Expr, Dimension]:
        if isinstance(node.op, ast.Mult | ast.Div):
            return self.product(node)
        if isinstance(node.op, ast.Add | ast.Sub):
            return self.sum(node)
        if isinstance(node.op, ast.Pow):
            return self.power(node.left, self.visit(node.left), node.right, self.visit(node.right))
        if isinstance(node.op, ast.Mod | ast.FloorDiv):
            return self.whole_quotient(node, node.left, node.right, rest=isinstance(node.op, ast.Mod))
        raise self.operator(node)

    def whole_quotient(
        self, node: ast.expr, left: ast.expr, right: ast.expr, *, rest: bool
    ) -> tuple[sp.Expr, Dimension]:
        """x // y, the largest whole number not above x/y, or x % y, what it leaves of x."""
        x, y = self.visit(left), self.visit(right)
        dimension = self.same(left, x, right, y, "take the whole quotient of")
        if y[0].is_number and y[0] == 0:
            raise self.fail(f"{shown(node)!r} divides by zero: correct the denominator.")
        return (mod(x[0], y[0]), dimension) if rest else (floor(x[0] / y[0]), _NONE)

    def operator(self, node: ast.UnaryOp | ast.BinOp) -> EquationError:
        instead = OPERATORS_ELSEWHERE.get(type(node.op), "write it with those")
        return self.fail(f"operator in {shown(node)!r} is not supported, there are + - * / // % and **: {instead}.")

    def product(self, node: ast.BinOp) -> tuple[sp.Expr, Dimension]:
        first, rest = _chain(node, ast.Mult | ast.Div)
        value, dimension = self.visit(first)
        for step, right in rest:
            b, db = self.visit(right)
            if isinstance(step.op, ast.Mult):
                value, dimension = value * b, dimension * db
                continue
            if b.is_number and b == 0:
                raise self.fail(f"{shown(step)!r} divides by zero: correct the denominator.")
            value, dimension = value / b, dimension / db
        whole = self.lifted(node)
        return (value if whole is None else whole), dimension

    def lifted(self, node: ast.BinOp) -> sp.Expr | None:
        """The product with its removable singularities written as the functions that they are; None without any."""
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & self.definitions.keys()
        for definitions in ({}, self.definitions) if names else ({},):
            form = ExactForm(lambda part: self._parts.visit(part)[0], self.dimensions, definitions)
            if may_vanish(node, definitions) and (found := lifted(node, form)) is not None:
                return found
        return None

    def sum(self, node: ast.BinOp) -> tuple[sp.Expr, Dimension]:
        first, rest = _chain(node, ast.Add | ast.Sub)
        value, dimension = self.visit(first)
        values = [value]
        for step, right in rest:
            b, db = self.visit(right)
            word = "add" if isinstance(step.op, ast.Add) else "subtract"
            so_far = values[0] if all(v == 0 for v in values) else sp.Integer(1)
            dimension = self.same(step.left, (so_far, dimension), right, (b, db), word)
            values.append(b if isinstance(step.op, ast.Add) else -b)
        return sp.Add(*values), dimension

    def power(
        self, left: ast.expr, a: tuple[sp.Expr, Dimension], right: ast.expr, b: tuple[sp.Expr, Dimension]
    ) -> tuple[sp.Expr, Dimension]:
        if b[1] != _NONE:
            raise DimensionError(
                f"in {self.line!r}: the exponent {shown(right)!r} has dimension {b[1]}, "
                f"but must be a plain number; divide it by a quantity of that dimension."
            )
        if not b[0].is_number:
            if a[1] != _NONE:
                raise DimensionError(
                    f"in {self.line!r}: {shown(left)!r} has dimension {a[1]} and can only be raised to a "
                    f"constant; divide it by a quantity of that dimension."
                )
            return a[0] ** b[0], _NONE
        try:
            exponent = Fraction(float(b[0])).limit_denominator(1000)
            value = float(a[0]) ** float(b[0]) if a[0].is_number else 0.0
            finite = not isinstance(value, complex) and abs(value) < _LARGEST and abs(exponent) < _LARGEST
        except (ArithmeticError, TypeError):
            finite = False
        if not finite:
            raise self.fail(f"{shown(left)!r} ** {shown(right)!r} has no finite real value: correct it.")
        short = not a[0].is_number or (abs(value) < 2**53 and abs(exponent) < _LARGEST_EXACT)
        return (a[0] ** b[0] if short else sp.Float(value)), a[1] ** exponent

    def same(
        self, left: ast.expr, a: tuple[sp.Expr, Dimension], right: ast.expr, b: tuple[sp.Expr, Dimension], word: str
    ) -> Dimension:
        if a[1] == b[1] or b[0] == 0:
            return a[1]
        if a[0] == 0:
            return b[1]
        raise DimensionError(
            f"in {self.line!r}: cannot {word} {shown(left)!r} of dimension {a[1]} and "
            f"{shown(right)!r} of dimension {b[1]}; multiply or divide one of them by a quantity of "
            f"dimension {a[1] / b[1]}."
        )

    def Compare(self, node: ast.Compare) -> tuple[sp.Expr, Dimension]:
        terms = [node.left, *node.comparators]
        check_conditions(len(node.ops), self.line)
        out: sp.Expr | None = None
        for operator, left, right in zip(node.ops, terms, terms[1:], strict=False):
            build = CONDITIONS.get(type(operator).__name__)
            if build is None:
                raise self.fail(f"comparison in {shown(node)!r} is not supported; there are > >= < <= == and !=.")
            a, b = self.visit(left), self.visit(right)
            self.same(left, a, right, b, "compare")
            term = build(a[0], b[0])
            out = term if out is None else both(out, term)
        return out, _NONE

    def BoolOp(self, node: ast.BoolOp) -> tuple[sp.Expr, Dimension]:
        check_conditions(len(node.values), self.line)
        join = both if isinstance(node.op, ast.And) else either
        values = [self.visit_truth(value, "and" if isinstance(node.op, ast.And) else "or") for value in node.values]
        out = values[0]
        for value in values[1:]:
            out = join(out, value)
        return out, _NONE

    def IfExp(self, node: ast.IfExp) -> tuple[sp.Expr, Dimension]:
        raise self.fail(f"write where(condition, a, b) instead of {shown(node)!r}.")

    def Call(self, node: ast.Call) -> tuple[sp.Expr, Dimension]:
        name = node.func.id if isinstance(node.func, ast.Name) else shown(node.func)
        if name not in FUNCTIONS and name in NAMES_ELSEWHERE:
            raise self.fail(f"there is no function {name!r} in the equation language: {NAMES_ELSEWHERE[name]}.")
        if name not in FUNCTIONS:
            near = get_close_matches(name, FUNCTIONS, n=2)
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            raise self.fail(f"unsupported function {name!r}: there are {', '.join(sorted(FUNCTIONS))}.{hint}")
        build, count = FUNCTIONS[name]
        if len(node.args) != count or node.keywords:
            plural = "s" if count != 1 else ""
            raise self.fail(f"{name} takes {count} argument{plural} by position, got {shown(node)!r}.")
        if name == "int":
            self.other_operator(node.args[0])
        if name == "int" and not self.truth(node.args[0]):
            what = shown(node.args[0])
            raise self.fail(
                f"int needs a condition, 1 where it holds and 0 elsewhere, but {what!r} is none: "
                f"write int({what} > 0), or floor({what}) for the whole part."
            )
        if name == "where":
            self.visit_truth(node.args[0], name)
        if name == "pow":
            left, right = node.args
            return self.power(left, self.visit(left), right, self.visit(right))
        if name == "mod":
            return self.whole_quotient(node, *node.args, rest=True)
        values = [self.visit(arg) for arg in node.args]
        result = self.fold(build(*(value for value, _ in values)), node)
        return result, self.result_dimension(name, node.args, values)

    def fold(self, result: sp.Expr, node: ast.expr) -> sp.Expr:
        """A function of numbers alone becomes a number, which must be finite and real."""
        if not result.is_number or (result.is_Number and result.is_finite):
            return result
        value = complex(result) if result.is_finite else complex("nan")
        if value.imag or not abs(value.real) < _LARGEST:
            raise self.fail(f"{shown(node)!r} has no finite real value: correct it.")
        return sp.Float(value.real)

    def result_dimension(self, name: str, args: list[ast.expr], values: list[tuple[sp.Expr, Dimension]]) -> Dimension:
        if name == "where":
            return self.same(args[1], values[1], args[2], values[2], "choose between")
        if name in _SAME:
            dimension = values[0][1]
            for arg, value in zip(args[1:], values[1:], strict=True):
                dimension = self.same(args[0], (values[0][0], dimension), arg, value, f"take the {name} of")
            return dimension
        if name == "sqrt":
            return values[0][1] ** Fraction(1, 2)
        if name == "sign":
            return _NONE
        for arg, (_, dimension) in zip(args, values, strict=True):
            if dimension != _NONE:
                raise DimensionError(
                    f"in {self.line!r}: {name} needs a plain number, but {shown(arg)!r} has dimension "
                    f"{dimension}; divide it by a quantity of dimension {dimension}."
                )
        return _NONE
