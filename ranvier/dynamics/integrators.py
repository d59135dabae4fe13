"""How a differential equation becomes one step: each method writes statements from the state at the step's start.

Choice when none is named (as Brian2 would where it can): a set of linear equations with constant coefficients is
advanced exactly; an equation linear in its own variable by the exponential Euler rule; the rest by Euler's rule;
whatever contains white noise by the Euler-Maruyama rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import sympy as sp

from ranvier.dynamics._derivative import derivative
from ranvier.dynamics._named import linear_slope, placed
from ranvier.dynamics._sizes import expanded
from ranvier.dynamics._system import System
from ranvier.dynamics.ends import ends
from ranvier.dynamics.functions import exprel, select
from ranvier.dynamics.graphs import components, reachable
from ranvier.dynamics.program import Exponential, Tape
from ranvier.errors import EquationError

__all__ = ["METHODS", "advance", "check_method"]

#: variables of one linear block; a block of n makes n**2 coefficients
_LARGEST_BLOCK = 64
METHODS = ("exact", "exponential_euler", "exponential_midpoint", "euler", "rk2", "rk4")
_DT, _T, _ZERO = sp.Symbol("dt"), sp.Symbol("t"), sp.Integer(0)


def linear_states(system: System) -> tuple[str, ...]:
    """The largest set of variables whose equations are linear with constant coefficients, driven by inputs alone."""
    steady = {sp.Symbol(p) for p in system.parameters} | {_DT}
    inputs = {sp.Symbol(i) for i in system.inputs}
    states = {sp.Symbol(x) for x in system.odes}
    reads: dict[str, set[str]] = {}
    for name, rate in system.odes.items():
        rate = expanded(rate)
        slopes = {x: expanded(derivative(rate, x)) for x in sorted(states & rate.free_symbols, key=str)}
        rest = expanded(rate - sp.Add(*(a * x for x, a in slopes.items())))
        if all(s.free_symbols <= steady for s in slopes.values()) and rest.free_symbols <= steady | inputs:
            reads[name] = {str(x) for x in slopes}
    while True:
        kept = {n: others for n, others in reads.items() if others <= reads.keys()}
        if len(kept) == len(reads):
            return tuple(kept)
        reads = kept


@lru_cache(maxsize=256)
def check_method(system: System, method: str | None) -> None:
    """Raise :class:`EquationError` where ``method`` is unknown or cannot advance the equations.

    What is chosen for each equation can advance it; only noise that does not enter it linearly has no method.
    """
    if method is None and not system.noises:
        return
    if method is not None and method not in METHODS:
        raise EquationError(
            f"unknown integration method {method!r}: choose one of {', '.join(METHODS)}.", line=str(method)
        )
    advance(system, method, Tape(), None)


def advance(
    system: System, method: str | None, tape: Tape, active: sp.Expr | None
) -> tuple[dict[str, sp.Expr], list[Exponential], dict[str, tuple[str, str]]]:
    """Statements that advance every differential equation by dt.

    Returns the new value of each variable, the matrix exponentials the prologue must supply, and (method, reason)
    per variable for ``explain``. ``active`` is the truth value "not refractory", or None.
    """
    noises = {sp.Symbol(n) for n in system.noises}
    noisy = {n for n, rate in system.odes.items() if rate.free_symbols & noises}
    place = {} if method in ("rk2", "rk4", "exponential_midpoint") else placed(system, tape, {}, system.odes.values())
    linear = () if method not in (None, "exact") else tuple(n for n in linear_states(system) if n not in noisy)
    blocks = [block for block in _blocks(system, linear) if len(block) <= _LARGEST_BLOCK]
    exact = {n for block in blocks for n in block}
    exponentials: list[Exponential] = []
    reasons: dict[str, tuple[str, str]] = {}
    new: dict[str, sp.Expr] = {}
    if method == "exact" and exact != set(system.odes):
        left = next(n for n in system.odes if n not in exact)
        what = f"is one of more than {_LARGEST_BLOCK} that depend on each other" if left in linear else (
            "is not linear with constant coefficients"
        )  # fmt: skip
        raise EquationError(
            f"d{left}/dt {what}, so it cannot be advanced exactly: use 'exponential_euler' or 'rk4'.",
            line=system.lines[left],
        )
    if noisy and method not in (None, "euler", "exponential_midpoint"):
        line = system.lines[min(noisy)]
        raise EquationError(
            f"d{min(noisy)}/dt contains white noise, but {method} is for ordinary equations: use 'euler'.", line=line
        )
    if method in ("rk2", "rk4"):
        return _runge_kutta(system, method, tape, active), [], dict.fromkeys(system.odes, (method, "asked for"))
    if method == "exponential_midpoint":
        new = _midpoint(system, tape, active)
        why = {n: f"asked for{'; white noise is added in the sense of Ito' if n in noisy else ''}" for n in system.odes}
        return new, [], {n: (method, why[n]) for n in system.odes}
    for block in blocks:
        new.update(_exact(system, block, exponentials, active, tape))
        reasons.update({n: ("exact", "linear with constant coefficients") for n in block})
    for name in system.odes:
        if name in reasons:
            continue
        x, rate = sp.Symbol(name), system.odes[name]
        slope = None if name in noisy or method == "euler" else linear_slope(system, rate, x)
        if name in noisy:
            new[name] = _euler_maruyama(x, rate, noises, system).xreplace(place)
            reasons[name] = ("euler_maruyama", "contains white noise, taken in the sense of Ito")
        elif slope is None:
            if method == "exponential_euler":
                raise _not_linear(system, name, method)
            new[name] = x + _DT * rate.xreplace(place)
            reasons[name] = ("euler", "asked for" if method == "euler" else f"not linear in {name}")
        else:
            new[name] = x + _exponential_change(x, rate, slope, place, system, tape)
            reasons[name] = (
                "exponential_euler",
                "asked for" if method else f"linear in {name} while the other variables are held",
            )
    return new, exponentials, reasons


def _not_linear(system: System, name: str, method: str) -> EquationError:
    return EquationError(
        f"d{name}/dt is not linear in {name!r}, so {method} cannot advance it: use 'rk4', or leave method= out, which "
        f"advances {name} by 'euler' and the linear equations by exponential_euler.",
        line=system.lines[name],
    )


def _midpoint(system: System, tape: Tape, active: sp.Expr | None) -> dict[str, sp.Expr]:
    """Exponential Euler over half a step, then over a whole one with the coefficients found there: of second order.

    White noise is left out of the half step, and added to the whole one by Euler's rule. Source: Borgers & Nectow, SIAM
    Journal on Scientific Computing 2013.
    """
    silent = {sp.Symbol(n): _ZERO for n in system.noises}
    drift = {n: rate.xreplace(silent) for n, rate in system.odes.items()}
    slopes: dict[str, sp.Expr] = {}
    for name, rate in drift.items():
        slope = linear_slope(system, rate, sp.Symbol(name))
        if slope is None:
            raise _not_linear(system, name, "exponential_midpoint")
        slopes[name] = slope
    start, half, last = placed(system, tape, {}, drift.values()), {}, ends(system)
    for name, slope in slopes.items():
        x = sp.Symbol(name)
        change = (_DT / 2 * drift[name] * exprel(slope * _DT / 2)).xreplace(start)
        held = active is not None and name in system.frozen
        half[x] = tape.add(f"half_{name}", x + (select(active, change, _ZERO) if held else change))
    free = dict(half)
    for name in last.keys() & slopes.keys():
        x = sp.Symbol(name)
        half[x] = tape.add(f"half_{name}", last[name].clip(free[x], x, free, active))
    out = {}
    for name, slope in slopes.items():
        x = sp.Symbol(name)
        at = {**{q: v for q, v in half.items() if q != x}, _T: _T + _DT / 2}
        place = placed(system, tape, at, [drift[name], slope])
        out[name] = x + _exponential_change(x, drift[name], slope, place, system, tape)
        if system.odes[name] != drift[name]:
            noisy = _euler_maruyama(x, system.odes[name], set(silent), system)
            still = _euler_maruyama(x, drift[name], set(silent), system)
            out[name] += (noisy - still).xreplace(start)
    return out


def _exponential_change(
    x: sp.Symbol, rate: sp.Expr, slope: sp.Expr, place: Mapping[sp.Symbol, sp.Expr], system: System, tape: Tape
) -> sp.Expr:
    """dt*rate*exprel(slope*dt) with the values of ``place``; the rate as slope*x + rest where that is less work."""
    through = any(x in system.behind[n] for n in system.named_in([rate]))
    rate, slope = rate.xreplace(place), slope.xreplace(place)
    if through:
        return _DT * rate * exprel(slope * _DT)
    steady = {sp.Symbol(p) for p in system.parameters} | {_DT}
    rest = _DT * rate.xreplace({x: _ZERO})
    if slope.free_symbols <= steady or _work(rest, steady) + 2 > _work(_DT * rate, steady):
        return _DT * rate * exprel(slope * _DT)
    exponent = tape.add(f"exponent_{x}", slope * _DT)
    return (exponent * x + rest) * exprel(exponent)


def _work(e: sp.Expr, steady: set[sp.Symbol]) -> int:
    """Operations in ``e``, those among ``steady`` symbols left out."""
    if e.free_symbols <= steady or e.is_Symbol:
        return 0
    varying = [a for a in e.args if not a.free_symbols <= steady]
    here = 1 if not isinstance(e, sp.Add | sp.Mul) else len(varying) - (len(varying) == len(e.args))
    return here + sum(_work(a, steady) for a in varying)


def _blocks(system: System, names: tuple[str, ...]) -> list[list[str]]:
    """Variables whose equations depend on each other, in either direction."""
    near: dict[str, set[str]] = {n: set() for n in names}
    for name in names:
        for other in {str(s) for s in system.odes[name].free_symbols} & near.keys():
            near[name].add(other)
            near[other].add(name)
    return components(near)


def _exact(
    system: System, block: list[str], exponentials: list[Exponential], active: sp.Expr | None, tape: Tape
) -> dict[str, sp.Expr]:
    symbols = [sp.Symbol(n) for n in block]
    rates = [expanded(system.odes[n]) for n in block]
    matrix = tuple(tuple(expanded(derivative(rate, x)) for x in symbols) for rate in rates)
    drive = [rate.xreplace({x: sp.Integer(0) for x in symbols}) for rate in rates]
    if len(block) == 1:
        decay = sp.exp(matrix[0][0] * _DT)
        return {block[0]: symbols[0] * decay + expanded(_DT * exprel(matrix[0][0] * _DT) * drive[0])}
    new = _propagate(block, symbols, matrix, drive, exponentials, tape)
    held = [n in system.frozen for n in block]
    touched = (
        active is not None
        and any(held)
        and any(matrix[i][j] != 0 for i in range(len(block)) for j in range(len(block)) if held[j] and not held[i])
    )
    if touched:
        zero = sp.Integer(0)
        still = tuple(tuple(zero for _ in block) if held[i] else matrix[i] for i in range(len(block)))
        waiting = _propagate(
            block, symbols, still, [zero if h else d for h, d in zip(held, drive, strict=True)], exponentials, tape
        )
        new = {n: new[n] if n in system.frozen else select(active, new[n], waiting[n]) for n in block}
    return new


def _propagate(block, symbols, matrix, drive, exponentials, tape) -> dict[str, sp.Expr]:
    reads = {i: [j for j, a in enumerate(row) if a != 0] for i, row in enumerate(matrix)}
    E, F, new = {}, {}, {}
    for i, name in enumerate(block):
        terms = []
        for j in sorted(reachable(reads, i)):
            E[i, j] = str(tape.fresh(f"E_{name}_{block[j]}"))
            terms.append(sp.Symbol(E[i, j]) * symbols[j])
            if drive[j] != 0:
                F[i, j] = str(tape.fresh(f"F_{name}_{block[j]}"))
                terms.append(expanded(sp.Symbol(F[i, j]) * drive[j]))
        new[name] = sp.Add(*terms)
    exponentials.append(Exponential(matrix, *(tuple((i, j, n) for (i, j), n in x.items()) for x in (E, F))))
    return new


def _euler_maruyama(x: sp.Symbol, rate: sp.Expr, noises: set[sp.Symbol], system: System) -> sp.Expr:
    rate = expanded(rate)
    value = x + _DT * rate.xreplace({n: sp.Integer(0) for n in noises})
    for noise in sorted(noises & rate.free_symbols, key=str):
        strength = derivative(rate, noise)
        if strength.free_symbols & noises:
            raise EquationError(
                f"white noise {noise} does not enter d{x}/dt linearly: write 'drift + strength*{noise}'.",
                line=system.lines[str(x)],
            )
        value += strength * sp.sqrt(_DT) * noise
    return value


def _runge_kutta(system: System, method: str, tape: Tape, active: sp.Expr | None) -> dict[str, sp.Expr]:
    names = list(system.odes)
    symbols = [sp.Symbol(n) for n in names]

    def slopes(stage: int, at: list[sp.Expr], fraction: sp.Expr = _ZERO) -> list[sp.Expr]:
        place: dict[sp.Symbol, sp.Expr] = {**dict(zip(symbols, at, strict=True)), _T: _T + fraction * _DT}
        out, place = [], placed(system, tape, place, system.odes.values())
        for name in names:
            rate = system.odes[name].xreplace(place)
            if active is not None and name in system.frozen:
                rate = select(active, rate, sp.Integer(0))
            out.append(tape.add(f"k{stage}_{name}", rate))
        return out

    last = ends(system)

    def at(stage: int, k: list[sp.Expr], fraction: sp.Expr) -> list[sp.Expr]:
        free = [tape.add(f"y{stage}_{n}", x + fraction * _DT * s) for n, x, s in zip(names, symbols, k, strict=True)]
        place = dict(zip(symbols, free, strict=True))
        return [
            tape.add(f"y{stage}_{n}", last[n].clip(y, x, place, active)) if n in last else y
            for n, x, y in zip(names, symbols, free, strict=True)
        ]

    half, one = sp.Rational(1, 2), sp.Integer(1)
    k1 = slopes(1, list(symbols))
    k2 = slopes(2, at(2, k1, half), half)
    if method == "rk2":
        return {n: x + _DT * k for n, x, k in zip(names, symbols, k2, strict=True)}
    k3 = slopes(3, at(3, k2, half), half)
    k4 = slopes(4, at(4, k3, one), one)
    sixth = _DT / 6
    return {
        n: x + sixth * (a + 2 * b + 2 * c + d) for n, x, a, b, c, d in zip(names, symbols, k1, k2, k3, k4, strict=True)
    }
