"""Bounds that an event sets to a variable: no stage of an integrator may look beyond.

An exponential or quadratic cell resets its upstroke at a cut and has no dynamics beyond. A Runge-Kutta stage that
steps over the cut would evaluate the equations there, and the result (exp of a voltage that is never reached) would
enter the other variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from ranvier.dynamics._derivative import derivative
from ranvier.dynamics._events import Event, conjunction
from ranvier.dynamics._system import System
from ranvier.dynamics.functions import ge, gt, maximum, minimum, select

__all__ = ["End", "ends"]


@dataclass(frozen=True)
class End:
    """A variable is reset as soon as it passes ``value``: upwards, or else downwards; ``held`` while refractory."""

    value: sp.Expr
    upwards: bool
    held: bool

    def clip(
        self, stage: sp.Expr, start: sp.Expr, place: Mapping[sp.Symbol, sp.Expr], active: sp.Expr | None
    ) -> sp.Expr:
        """``stage`` kept on this side of the bound, or at ``start`` where the step starts beyond it."""
        value = self.value.xreplace(place)
        inside = minimum(stage, maximum(value, start)) if self.upwards else maximum(stage, minimum(value, start))
        return select(active, inside, stage) if self.held and active is not None else inside


def ends(system: System) -> dict[str, End]:
    """The bound of every variable that an event sets to a value independent of it.

    A variable whose rate is linear in itself has none: its course, and that of its stages, continues beyond the threshold.
    Nor has an event that compares what a statement before firing sets.
    """
    out: dict[str, End] = {}
    moved = {sp.Symbol(n) for n, _ in system.before_firing}
    for event in system.events:
        if event.condition.free_symbols & moved:
            continue
        for name, assigned in event.assignments:
            x = sp.Symbol(name)
            ended = name in system.odes and not assigned.has(x) and _curved(system, system.odes[name], x)
            found = _crossing(system, event, x) if ended else None
            if found is not None and name not in out:
                out[name] = End(*found, held=event.name == "spike")
    return out


def _curved(system: System, rate: sp.Expr, x: sp.Symbol) -> bool:
    """Whether the rate of ``x`` may be nonlinear in it."""
    return derivative(rate, x).has(x) or bool(system.named_in([rate]))


def _crossing(system: System, event: Event, x: sp.Symbol) -> tuple[sp.Expr, bool] | None:
    """The value of ``x`` beyond which the event happens, and whether that is above."""
    terms = conjunction(event.condition)
    if len(terms) != 1 or not isinstance(terms[0], gt | ge) or system.named_in([event.condition]):
        return None
    level = sp.expand(terms[0].args[0] - terms[0].args[1])
    slope = derivative(level, x)
    if not slope.is_number or slope == 0:
        return None
    return sp.expand(x - level / slope), bool(slope > 0)
