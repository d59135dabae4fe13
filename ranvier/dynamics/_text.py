"""Equation text to records: one :class:`Equation` per line, nothing interpreted yet but its shape."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from ranvier.errors import EquationError
from ranvier.units import UNITS, Dimension, Quantity

__all__ = ["FLAGS", "Assignment", "Equation", "parse_assignments", "parse_condition", "parse_equations", "parse_unit"]

FLAGS = {
    "unless refractory": "the variable is neither advanced nor kicked while the cell is refractory",
    "constant": "a parameter (the default for a declaration without equation)",
    "input": "a port: its value during a step is what arrives in that step",
    "event-driven": "synapses only: advanced exactly, and only when an event needs it",
}

_ODE = re.compile(r"^d(\w+)\s*/\s*dt\s*=\s*(.+)$", re.S)
_UPDATE = re.compile(r"^(\w+)'\s*=\s*(.+)$", re.S)
_SUBEXPRESSION = re.compile(r"^(\w+)\s*=(?!=)\s*(.+)$", re.S)
_NAMES = re.compile(r"^(\w+(?:\s*,\s*\w+)*)$")
_TAIL = re.compile(r"^(?P<unit>[^()]*(?:\([^()]*\)[^()]*)*?)\s*(?:\(\s*(?P<flags>[a-z][a-z \-,]*)\s*\))?\s*$", re.S)
_ASSIGNMENT = re.compile(r"^(\w+)\s*([-+*/]?=)(?!=)\s*(.+)$", re.S)


@dataclass(frozen=True)
class Equation:
    """One line of a model: ``kind`` is ode, update, subexpression or declaration."""

    kind: str
    name: str
    tree: ast.expr | None
    dimension: Dimension
    flags: frozenset[str]
    line: str

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
            raise EquationError(f"cannot read the {what} statement {line!r}: write 'variable = expression' or 'variable += expression'.", line=line)
        name, operator, body = match.groups()
        tree = _expression(body, line)
        if operator != "=":
            symbol = {"+=": ast.Add(), "-=": ast.Sub(), "*=": ast.Mult(), "/=": ast.Div()}[operator]
            tree = ast.BinOp(ast.Name(name, ast.Load()), symbol, tree)
        out.append(Assignment(name, tree, line))
    return tuple(out)


def parse_condition(text: str) -> ast.expr:
    """Read a truth-valued expression such as ``v > V_t``."""
    return _expression(text.strip(), text.strip())


def parse_unit(text: str, line: str) -> Dimension:
    """The dimension of a unit expression such as ``mV``, ``1`` or ``uF/cm**2``."""
    try:
        value = _unit(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, KeyError, TypeError, ValueError) as error:
        known = ", ".join(sorted(UNITS))
        raise EquationError(f"unknown unit {text.strip()!r}: use 1 for none, or a product of {known}.", line=line) from error
    return value.dimension


def _unit(node: ast.expr) -> Quantity:
    if isinstance(node, ast.Name):
        return UNITS[node.id]
    if isinstance(node, ast.Constant) and node.value == 1:
        return UNITS["1"]
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Mult):
            return _unit(node.left) * _unit(node.right)
        if isinstance(node.op, ast.Div):
            return _unit(node.left) / _unit(node.right)
        if isinstance(node.op, ast.Pow):
            return _unit(node.left) ** ast.literal_eval(node.right)
    raise ValueError("not a product of units")


def _lines(text: str) -> list[str]:
    out, held, depth = [], "", 0
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].strip()
        if not line:
            continue
        held = f"{held} {line}".strip()
        depth = held.count("(") - held.count(")")
        if depth <= 0:
            out.append(held)
            held = ""
    if held:
        raise EquationError(f"a bracket is never closed in {held!r}: add {depth} ')'.", line=held)
    return out


def _equation(line: str) -> list[Equation]:
    head, colon, tail = line.rpartition(":")
    if not colon:
        raise EquationError(f"no unit in {line!r}: end the line with ': unit', for example ': mV' or ': 1'.", line=line)
    match = _TAIL.match(tail)
    unit, flagged = (match["unit"], match["flags"]) if match else (tail, None)
    flags = frozenset(flag.strip() for flag in (flagged or "").split(",") if flag.strip())
    unknown = sorted(flags - FLAGS.keys())
    if unknown:
        raise EquationError(f"unknown flag {unknown[0]!r} in {line!r}: the flags are {', '.join(sorted(FLAGS))}.", line=line)
    if not unit.strip():
        raise EquationError(f"no unit in {line!r}: end the line with ': unit', for example ': mV' or ': 1'.", line=line)
    dimension = parse_unit(unit, line)
    head = head.strip()
    if head.startswith(("_", "d_")):
        raise EquationError(f"names beginning with an underscore are the compiler's own: rename the variable in {line!r}.", line=line)
    for kind, pattern in (("ode", _ODE), ("update", _UPDATE), ("subexpression", _SUBEXPRESSION)):
        found = pattern.match(head)
        if found:
            if "input" in flags or "constant" in flags:
                raise EquationError(f"{found[1]!r} has an equation and cannot be flagged (input) or (constant): {line!r}.", line=line)
            return [Equation(kind, found[1], _expression(found[2], line), dimension, flags, line)]
    if _NAMES.match(head):
        return [Equation("declaration", name.strip(), None, dimension, flags, line) for name in head.split(",")]
    raise EquationError(
        f"cannot read {line!r}: write 'dx/dt = … : unit', \"x' = … : unit\", 'x = … : unit' or 'x : unit (input)'.", line=line
    )


def _expression(text: str, line: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise EquationError(f"cannot read the expression {text.strip()!r} in {line!r}: {error.msg}.", line=line) from error
