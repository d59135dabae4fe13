"""A tiny float64 interpreter of programs, independent of every provider: SymPy's lambdify over NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp
import torch
from scipy import special

from ranvier.dynamics import Program, Step
from ranvier.kernels.eager import coefficients
from ranvier.neurons import Cell
from ranvier.units import as_quantity
from ranvier.values import Learn

__all__ = ["FUNCTIONS", "compiled", "constants", "simulate"]


def _dexprel(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, float)
    safe = np.where(np.abs(x) < 1e-3, 1.0, x)
    series = 0.5 + x / 3 + x**2 / 8 + x**3 / 30
    return np.where(np.abs(x) < 1e-3, series, (np.exp(safe) - special.exprel(safe)) / safe)


FUNCTIONS: dict[str, Callable] = {
    "gt": lambda a, b: np.where(a > b, 1.0, 0.0),
    "ge": lambda a, b: np.where(a >= b, 1.0, 0.0),
    "eq": lambda a, b: np.where(a == b, 1.0, 0.0),
    "both": lambda a, b: a * b,
    "either": np.maximum,
    "invert": lambda c: 1.0 - c,
    "floor": np.floor,
    "detach": lambda x: x,
    "nearest": np.round,
    "sign": np.sign,
    "select": lambda c, a, b: np.where(c != 0, a, b),
    "jump": lambda c, a, b: np.where(c != 0, a, b),
    "exprel": special.exprel,
    "dexprel": _dexprel,
    "exp": np.exp,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "arctan": np.arctan,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "erf": special.erf,
    "sigmoid": special.expit,
    "tanh": np.tanh,
    "absolute": np.abs,
    "minimum": np.minimum,
    "maximum": np.maximum,
}


def compiled(program: Program) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """``f(values)`` -> every statement and output by name."""
    own = [s.target for s in program.statements]
    names = [*program.reads]
    rows = [(str(s.target), s.expression) for s in program.statements] + list(program.outputs.items())
    symbols = {sp.Symbol(n): sp.Symbol(f"x{k}") for k, n in enumerate([*names, *map(str, own)])}
    functions = []
    for name, expression in rows:
        free = sorted(expression.free_symbols, key=str)
        plain = sp.lambdify([symbols[s] for s in free], expression.xreplace(symbols), [FUNCTIONS, "numpy"])
        functions.append((name, [str(s) for s in free], plain))

    def call(values: Mapping[str, Any]) -> dict[str, Any]:
        place = {n: np.asarray(values[n], float) for n in names}
        out: dict[str, Any] = {}
        for k, (name, reads, function) in enumerate(functions):
            value = function(*(place[r] for r in reads))
            out[name] = value
            if k < len(own):
                place[name] = value
        return out

    return call


def constants(cell: Cell, step: Step, dt: float) -> dict[str, np.ndarray]:
    """The coefficients of ``step`` in float64."""
    values = {}
    for name, value in {**cell.parameters, **step_surrogate(cell)}.items():
        number = value.value if isinstance(value, Learn) else value
        values[name] = torch.as_tensor(as_quantity(number).value, dtype=torch.float64)
    return {n: v.numpy() for n, v in coefficients(step, values, dt).items()}


def step_surrogate(cell: Cell) -> Mapping[str, float]:
    """Shape parameters of the cell's surrogate, or of the default one."""
    return cell.surrogate.values if cell.surrogate else {"surrogate_width": 1.0, "surrogate_alpha": 2.0}


def simulate(
    cell: Cell,
    steps: int,
    dt: float,
    streams: Mapping[str, Any] | None = None,
    kicks: Mapping[str, Any] | None = None,
    only: tuple[str, ...] | None = None,
) -> dict[str, np.ndarray]:
    """Outputs after every step, [T, …]; ``streams`` and ``kicks`` are numbers or arrays [T, …]."""
    step = cell.step(tuple(kicks or ()))
    program = step.program if only is None else step.program.only((*step.states, *step.counters, *only))
    call = compiled(program)
    fixed = constants(cell, step, dt)
    given = {**(streams or {}), **{f"kick_{n}": v for n, v in (kicks or {}).items()}}
    series = {n: np.asarray(v, float) if np.ndim(v) else np.full(steps, float(v)) for n, v in given.items()}
    series.setdefault("t", np.arange(steps) * dt)
    state = {n: np.asarray(as_quantity(cell.initial.get(n, 0.0)).value) for n in step.states}
    state |= {n: np.zeros(()) for n in step.counters}
    rows: dict[str, list] = {n: [] for n in program.outputs}
    for n in range(steps):
        out = call({**fixed, **state, **{name: s[n] for name, s in series.items()}})
        state = {name: out[name] for name in state}
        for name, row in rows.items():
            row.append(out[name])
    return {n: np.stack(np.broadcast_arrays(*v)).astype(float) for n, v in rows.items()}
