"""Events: a condition and its assignments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sympy as sp

from ranvier.dynamics._bounds import check_numbers
from ranvier.dynamics._names import check_name, is_noise
from ranvier.dynamics._symbols import Reader
from ranvier.dynamics.functions import both, folded
from ranvier.dynamics.text import Assignment, Equation, parse_assignments, parse_expression
from ranvier.errors import EquationError
from ranvier.units import Dimension

__all__ = ["Assignments", "Event", "EventReader", "conjunction"]

#: variables and what they become, in order
Assignments = tuple[tuple[str, sp.Expr], ...]


@dataclass(frozen=True)
class Event:
    """The assignments made when ``condition`` becomes true; the spike also makes a cell refractory."""

    name: str
    condition: sp.Expr
    assignments: Assignments
    text: tuple[str, str]


def conjunction(condition: sp.Expr) -> list[sp.Expr]:
    """The terms that must all hold."""
    if isinstance(condition, both):
        return [term for arg in condition.args for term in conjunction(arg)]
    return [condition]


@dataclass(frozen=True)
class EventReader:
    """Reads conditions and the statements that follow them."""

    reader: Reader
    by_name: Mapping[str, Equation]
    subexpressions: Mapping[sp.Symbol, sp.Expr]
    extra: Mapping[str, Dimension]
    steady: set[sp.Symbol]

    def read(self, events: Iterable[tuple[str, str, str]]) -> tuple[Event, ...]:
        """All events; their names must differ from each other and from the variables."""
        out: dict[str, Event] = {}
        for name, condition, code in events:
            if not name.isidentifier() or name in out or name in self.by_name:
                what = "is taken" if name.isidentifier() else "is not a name"
                raise EquationError(f"event name {name!r} {what}: choose another name.", line=condition)
            check_name(name, condition)
            truth = self._clean(self.reader.condition(parse_expression(condition), condition), condition)
            if truth.free_symbols <= self.steady:
                raise EquationError(
                    f"the condition of {name!r} never changes: compare a variable, for example 'v > V_th'.",
                    line=condition,
                )
            out[name] = Event(name, truth, self.assignments(code, f"{name} reset"), (condition, code))
        return tuple(out.values())

    def assignments(self, code: str, what: str) -> Assignments:
        """The statements of ``code``; ``what`` names them in errors."""
        return tuple(map(self._assignment, parse_assignments(code, what))) if code else ()

    def _assignment(self, statement: Assignment) -> tuple[str, sp.Expr]:
        name, line = statement.name, statement.line
        target = self.by_name.get(name)
        if name not in self.extra and (target is None or target.kind not in ("ode", "update")):
            raise EquationError(
                f"the statement assigns to {name!r}, which has no equation of its own: "
                f"write 'd{name}/dt = … : unit' or \"{name}' = {name} : unit\".",
                line=line,
            )
        dimension = self.extra[name] if target is None else target.dimension
        return name, self._clean(self.reader.read_as(statement.tree, dimension, line, name), line)

    def _clean(self, expression: sp.Expr, line: str) -> sp.Expr:
        expression = folded(expression.xreplace(self.subexpressions))
        check_numbers(expression, line)
        noise = sorted(str(s) for s in expression.free_symbols if is_noise(str(s)))
        if noise:
            raise EquationError(
                f"white noise {noise[0]!r} belongs in an equation: make it a variable there and use that here.",
                line=line,
            )
        return expression
