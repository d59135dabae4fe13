"""Bounds on the size of equation text, checked before it costs time or memory."""

from __future__ import annotations

import ast
from collections.abc import Iterable

import sympy as sp

from ranvier.errors import EquationError

__all__ = [
    "check_conditions",
    "check_digits",
    "check_model",
    "check_numbers",
    "check_size",
    "check_text_length",
    "too_deep",
]

#: characters of one text
_LONGEST_TEXT = 200_000
#: parts (names, numbers, operations) of one expression
_MOST_PARTS = 8_000
#: parts of all expressions of one model
_MOST_IN_MODEL = 12_000
#: bits of numerator and denominator: about the digits of one number
_MOST_BITS = 3_400
#: conditions joined by and, by or, or in one chain of comparisons
_MOST_CONDITIONS = 50
#: operators, brackets and calls inside each other
_DEEPEST = 60
#: digits of one number
_MOST_DIGITS = 1_000
#: the largest number, and the largest whole power
_LARGEST, _LARGEST_POWER = 1e300, 10_000


def check_text_length(text: str) -> None:
    """Raise where ``text`` exceeds the longest text."""
    if len(text) > _LONGEST_TEXT:
        raise EquationError(
            f"the text has {len(text):,} characters and may have {_LONGEST_TEXT:,}: split the model into several cells.",
            line=text[:80],
        )


def check_digits(text: str, line: str) -> None:
    """Raise where a number in ``text`` has too many digits."""
    run = 0
    for character in text:
        run = run + 1 if character.isdigit() else 0
        if run > _MOST_DIGITS:
            raise EquationError(f"a number has more than {_MOST_DIGITS:,} digits: write it shorter.", line=line[:80])


def too_deep(line: str) -> EquationError:
    """The error for an expression that is too large or too deeply nested."""
    return EquationError(
        f"the expression is too large: it may have about 1,000 terms in a row, {_MOST_PARTS:,} parts and "
        f"{_DEEPEST} levels of brackets; write parts of it as subexpressions of their own, 'x = … : unit'.",
        line=line[:80],
    )


def check_size(tree: ast.expr, line: str) -> None:
    """Raise where an expression has too many parts, or too many levels; a row of + and -, or of * and /, is one level."""
    stack: list[tuple[ast.AST, int]] = [(tree, 0)]
    parts = 0
    while stack:
        node, depth = stack.pop()
        parts += isinstance(node, ast.expr)
        if parts > _MOST_PARTS or depth > _DEEPEST:
            raise too_deep(line)
        for child in ast.iter_child_nodes(node):
            same = isinstance(node, ast.BinOp) and child is node.left and _rank(child) == _rank(node)
            stack.append((child, depth if same else depth + 1))


def check_model(trees: Iterable[ast.expr], text: str) -> None:
    """Raise where a model is too large to be compiled within seconds."""
    parts = sum(isinstance(node, ast.expr) for tree in trees for node in ast.walk(tree))
    if parts > _MOST_IN_MODEL:
        raise EquationError(
            f"the equations have {parts:,} parts (names, numbers, operations) and may have {_MOST_IN_MODEL:,}: "
            f"split the model into several cells.",
            line=text.strip()[:80],
        )


def check_conditions(count: int, line: str) -> None:
    """Raise where too many conditions are joined."""
    if count > _MOST_CONDITIONS:
        raise EquationError(
            f"{count} conditions are joined and {_MOST_CONDITIONS} may be: write parts of them as subexpressions, "
            f"'x = int(a > b and …) : 1', and compare those.",
            line=line[:80],
        )


def _rank(node: ast.AST) -> str:
    """Operators of one rank stand in a row."""
    if not isinstance(node, ast.BinOp):
        return ""
    sums = isinstance(node.op, ast.Add | ast.Sub)
    return "sum" if sums else "product" if isinstance(node.op, ast.Mult | ast.Div) else type(node).__name__


def check_numbers(expression: sp.Expr, line: str) -> None:
    """Raise where constants combine to a value that is not real, or that exceeds the range of floats."""
    if expression.has(sp.zoo, sp.oo, -sp.oo, sp.nan, sp.I):
        raise EquationError(
            "a part of this has no finite real value, such as log(0), sqrt(-1) or 1/0: correct it.", line=line
        )
    for number in expression.atoms(sp.Number):
        if abs(number) > _LARGEST:
            raise EquationError(
                f"the constants here combine to a number that exceeds {_LARGEST:g}: use smaller ones, or another unit.",
                line=line,
            )
        if isinstance(number, sp.Rational) and max(abs(number.p), number.q).bit_length() > _MOST_BITS:
            raise EquationError(
                f"the constants here combine to a fraction of more than {_MOST_DIGITS:,} digits: write it as a decimal.",
                line=line,
            )
    for power in expression.atoms(sp.Pow):
        if power.exp.is_number and abs(power.exp) > _LARGEST_POWER:
            raise EquationError(
                f"the power {power.exp} exceeds {_LARGEST_POWER:,}: use a smaller one, or exp and log.", line=line
            )
