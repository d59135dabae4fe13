"""Spikes that carry the derivative of their time: the jump of EventProp in the program of a step.

The numbers of a step stay what they are; only derivatives change. The emission of a spike carries dt_s, the change of its
time. A spike that arrives later by dt_a changes the state by -(df/ds) w dt_a, for a jump w of the state s in dx/dt = f(x).
A spike fired later by dt_s changes the state by (Dh f(x-) - f(x+)) dt_s, where h is the reset. The time itself comes from
the straight line through the levels before and after the step.
"""

from __future__ import annotations

import sympy as sp

from ranvier.dynamics._derivative import derivative
from ranvier.dynamics._events import Event
from ranvier.dynamics._sizes import expanded
from ranvier.dynamics._system import System
from ranvier.dynamics.functions import absolute, gt, jump, maximum, select
from ranvier.dynamics.program import Tape
from ranvier.dynamics.symbols import shift_name
from ranvier.errors import EquationError

__all__ = ["TIME_SLOPE", "overshoot", "shifted", "wait"]

#: a spike's time falls as the time since its crossing grows
TIME_SLOPE = -gt(sp.Symbol("u"), sp.Integer(0))
_LEAST = sp.Float(1e-20)


def shifted(system: System, kicks: tuple[str, ...], value: dict[str, sp.Expr], tape: Tape) -> dict[str, sp.Expr]:
    """The states after arrivals, with a stream for the change of each arrival time; these streams hold zeros."""
    start = {sp.Symbol(n): v for n, v in value.items()}
    out = dict(value)
    for port in kicks:
        for name, f in system.odes.items():
            slope = derivative(f, sp.Symbol(port))
            if slope == 0:
                continue
            if derivative(slope, sp.Symbol(port)) != 0:
                raise EquationError(
                    f"d{name}/dt is not linear in {port}, on which spikes arrive: the time of an arrival has no simple "
                    f"derivative there; use another learning rule than EventProp.",
                    line=name,
                )
            out[name] = tape.add(f"{name}_shifted", out[name] - sp.Symbol(shift_name(port)) * slope.xreplace(start))
    return out


def overshoot(before: sp.Expr, after: sp.Expr, tape: Tape) -> sp.Symbol:
    """Time since the crossing of zero at the end of the step, on the straight line from ``before`` to ``after``.

    Positive exactly where ``after`` is.
    """
    low, high = tape.add("level_before", before), tape.add("level_after", after)
    rise = maximum(maximum(high - low, absolute(high)), _LEAST)
    return tape.add("since", high / rise * sp.Symbol("dt"))


def wait(
    system: System, event: Event, fired: sp.Expr, before: dict[str, sp.Expr], after: dict[str, sp.Expr], tape: Tape
) -> dict[str, sp.Expr]:
    """The states ``after`` a spike whose time may change; ``before`` are the states just before the reset."""
    reset: dict[str, sp.Expr] = {n: sp.Symbol(n) for n in system.states}
    for target, expression in event.assignments:
        reset[target] = expression.xreplace({sp.Symbol(n): h for n, h in reset.items()})
    old = {sp.Symbol(n): v for n, v in before.items()}
    new = {sp.Symbol(n): h for n, h in reset.items()}
    out = dict(after)
    for name, f in system.odes.items():
        carried = sp.Add(*(derivative(reset[name], sp.Symbol(s)) * g for s, g in system.odes.items()))
        change = expanded(carried - f.xreplace(new))
        if change == 0:
            continue
        later = tape.add(f"{name}_later", change.xreplace(old))
        nothing = tape.add(f"{name}_waits", jump(fired, later, sp.Integer(0)) - select(fired, later, sp.Integer(0)))
        out[name] = tape.add(f"{name}_waited", after[name] + nothing)
    return out
