"""Synapses that change: equations for what lives on a synapse, and code for the spikes at its two ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from ranvier.dynamics import Program, Step, System, build_step, read_system
from ranvier.errors import EquationError
from ranvier.neurons._values import dimension_of
from ranvier.units import Dimension

__all__ = ["BoundPlasticity", "Plasticity"]

_ALWAYS = "t >= 0*ms"


class Plasticity:
    """A rule for the weight ``w`` of every synapse of a projection.

    Parameters
    ----------
    equations
        Variables of each synapse (traces), one equation per line as in a cell. ``x_pre`` and ``x_post`` read the variable
        x of the cell at either end.
    on_pre
        Statements executed when a presynaptic spike arrives, after it has delivered the weight it found.
    on_post
        Statements executed when the postsynaptic cell fired in the step before, after every ``on_pre`` of the step.
    values
        Parameters, and initial values of variables.

    In step n: arrive (deliver, ``on_pre``, then ``on_post``), advance (variables with the cells), fire, reset.

    >>> rule = rv.Plasticity("dx/dt = -x/tau : 1", on_pre="x += 1", on_post="w += A*x", tau=20*ms, A=0.01)
    """

    def __init__(
        self, equations: str = "", *, on_pre: str = "", on_post: str = "", name: str = "plasticity", **values: Any
    ) -> None:
        if not on_pre and not on_post:
            raise EquationError(
                "a plasticity rule without on_pre and on_post never changes anything: give one of them.", line=name
            )
        self.equations, self.on_pre, self.on_post, self.name = equations, on_pre, on_post, name
        self.values = dict(values)
        self.dimensions = {n: dimension_of(n, v) for n, v in values.items()}

    def bind(self, weight: Dimension, pre: Mapping[str, Dimension], post: Mapping[str, Dimension]) -> BoundPlasticity:
        """Check the rule against the weight's dimension and the variables of both cells, and write its programs."""
        extra = {"w": weight, **{f"{n}_pre": d for n, d in pre.items()}, **{f"{n}_post": d for n, d in post.items()}}
        events = [(n, _ALWAYS, code) for n, code in (("on_pre", self.on_pre), ("on_post", self.on_post)) if code]
        system = read_system(self.equations, events, self.dimensions, False, extra)
        for event in system.events:
            for target, _ in event.assignments:
                if target != "w" and target not in system.states:
                    raise EquationError(
                        f"{event.name} assigns to {target!r}: synapse code may change w and the rule's own variables.",
                        line=event.text[1],
                    )
        codes = {e.name: _program(e.assignments) for e in system.events}
        return BoundPlasticity(self, system, build_step(replace(system, events=())), codes)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{n}={v}' for n, v in self.values.items())})"


@dataclass(frozen=True)
class BoundPlasticity:
    """A rule fitted to a projection: the step that advances its variables, and its code as programs."""

    rule: Plasticity
    system: System
    step: Step
    codes: Mapping[str, Program]

    @property
    def variables(self) -> tuple[str, ...]:
        """What lives on a synapse: the weight first."""
        return ("w", *self.system.states)

    def reads(self, end: str) -> tuple[str, ...]:
        """Variables of the cell at ``end`` (pre or post) that the rule looks at."""
        used = {n for program in (*self.codes.values(), self.step.program) for n in program.reads}
        return tuple(
            sorted(n.removesuffix(f"_{end}") for n in used if n.endswith(f"_{end}") and n in self.system.dimensions)
        )


def _program(assignments: tuple[tuple[str, sp.Expr], ...]) -> Program:
    """Statements in order, as the new value of each variable they change."""
    value: dict[str, sp.Expr] = {}
    for target, expression in assignments:
        value[target] = expression.xreplace({sp.Symbol(n): v for n, v in value.items()})
    return Program((), value)
