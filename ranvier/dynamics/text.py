"""Equation text to records: one :class:`Equation` per line, nothing interpreted yet but its shape."""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction

from ranvier.dynamics._bounds import check_digits, check_text_length, too_deep
from ranvier.dynamics.guidance import FLAGS_ELSEWHERE, python_word
from ranvier.errors import EquationError
from ranvier.units import UNITS, Dimension, Quantity

__all__ = ["FLAGS", "Assignment", "Equation", "parse_assignments", "parse_equations", "parse_expression", "parse_unit"]

#: flag -> its meaning
FLAGS = {
    "unless refractory": "the variable is neither advanced nor kicked while the cell is refractory",
    "constant": "a parameter (the default for a declaration without equation)",
    "input": "a port: its value during a step is what arrives in that step",
    "event-driven": "synapses only: advanced exactly, and only when an event needs it",
}

#: flag -> the kinds of line it may stand on
_PLACES = {
    "unless refractory": ("ode", "update"),
    "constant": ("declaration",),
    "input": ("declaration",),
    "event-driven": ("ode",),
}
_ODE = re.compile(r"^d(\w+)\s*/\s*dt\s*=\s*(.+)$", re.S)
_UPDATE = re.compile(r"^(\w+)'\s*=\s*(.+)$", re.S)
_CONTRIBUTION = re.compile(r"^(\w+)\s*\+=\s*(.+)$", re.S)
_SUBEXPRESSION = re.compile(r"^(\w+)\s*=(?!=)\s*(.+)$", re.S)
_NAMES = re.compile(r"^(\w+(?:\s*,\s*\w+)*)$")
#: a unit, then flags in a bracket that does not continue the unit
_TAIL = re.compile(r"^(?P<unit>.*?[^\s*/(])\s*(?:\((?P<flags>[^()]*)\)\s*)?$", re.S)
_ASSIGNMENT = re.compile(r"^(\w+)\s*([-+*/]?=)(?!=)\s*(.+)$", re.S)


@dataclass(frozen=True)
class Equation:
    """One line of a model: ``kind`` is ode, update, subexpression, contribution or declaration."""

    kind: str
    name: str
    tree: ast.expr | None
    dimension: Dimension
    flags: frozenset[str]
    line: str

    @property
    def body(self) -> ast.expr:
        """The right-hand side, which every kind but a declaration has."""
        if self.tree is None:
            raise EquationError(f"{self.name!r} is declared without an equation: write one.", line=self.line)
        return self.tree

    def __str__(self) -> str:
        return self.line


@dataclass(frozen=True)
class Assignment:
    """One statement of a reset or of synapse code: ``name = tree`` (augmented forms already spelled out)."""

    name: str
    tree: ast.expr
    line: str


def parse_equations(text: str) -> tuple[Equation, ...]:
    """Read model text, one equation or declaration per line; a line ending inside a bracket continues."""
    out: list[Equation] = []
    for line in _lines(text):
        out.extend(_equation(line))
    return tuple(out)


def parse_assignments(text: str, what: str) -> tuple[Assignment, ...]:
    """Read statements such as ``v = V_r; w += b``, separated by semicolons or line ends."""
    out = []
    for line in _lines(text.replace(";", "\n")):
        match = _ASSIGNMENT.match(line)
        if not match:
            raise EquationError(
                f"cannot read the {what} statement: write 'variable = expression' or 'variable += expression'.",
                line=line,
            )
        name, operator, body = match.groups()
        tree = parse_expression(body, line)
        if operator != "=":
            symbol = {"+=": ast.Add(), "-=": ast.Sub(), "*=": ast.Mult(), "/=": ast.Div()}[operator]
            tree = ast.BinOp(ast.Name(name, ast.Load()), symbol, tree)
        out.append(Assignment(name, tree, line))
    return tuple(out)


def parse_expression(text: str, line: str = "") -> ast.expr:
    """Read an expression or condition such as ``v > V_t``; ``line`` is the text around it, for messages."""
    text, line = text.strip(), line or text.strip()
    check_text_length(text)
    check_digits(text, line)
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        if "nested parentheses" in error.msg:
            raise too_deep(line) from error
        word = python_word(text)
        if word is not None:
            raise EquationError(
                f"{word!r} is a keyword of Python and cannot be a name: rename it, for example {word}_.", line=line
            ) from error
        raise EquationError(f"cannot read the expression {text!r}: {error.msg}; correct it.", line=line) from error
    except (RecursionError, MemoryError) as error:
        raise too_deep(line) from error
    except ValueError as error:
        raise EquationError(
            f"cannot read the expression {text[:80]!r}: {error}; correct it.", line=line[:80]
        ) from error


def parse_unit(text: str, line: str) -> Dimension:
    """The dimension of a unit expression such as ``mV``, ``1`` or ``uF/cm**2``."""
    try:
        value = _unit(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, KeyError, TypeError, ValueError, RecursionError, MemoryError, ArithmeticError) as error:
        unknown = (w for w in re.findall(r"[^\W\d]\w*", text) if w not in UNITS)
        near = get_close_matches(next(unknown, ""), UNITS, n=3)
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise EquationError(
            f"unknown unit {text.strip()[:80]!r}: use 1 for none, or a product of units such as mV, nA, nS, pF, ms, Hz, um, "
            f"mM, kelvin, or long names such as msiemens.{hint}",
            line=line,
        ) from error
    return value.dimension


def _unit(node: ast.expr) -> Quantity:
    if isinstance(node, ast.Name):
        return UNITS["kelvin" if node.id == "K" else node.id]  # dimensions are written with K
    if isinstance(node, ast.Constant) and node.value == 1:
        return UNITS["1"]
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Mult):
            return _unit(node.left) * _unit(node.right)
        if isinstance(node.op, ast.Div):
            return _unit(node.left) / _unit(node.right)
        if isinstance(node.op, ast.Pow):
            return _unit(node.left) ** _exponent(node.right)
    raise ValueError("not a product of units")


def _exponent(node: ast.expr) -> Fraction:
    """A constant such as 2, -1 or (1/2)."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _exponent(node.left) / _exponent(node.right)
    value = Fraction(ast.literal_eval(node))
    if abs(value) > 100:
        raise ValueError("not a power that a unit has")
    return value


def _lines(text: str) -> list[str]:
    check_text_length(text)
    out, held, depth, first = [], "", 0, ""
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].strip()
        if not line:
            continue
        first = first if held else line
        held = f"{held} {line}".strip()
        depth = held.count("(") - held.count(")")
        if depth <= 0:
            out.append(held)
            held = ""
    if held:
        raise EquationError(
            f"a bracket is never closed: add {depth} ')' to the line that begins {first!r}.", line=first
        )
    return out


def _equation(line: str) -> list[Equation]:
    head, colon, tail = line.rpartition(":")
    match = _TAIL.match(tail.strip())
    if not colon or not match or match["unit"].strip("() ") in FLAGS:
        raise EquationError("no unit: end the line with ': unit', for example ': mV' or ': 1'.", line=line)
    flags = frozenset(flag.strip() for flag in (match["flags"] or "").split(",") if flag.strip())
    unknown = sorted(flags - FLAGS.keys())
    if unknown:
        instead = FLAGS_ELSEWHERE.get(unknown[0])
        known = f"the flags are {', '.join(sorted(FLAGS))}"
        if instead is not None:
            raise EquationError(f"there is no flag {unknown[0]!r}: {instead}; {known}.", line=line)
        raise EquationError(f"unknown flag {unknown[0]!r}: {known}.", line=line)
    dimension = parse_unit(match["unit"], line)
    kind, names, body = _shape(head.strip(), line)
    misplaced = sorted(flag for flag in flags if kind not in _PLACES[flag])
    if misplaced or {"input", "constant"} <= flags:
        flag = misplaced[0] if misplaced else "constant"
        fits = " or ".join(_KINDS[k] for k in _PLACES[flag])
        raise EquationError(f"({flag}) cannot stand here: it belongs to {fits}; {FLAGS[flag]}. Remove it.", line=line)
    tree = parse_expression(body, line) if body is not None else None
    return [Equation(kind, _checked_name(name, line), tree, dimension, flags, line) for name in names]


_KINDS = {
    "ode": "a differential equation",
    "update": "a next value (x')",
    "declaration": "a declaration without equation",
}


def _shape(head: str, line: str) -> tuple[str, list[str], str | None]:
    """Kind, names and right-hand side of the part before the unit."""
    patterns = {"ode": _ODE, "update": _UPDATE, "contribution": _CONTRIBUTION, "subexpression": _SUBEXPRESSION}
    for kind, pattern in patterns.items():
        found = pattern.match(head)
        if found:
            return kind, [found[1]], found[2]
    if _NAMES.match(head):
        return "declaration", [name.strip() for name in head.split(",")], None
    raise EquationError(
        "cannot read this line: write 'dx/dt = … : unit', \"x' = … : unit\", 'x = … : unit', 'x += … : unit' "
        "or 'x : unit (input)'.", line=line,
    )  # fmt: skip


def _checked_name(name: str, line: str) -> str:
    name = unicodedata.normalize("NFKC", name)
    if not name.isidentifier() or keyword.iskeyword(name):
        raise EquationError(
            f"{name!r} cannot be a name: use letters, digits and underscores, and no word of Python.", line=line
        )
    return name
