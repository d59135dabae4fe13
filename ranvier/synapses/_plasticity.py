"""Synapses with a life of their own: equations for what lives on a synapse, and code for what happens there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp

from ranvier.dynamics import (
    TIME,
    Program,
    Step,
    System,
    Tape,
    build_step,
    exact_times,
    parse_equations,
    parse_unit,
    placed,
    read_system,
    shortened,
)
from ranvier.dynamics.limits import Limit, limits_around
from ranvier.dynamics.symbols import Domain, Role, Symbol, end_name
from ranvier.errors import DimensionError, EquationError
from ranvier.neurons.values import check_text, check_values, merge_values
from ranvier.units import UNITS, Dimension, as_quantity
from ranvier.values import Distribution, Learn

__all__ = ["CODES", "BoundPlasticity", "Plasticity"]

#: the pieces of code a rule may have
CODES = ("on_pre", "on_post", "every_step")
_ALWAYS = "t >= 0*ms"
_DURATION = UNITS["ms"].dimension
_OWN = {"w": "its weight", "sent": "what it delivers", "rand": "a random number"}


class Plasticity:
    """What every synapse of a projection does: how its weight ``w`` changes, and what it delivers.

    Parameters
    ----------
    equations
        Variables of each synapse (traces), one equation per line as in a cell.
    on_pre
        Statements executed when a presynaptic spike arrives.
    on_post
        Statements executed when the postsynaptic cell fired in the step before, after every ``on_pre`` of the step.
    every_step
        Statements executed in every step, after ``on_post``; ``"w += dt*(…)"`` is Euler's rule for the weight.
    unit
        Unit of the weight, where it is not that of the port.
    name
        What messages call the rule.
    values
        Parameters (one number, or one per synapse), and initial values of variables.

    ``x_pre`` and ``x_post`` read the variable x of the cell at either end, as it is when the step begins. A spike delivers
    the weight it finds, unless the code assigns to ``sent``: in ``on_pre`` that is what the spike delivers instead, in
    ``every_step`` what the synapse delivers in every step (spikes then deliver nothing of their own). ``sent`` begins as
    ``w``. ``rand`` in ``on_pre`` is a number between 0 and 1, drawn anew for every synapse and spike. Two rules join with
    ``+``: the code of the first runs first; a value that both name, such as ``w_max``, must be equal.

    In step n: arrive (``on_pre``, ``on_post``, ``every_step``, deliver), advance (variables with the cells), fire, reset.

    Raises
    ------
    EquationError, DimensionError
        With the line, the dimensions and the remedy; what depends on the cells when the rule is connected.

    >>> rule = rv.Plasticity("dx/dt = -x/tau : 1", on_pre="x += 1", on_post="w += A*x", tau=20*ms, A=0.01)
    """

    def __init__(
        self, equations: str = "", *, on_pre: str = "", on_post: str = "", every_step: str = "", unit: str = "",
        name: str = "plasticity", **values: Any,
    ) -> None:  # fmt: skip
        check_text(name, equations=equations, on_pre=on_pre, on_post=on_post, every_step=every_step, unit=unit)
        if not (on_pre or on_post or every_step):
            raise EquationError(
                "a rule without on_pre, on_post and every_step never does anything: give one of them.", line=name
            )
        self.equations, self.on_pre, self.on_post, self.every_step = equations, on_pre, on_post, every_step
        self.unit, self.name = unit, name
        self.values = dict(values)
        self.dimensions = check_values(values)

    @property
    def codes(self) -> dict[str, str]:
        """The pieces of code that there are."""
        return {n: code for n in CODES if (code := getattr(self, n))}

    def weight_dimension(self, port: Dimension) -> Dimension:
        """The dimension of the weight of a projection that arrives at a port of dimension ``port``."""
        return parse_unit(self.unit, f"unit={self.unit!r}") if self.unit else port

    def bind(self, port: Dimension, pre: Mapping[str, Dimension], post: Mapping[str, Dimension]) -> BoundPlasticity:
        """Check the rule against the port's dimension and the variables of both cells, and write its programs."""
        cells = {
            end_name(n, end): Symbol(end_name(n, end), Role.STATE, end, n, dimension)
            for end, variables in ((Domain.PRE, pre), (Domain.POST, post))
            for n, dimension in variables.items()
        }
        own = {e.name for e in parse_equations(self.equations)} | set(self.values)
        for name in sorted(own & _OWN.keys()):
            raise EquationError(
                f"{name!r} is a word of synapses ({_OWN[name]}) and has no equation or value of its own: change it in "
                f"on_pre, on_post or every_step, for example every_step='w += dt*(…)'.",
                line=self.name,
            )
        extra = {"w": self.weight_dimension(port), "sent": port, "rand": UNITS["1"].dimension}
        ends = {n: s for n, s in cells.items() if n not in own}
        extra |= {n: s.dimension for n, s in ends.items() if s.dimension is not None}
        events = [(n, _ALWAYS, code) for n, code in self.codes.items()]
        system = read_system(self.equations, events, self.dimensions, False, extra)
        self._check(system)
        codes = {e.name: _program(system, e.assignments) for e in system.events}
        sends = any("sent" in program.outputs for program in codes.values())
        if extra["w"] != port and (not sends or any("sent" in program.reads for program in codes.values())):
            raise DimensionError(
                f"{self.name}: the weight in {extra['w']} cannot be delivered to a port in {port}: assign to 'sent', "
                f"for example sent = w*(v_pre - v_post)."
            )
        codes = {n: c.replaced({sp.Symbol("sent"): sp.Symbol("w")}) for n, c in codes.items()}
        times = (TIME, *(n for n in system.states if system.dimensions[n] == _DURATION))
        codes = {n: exact_times(c, times) for n, c in codes.items()}
        step = build_step(replace(system, events=()))
        return BoundPlasticity(self, system, replace(step, program=exact_times(step.program, times)), codes, ends)

    def _check(self, system: System) -> None:
        for kind, found in (("an input", system.inputs), ("white noise", system.noises)):
            if found:
                raise EquationError(
                    f"{found[0]!r} is {kind}, which synapses do not have: put it into a cell and read it with _pre or _post.",
                    line=self.name,
                )
        for event in system.events:
            line = event.text[1]
            for target, expression in event.assignments:
                if target not in ("w", *system.states) and not (target == "sent" and event.name != "on_post"):
                    allowed = "w, sent (in on_pre or every_step) and the rule's own variables"
                    raise EquationError(f"{event.name} assigns to {target!r}: it may change {allowed}.", line=line)
                if event.name != "on_pre" and sp.Symbol("rand") in system.symbols_of(expression):
                    raise EquationError(
                        f"{event.name} reads rand, which belongs to spikes that arrive: on_pre.", line=line
                    )
        self._check_use(system)
        for name in ("sent", "rand"):
            if any(sp.Symbol(name) in system.symbols_of(e) for e in (*system.odes.values(), *system.updates.values())):
                raise EquationError(f"{name!r} cannot stand in an equation, only in on_pre.", line=self.name)

    def _check_use(self, system: System) -> None:
        used = {str(s) for e in system.expressions for s in e.free_symbols} | {*system.states}
        for name in self.values:
            if name not in used:
                raise EquationError(
                    f"value {name!r} is used by no equation and no code of the rule: remove it or correct its name.",
                    line=self.name,
                )

    def __add__(self, other: Plasticity) -> Plasticity:
        if not isinstance(other, Plasticity):
            return NotImplemented
        if self.unit and other.unit and self.unit != other.unit:
            raise EquationError(
                f"one rule has weights in {self.unit}, the other in {other.unit}: they cannot share them.",
                line=self.name,
            )
        texts = {n: "\n".join(filter(None, (getattr(self, n), getattr(other, n)))) for n in ("equations", *CODES)}
        shared = {n for n in self.values.keys() & other.values.keys() if _equal(self.values[n], other.values[n])}
        values = merge_values(self.values, {n: v for n, v in other.values.items() if n not in shared})
        return Plasticity(**texts, unit=self.unit or other.unit, name=f"{self.name}+{other.name}", **values)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{n}={v}' for n, v in self.values.items())})"


@dataclass(frozen=True)
class BoundPlasticity:
    """A rule fitted to a projection: the step that advances its variables, and its code as programs.

    ``ends`` are the variables of both cells by the names under which the code may read them.
    """

    rule: Plasticity
    system: System
    step: Step
    codes: Mapping[str, Program]
    ends: Mapping[str, Symbol]

    @property
    def variables(self) -> tuple[str, ...]:
        """What lives on a synapse: the weight first."""
        return ("w", *self.system.states)

    @cached_property
    def times(self) -> tuple[str, ...]:
        """Variables that hold a time, float64 in networks of any dtype."""
        return tuple(n for n in self.system.states if self.system.dimensions[n] == _DURATION)

    @cached_property
    def timed(self) -> bool:
        """Whether the rule reads the time or variables that hold one, so that its arithmetic is float64."""
        programs = (*self.codes.values(), self.step.program.only(self.system.states))
        return any({TIME, *self.times} & {*program.reads} for program in programs)

    def sends(self, code: str) -> bool:
        """Whether a piece of code says what is delivered."""
        return code in self.codes and "sent" in self.codes[code].outputs

    @property
    def by_spike(self) -> bool:
        """Whether anything happens when the presynaptic cell fires."""
        return bool(self.rule.on_pre) or not self.sends("every_step")

    def limits(self, variable: str) -> tuple[Limit, ...]:
        """Every limit, made of numbers and parameters, that a piece of code puts a variable into."""
        parameters = {sp.Symbol(n) for n in self.system.parameters}
        found: dict[Limit, None] = {}
        for program in self.codes.values():
            if variable in program.outputs:
                known: dict[sp.Basic, sp.Expr] = {s.target: s.expression for s in program.statements}
                value = program.outputs[variable]
                found |= dict.fromkeys(limits_around(value, lambda e: e.free_symbols <= parameters, known)[0])
        return tuple(found)

    def reads(self, end: str, *codes: str) -> tuple[str, ...]:
        """Variables of the cell at ``end`` (pre or post) that the rule, or some of its code, looks at."""
        programs = [self.codes[c] for c in codes if c in self.codes] if codes else self.codes.values()
        used = {n for program in programs for n in program.reads}
        if not codes:
            used |= set(self.step.program.only(self.system.states).reads)
        found = (self.ends[n] for n in used if n in self.ends)
        return tuple(sorted(s.of for s in found if s.domain == end))


def _equal(one: Any, other: Any) -> bool:
    """Whether two single numbers are the same quantity."""
    if isinstance(one, Distribution | Learn) or isinstance(other, Distribution | Learn):
        return one is other
    first, second = as_quantity(one), as_quantity(other)
    if first.shape != () or second.shape != ():
        return one is other
    return first.dimension == second.dimension and float(first.value) == float(second.value)


def _program(system: System, assignments: tuple[tuple[str, sp.Expr], ...]) -> Program:
    """Statements in order, as the new value of each variable they change."""
    value: dict[str, sp.Expr] = {}
    tape = Tape(system.dimensions)
    for target, expression in assignments:
        now = placed(system, tape, {sp.Symbol(n): v for n, v in value.items()}, [expression])
        value[target] = shortened(expression.xreplace(now), f"{target}_assigned", tape)
    return Program(tuple(tape.statements), value)
