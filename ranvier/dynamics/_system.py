"""A checked model: every name has a role and a dimension, every equation is symbolic, subexpressions are resolved."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import sympy as sp

from ranvier.dynamics._bounds import check_model, check_numbers
from ranvier.dynamics._composition import resolve, take_over
from ranvier.dynamics._events import Assignments, Event, EventReader
from ranvier.dynamics._names import check_name, is_noise
from ranvier.dynamics._symbols import NOISE, Reader
from ranvier.dynamics.functions import folded
from ranvier.dynamics.text import Equation, parse_equations
from ranvier.errors import DimensionError, EquationError
from ranvier.units import UNITS, Dimension

__all__ = ["Event", "System", "read_system"]

_TIME = UNITS["ms"].dimension


@dataclass(frozen=True, eq=False)
class System:
    """The symbolic form of a model, before any time step is chosen; one object for one text and one set of values.

    ``inputs`` take arrivals as their value; ``ports`` are all names declared so, also where an equation took one over.
    ``subexpressions`` also holds the total of every input to which the model itself contributes (``x += …``). Large ones stay
    names: ``named`` holds their definitions, in the order in which they can be computed. ``before_firing`` are the statements
    of every step between the advance and the first test of a threshold.
    """

    equations: tuple[Equation, ...]
    odes: Mapping[str, sp.Expr]
    updates: Mapping[str, sp.Expr]
    subexpressions: Mapping[str, sp.Expr]
    named: Mapping[str, sp.Expr]
    inputs: tuple[str, ...]
    ports: tuple[str, ...]
    parameters: tuple[str, ...]
    noises: tuple[str, ...]
    dimensions: Mapping[str, Dimension]
    frozen: frozenset[str]
    events: tuple[Event, ...] = ()
    before_firing: Assignments = ()
    refractory: bool = False
    lines: Mapping[str, str] = field(default_factory=dict)

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the variables that live from step to step."""
        return (*self.odes, *self.updates)

    @cached_property
    def times(self) -> tuple[str, ...]:
        """Variables in ms: they may hold a time, and are float64 in networks of any dtype."""
        return tuple(n for n in self.states if self.dimensions[n] == _TIME)

    @cached_property
    def sent(self) -> frozenset[str]:
        """Variables without memory that nothing reads: an event that sets one sends it, which is no reset."""
        read = {str(s) for e in self._bodies for s in e.free_symbols}
        return frozenset(self.updates) - read

    @cached_property
    def before(self) -> Mapping[str, str]:
        """``v_before`` -> ``v``: the words by which users call variables before any reset, for names that are free."""
        return {f"{n}_before": n for n in self.states if f"{n}_before" not in self.dimensions} if self.events else {}

    @property
    def _bodies(self) -> list[sp.Expr]:
        """The right-hand sides of equations."""
        return [*self.odes.values(), *self.updates.values(), *self.subexpressions.values(), *self.named.values()]

    @property
    def expressions(self) -> list[sp.Expr]:
        """Every right-hand side, those of events included."""
        own = [*self._bodies, *(e for _, e in self.before_firing)]
        return own + [e for event in self.events for e in (event.condition, *(a for _, a in event.assignments))]

    @cached_property
    def behind(self) -> Mapping[str, frozenset[sp.Symbol]]:
        """The dependencies of each named subexpression: states, inputs and parameters, and other names on the way."""
        out: dict[str, frozenset[sp.Symbol]] = {}
        for name, definition in self.named.items():
            direct = frozenset(definition.free_symbols)
            out[name] = direct.union(*(out[str(s)] for s in direct if str(s) in out))
        return out

    def named_in(self, expressions: Iterable[sp.Expr]) -> frozenset[str]:
        """The named subexpressions that must be computed before ``expressions``."""
        read = {s for e in expressions for s in e.free_symbols if str(s) in self.named}
        read = read.union(*(self.behind[str(s)] for s in read))
        return frozenset(str(s) for s in read) & self.named.keys()

    def symbols_of(self, expression: sp.Expr) -> frozenset[sp.Symbol]:
        """The states, inputs and parameters that ``expression`` depends on."""
        direct = frozenset(expression.free_symbols)
        every = direct.union(*(self.behind[str(s)] for s in direct if str(s) in self.named))
        return frozenset(s for s in every if str(s) not in self.named)

    def written(self, expression: sp.Expr) -> sp.Expr:
        """``expression`` with small subexpressions replaced by their definitions, and large ones by their names."""
        return expression.xreplace({sp.Symbol(n): e for n, e in self.subexpressions.items()})


def read_system(
    text: str,
    events: Iterable[tuple[str, str, str]] = (),
    values: Mapping[str, Dimension] | None = None,
    refractory: bool = False,
    extra: Mapping[str, Dimension] | None = None,
    before_firing: str = "",
) -> System:
    """Read and check a model.

    ``events`` holds (name, condition, assignments); ``values`` the dimension of every given value; ``extra`` names that
    other records define (synapses see the variables of their pre- and postsynaptic cells). ``before_firing`` are assignments
    made in every step before any condition is tested.
    """
    return _read(text, tuple(events), _items(values), refractory, _items(extra), before_firing)


def _items(dimensions: Mapping[str, Dimension] | None) -> tuple[tuple[str, Dimension], ...]:
    return tuple((dimensions or {}).items())


@lru_cache(maxsize=256)
def _read(
    text: str, events: tuple[tuple[str, str, str], ...], given: tuple[tuple[str, Dimension], ...], refractory: bool,
    others: tuple[tuple[str, Dimension], ...], before_firing: str,
) -> System:  # fmt: skip
    values, extra = dict(given), dict(others)
    lines = parse_equations(text)
    check_model((e.tree for e in lines if e.tree is not None), text)
    equations = take_over(lines)
    by_name = {e.name: e for e in equations if e.kind != "contribution"}
    _check_names(by_name, values, extra)
    _check_values(by_name, values)
    states = [e for e in equations if e.kind in ("ode", "update")]
    own = {e.name for e in states}
    noises = sorted(
        {n.id for e in equations if e.tree for n in ast.walk(e.tree) if isinstance(n, ast.Name) and is_noise(n.id)}
    )
    dimensions = {**extra, **values, **{e.name: e.dimension for e in by_name.values()}}
    definitions = {e.name: e.body for e in by_name.values() if e.kind == "subexpression"}
    reader = Reader({**dimensions, **dict.fromkeys(noises, NOISE)}, definitions)

    subexpressions, named = resolve(equations, reader)
    odes, updates = {}, {}
    for equation in states:
        dimension = equation.dimension / _TIME if equation.kind == "ode" else equation.dimension
        what = f"d{equation.name}/dt" if equation.kind == "ode" else f"{equation.name}'"
        expression = folded(reader.read_as(equation.body, dimension, equation.line, what).xreplace(subexpressions))
        check_numbers(expression, equation.line)
        (odes if equation.kind == "ode" else updates)[equation.name] = expression
    parameters = tuple(name for name in values if name not in own)
    steady = {sp.Symbol(n) for n in (*parameters, "dt")}
    statements = EventReader(Reader(dimensions, definitions), by_name, subexpressions, extra, steady)
    read = statements.read(events)
    frozen = frozenset(e.name for e in equations if "unless refractory" in e.flags)
    if frozen and not refractory:
        line = by_name[min(frozen)].line
        raise EquationError("(unless refractory) needs a refractory period: pass refractory=… to the cell.", line=line)
    return System(
        equations=equations,
        odes=odes,
        updates=updates,
        subexpressions={str(k): v for k, v in subexpressions.items()},
        named=named,
        inputs=tuple(e.name for e in by_name.values() if "input" in e.flags),
        ports=tuple(dict.fromkeys(e.name for e in lines if "input" in e.flags)),
        parameters=parameters,
        noises=tuple(noises),
        dimensions=dict(reader.dimensions),
        frozen=frozen,
        events=read,
        before_firing=statements.assignments(before_firing, "before_firing"),
        refractory=refractory,
        lines={e.name: e.line for e in by_name.values()},
    )


def _check_names(
    by_name: Mapping[str, Equation], values: Mapping[str, Dimension], extra: Mapping[str, Dimension]
) -> None:
    for name, equation in by_name.items():
        check_name(name, equation.line)
        if name in extra:
            raise EquationError(
                f"{name!r} already means a variable of a neighbouring model: rename it.", line=equation.line
            )
    for name in values:
        if name != "refractory":
            check_name(name, f"{name}=…")


def _check_values(by_name: Mapping[str, Equation], values: Mapping[str, Dimension]) -> None:
    for name, dimension in values.items():
        equation = by_name.get(name)
        if equation is None:
            continue
        if equation.kind == "subexpression":
            raise EquationError(
                f"{name!r} is a subexpression and cannot be given a value: remove one of them.", line=equation.line
            )
        if "input" in equation.flags:
            raise EquationError(
                f"{name!r} is an input, whose value is what arrives: remove {name}=…, "
                f"or the flag (input) to make it a parameter.",
                line=equation.line,
            )
        if equation.dimension != dimension:
            raise DimensionError(
                f"value of {name!r} has dimension {dimension}, but {equation.line!r} declares {equation.dimension}: "
                f"give a value in that unit."
            )
    for equation in by_name.values():
        if equation.kind == "declaration" and "input" not in equation.flags and equation.name not in values:
            raise EquationError(
                f"parameter {equation.name!r} has no value: pass {equation.name}=… to the cell (net.population may replace it "
                f"later), or flag it (input).",
                line=equation.line,
            )
