"""Norse's records of parameters, with its defaults; its own records serve as well."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ranvier.compat.arguments import CompatError, value
from ranvier.surrogates import FastSigmoid, Surrogate, Triangle

__all__ = ["LIFBoxParameters", "LIFParameters", "LIParameters", "LSNNParameters", "slope", "steps"]


@dataclass(frozen=True)
class LIParameters:
    """Rates [1/s] and the level of the leak.

    >>> p = rv.compat.norse.LIParameters(tau_mem_inv=1/0.02)
    """

    tau_syn_inv: Any = 1 / 0.005
    tau_mem_inv: Any = 1 / 0.01
    v_leak: Any = 0.0


@dataclass(frozen=True)
class LIFParameters(LIParameters):
    """Rates [1/s], potentials, and the surrogate as ``method`` and ``alpha``.

    >>> p = rv.compat.norse.LIFParameters(tau_mem_inv=1/0.02)
    """

    v_th: Any = 1.0
    v_reset: Any = 0.0
    method: str = "super"
    alpha: Any = 100.0


@dataclass(frozen=True)
class LSNNParameters(LIFParameters):
    """Those of LIF, with the rate [1/s] and the jump ``beta`` of the threshold.

    >>> p = rv.compat.norse.LSNNParameters(tau_adapt_inv=1/0.7)
    """

    tau_adapt_inv: Any = 1 / 800
    beta: Any = 1.8


@dataclass(frozen=True)
class LIFBoxParameters:
    """The rate [1/s], potentials, the surrogate, and ``reset_method``: ``"reset_value"`` or ``"reset_subtract"``.

    >>> p = rv.compat.norse.LIFBoxParameters(reset_method="reset_subtract")
    """

    tau_mem_inv: Any = 1 / 0.01
    v_leak: Any = 0.0
    v_th: Any = 1.0
    v_reset: Any = 0.0
    method: str = "super"
    alpha: Any = 100.0
    reset_method: Any = "reset_value"


def steps(cell: str, rate: str, given: Any, dt: Any) -> Any:
    """The part of a difference that decays in one step: dt*rate."""
    number = value(given)
    if not isinstance(dt, float | int) or not dt > 0:
        raise CompatError(f"{cell}: dt={dt!r} must be a number of seconds above 0, without a unit, as in Norse.")
    part = dt * number
    if isinstance(part, float | int) and not 0 < part <= 2:
        raise CompatError(f"{cell}: dt*{rate} = {part:g} makes Euler's rule diverge: rates are in 1/s, dt in s.")
    return part


def slope(cell: str, method: Any, alpha: Any) -> Surrogate:
    """The surrogate of a method; ``"super"`` takes no account of alpha, in Norse 1.1 either."""
    size = float(value(alpha))
    known = {
        "super": lambda: FastSigmoid(1.0),
        "triangle": lambda: Triangle(size),
        "tanh": lambda: Surrogate("1 - tanh(alpha*u)**2", alpha=size),
        "circ": lambda: Surrogate("alpha**3/sqrt(alpha**2 + u**2)**3", alpha=size),
        "heavi_erfc": lambda: Surrogate("height*exp(-(alpha*u)**2)", alpha=size, height=2 / math.sqrt(math.pi)),
    }
    if method not in known:
        raise CompatError(f"{cell}: method={method!r} has no counterpart here: choose one of {', '.join(known)}.")
    return known[method]()
