"""Norse's records of parameters, with its defaults; its own records serve as well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ranvier.compat.arguments import CompatError, value
from ranvier.surrogates import FastSigmoid, Surrogate, Triangle
from ranvier.values import Learn

__all__ = ["LIFBoxParameters", "LIFParameters", "LIParameters", "LSNNParameters", "first", "own", "rates", "slope"]


@dataclass(frozen=True)
class LIParameters:
    """Rates [1/s] and the level of the leak. A value given as ``rv.Learn`` or ``torch.nn.Parameter`` is learnt.

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


def own(given: Any) -> Any:
    """A value of a record; a parameter of torch is learnt, as ``rv.Learn`` is."""
    return value(given, learn=isinstance(given, torch.nn.Parameter))


def first(given: Any) -> Any:
    """The number with which a value begins."""
    made = own(given)
    return made.value if isinstance(made, Learn) else made


def rates(cell: str, p: Any, names: Sequence[str], dt: Any) -> dict[str, Any]:
    """The rates [1/s] of a record by ``names`` and the step ``dt_s`` [s], by which equations multiply them."""
    if not isinstance(dt, float | int) or not dt > 0:
        raise CompatError(f"{cell}: dt={dt!r} must be a number of seconds above 0, without a unit, as in Norse.")
    for name in names:
        part = dt * np.asarray(first(getattr(p, name)))
        wrong = part[~((part > 0) & (part <= 2))]
        if wrong.size:
            raise CompatError(
                f"{cell}: dt*{name} = {wrong.flat[0]:g} makes Euler's rule diverge: rates are in 1/s, dt in s."
            )
    return {"dt_s": dt, **{name: own(getattr(p, name)) for name in names}}


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
