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

__all__ = ["TIME_SLOPE", "overshoot", "rough", "shifted", "wait"]

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
    old = {sp.Symbol(n): v for n, v in before.items()}
    out = dict(after)
    for name, change in _changes(system, event).items():
        later = tape.add(f"{name}_later", change.xreplace(old))
        nothing = tape.add(f"{name}_waits", jump(fired, later, sp.Integer(0)) - select(fired, later, sp.Integer(0)))
        out[name] = tape.add(f"{name}_waited", after[name] + nothing)
    return out


def rough(system: System) -> str | None:
    """Why white noise leaves spike times without a derivative, as a sentence without its subject; None where it does not.

    The level that is compared must not diffuse itself, and a reset must carry the noise of a variable on as it is. Then times have
    a pathwise derivative.
    """
    noises = {sp.Symbol(n) for n in system.noises}
    noisy = {sp.Symbol(n) for n, f in system.odes.items() if f.free_symbols & noises}
    for event in system.events:
        compared = system.symbols_of(event.condition) & noisy
        if compared:
            return f"compares {min(map(str, compared))}, which diffuses: compare a smooth variable, such as the integral of a rate"
        moved = next((n for n, change in _changes(system, event).items() if change.free_symbols & noises), None)
        if moved is not None:
            return f"sets {moved}, which diffuses, at a spike: subtract a number from it instead"
    return None


def _changes(system: System, event: Event) -> dict[str, sp.Expr]:
    """Dh f(x-) - f(x+) of every variable, in the states before the reset; those that are 0 left out."""
    reset: dict[str, sp.Expr] = {n: sp.Symbol(n) for n in system.states}
    for target, expression in event.assignments:
        reset[target] = expression.xreplace({sp.Symbol(n): h for n, h in reset.items()})
    new, out = {sp.Symbol(n): h for n, h in reset.items()}, {}
    for name, f in system.odes.items():
        carried = sp.Add(*(derivative(reset[name], sp.Symbol(s)) * g for s, g in system.odes.items()))
        change = expanded(carried - f.xreplace(new))
        if change != 0:
            out[name] = change
    return out
