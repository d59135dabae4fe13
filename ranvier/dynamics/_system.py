"""A checked model: every name has a role and a dimension, every equation is symbolic, subexpressions are resolved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

import sympy as sp

from ranvier.dynamics._symbols import NOISE, Reader
from ranvier.dynamics._text import Equation, parse_assignments, parse_condition, parse_equations
from ranvier.errors import EquationError
from ranvier.units import UNITS, Dimension

__all__ = ["Event", "System", "read_system"]

_NOISE_NAME = re.compile(r"^xi(_\w+)?$")
_TIME = UNITS["ms"].dimension
#: names that mean something in every model
RESERVED = frozenset({"dt", "t", "refractory"})


@dataclass(frozen=True)
class Event:
    """What happens when ``condition`` becomes true: the assignments, and refractoriness for the spike."""

    name: str
    condition: sp.Expr
    assignments: tuple[tuple[str, sp.Expr], ...]
    text: tuple[str, str]


@dataclass(frozen=True)
class System:
    """The symbolic form of a model, before any time step is chosen."""

    equations: tuple[Equation, ...]
    odes: Mapping[str, sp.Expr]
    updates: Mapping[str, sp.Expr]
    subexpressions: Mapping[str, sp.Expr]
    inputs: tuple[str, ...]
    parameters: tuple[str, ...]
    noises: tuple[str, ...]
    dimensions: Mapping[str, Dimension]
    frozen: frozenset[str]
    events: tuple[Event, ...] = ()
    refractory: bool = False
    lines: Mapping[str, str] = field(default_factory=dict)

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the variables that live from step to step."""
        return (*self.odes, *self.updates)


def read_system(
    text: str,
    events: Iterable[tuple[str, str, str]] = (),
    values: Mapping[str, Dimension] | None = None,
    refractory: bool = False,
    extra: Mapping[str, Dimension] | None = None,
) -> System:
    """Read and check a model.

    ``events`` holds (name, condition, assignments); ``values`` the dimension of every given value; ``extra`` names that
    other records define (synapses see the variables of their pre- and postsynaptic cells).
    """
    values, extra = dict(values or {}), dict(extra or {})
    equations = _take_over(parse_equations(text))
    by_name = {equation.name: equation for equation in equations}
    for name in by_name:
        if name in RESERVED or _NOISE_NAME.match(name):
            raise EquationError(f"{name!r} is a reserved name and cannot be defined: rename it in {by_name[name].line!r}.", line=by_name[name].line)
    declared = {equation.name: equation.dimension for equation in equations}
    for name, dimension in values.items():
        if name in declared and declared[name] != dimension:
            raise EquationError(
                f"value of {name!r} has dimension {dimension}, but {by_name[name].line!r} declares {declared[name]}: give a value in that unit.",
                line=by_name[name].line,
            )
        if name in by_name and by_name[name].kind == "subexpression":
            raise EquationError(f"{name!r} is a subexpression ({by_name[name].line!r}) and cannot be given a value.", line=by_name[name].line)
    inputs = tuple(e.name for e in equations if e.kind == "declaration" and "input" in e.flags)
    missing = [e for e in equations if e.kind == "declaration" and "input" not in e.flags and e.name not in values]
    if missing:
        raise EquationError(
            f"parameter {missing[0].name!r} ({missing[0].line!r}) has no value: pass {missing[0].name}=… , or flag it (input).", line=missing[0].line
        )
    states = [e for e in equations if e.kind in ("ode", "update")]
    parameters = tuple(name for name in values if name not in {e.name for e in states})
    noises = tuple(sorted({w for e in equations if e.tree is not None for w in re.findall(r"\bxi(?:_\w+)?\b", e.line)}))
    reader = Reader({**extra, **values, **declared, **dict.fromkeys(noises, NOISE)})

    subexpressions = _subexpressions(equations, reader)
    odes, updates = {}, {}
    for equation in states:
        dimension = equation.dimension / _TIME if equation.kind == "ode" else equation.dimension
        what = f"d{equation.name}/dt" if equation.kind == "ode" else f"{equation.name}'"
        expression = reader.read_as(equation.tree, dimension, equation.line, what).xreplace(subexpressions)
        (odes if equation.kind == "ode" else updates)[equation.name] = expression
    read = [_event(name, condition, code, reader, by_name, subexpressions, extra) for name, condition, code in events]
    frozen = frozenset(e.name for e in equations if "unless refractory" in e.flags)
    if frozen and not refractory:
        raise EquationError(
            f"{by_name[min(frozen)].line!r} is flagged (unless refractory), but the cell has no refractory period: pass refractory=….",
            line=by_name[min(frozen)].line,
        )
    return System(
        equations, odes, updates, {str(k): v for k, v in subexpressions.items()}, inputs, parameters, noises,
        dict(reader.dimensions), frozen, tuple(read), refractory, {e.name: e.line for e in equations},
    )  # fmt: skip


def _take_over(equations: tuple[Equation, ...]) -> tuple[Equation, ...]:
    """An equation takes over an input declared under the same name; every other repetition is a clash."""
    kept: dict[str, Equation] = {}
    for equation in equations:
        known = kept.get(equation.name)
        if known is not None:
            ports = [e for e in (known, equation) if e.kind == "declaration" and "input" in e.flags]
            if not ports or known.dimension != equation.dimension:
                raise EquationError(f"{equation.name!r} is defined twice: {known.line!r} and {equation.line!r}; rename one of them.", line=equation.line)
            if ports[0] is equation:
                continue
        kept[equation.name] = equation
    return tuple(kept.values())


def _subexpressions(equations: tuple[Equation, ...], reader: Reader) -> dict[sp.Symbol, sp.Expr]:
    """Every subexpression in terms of states, inputs and parameters."""
    lines = {e.name: e for e in equations if e.kind == "subexpression"}
    raw = {n: reader.read_as(e.tree, e.dimension, e.line, n) for n, e in lines.items()}
    graph = {n: {str(s) for s in x.free_symbols} & raw.keys() for n, x in raw.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        loop = " -> ".join(error.args[1])
        raise EquationError(
            f"circular subexpressions: {loop}; an algebraic loop has no value - make one of them a state (dx/dt or x').", line=lines[error.args[1][0]].line
        ) from None
    out: dict[sp.Symbol, sp.Expr] = {}
    for name in order:
        out[sp.Symbol(name)] = raw[name].xreplace(out)
    return out


def _event(name, condition, code, reader, by_name, subexpressions, extra) -> Event:
    truth = reader.condition(parse_condition(condition), condition).xreplace(subexpressions)
    assignments = []
    for assignment in parse_assignments(code, f"{name} reset") if code else ():
        target = by_name.get(assignment.name)
        if assignment.name not in extra and (target is None or target.kind not in ("ode", "update")):
            raise EquationError(
                f"{assignment.line!r} assigns to {assignment.name!r}, which has no equation of its own: "
                f"write 'd{assignment.name}/dt = … : unit' or \"{assignment.name}' = {assignment.name} : unit\".",
                line=assignment.line,
            )
        dimension = extra[assignment.name] if target is None else target.dimension
        expression = reader.read_as(assignment.tree, dimension, assignment.line, assignment.name)
        assignments.append((assignment.name, expression.xreplace(subexpressions)))
    return Event(name, truth, tuple(assignments), (condition, code))
