"""Spike-timing-dependent plasticity of spike pairs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier._warn import warn
from ranvier.errors import EquationError
from ranvier.synapses import Plasticity
from ranvier.synapses.ranges import require
from ranvier.units import as_quantity, ms
from ranvier.values import Distribution, Learn

__all__ = ["STDP", "say_sign"]

#: what a spike does to its own trace
_PAIRS = {"all": "+=", "nearest": "="}


def STDP(
    *, A_plus: Any = 0.01, A_minus: Any = -0.0105, w_max: Any = 1.0, tau_plus: Any = 20 * ms, tau_minus: Any = 20 * ms,
    pairs: str = "all",
) -> Plasticity:  # fmt: skip
    """Additive pair STDP: a synapse grows when its input comes before the output spike, and shrinks when after.

    dx_plus/dt = -x_plus/tau_plus, dx_minus/dt = -x_minus/tau_minus; at an input spike x_plus += A_plus and
    w = clip(w + x_minus, 0, w_max); at an output spike x_minus += A_minus and w = clip(w + x_plus, 0, w_max).

    Parameters
    ----------
    A_plus, A_minus, w_max
        Sizes of one change, the second negative for depression, and the largest weight, in the unit of the weight.
    tau_plus, tau_minus
        How long the traces last [ms].
    pairs
        ``"all"`` pairs count, or of every spike only the ``"nearest"`` one before it at the other end (its trace is set
        to A instead of growing by it).

    Raises
    ------
    EquationError
        For another word than those two, and a largest weight below 0.

    Warns
    -----
    RanvierWarning
        Where neither size is negative, as other simulators write it: a synapse could then only grow.

    Source: Song, Miller & Abbott, Nature Neuroscience 2000; pairings: Morrison, Diesmann & Gerstner, Biological
    Cybernetics 2008.

    >>> names = net.connect("input", "cells", rv.AllToAll(), to="g_e", weight=0.5, plasticity=rv.plasticity.STDP())
    """
    if pairs not in _PAIRS:
        raise EquationError(f"STDP: pairs={pairs!r} is unknown: choose 'all' or 'nearest'.", line="STDP")
    require("STDP", 0, w_max=w_max)
    say_sign("STDP", A_plus, A_minus)
    unit, sets = as_quantity(A_plus).dimension, _PAIRS[pairs]
    return Plasticity(
        f"""
        dx_plus/dt = -x_plus/tau_plus : {unit}
        dx_minus/dt = -x_minus/tau_minus : {unit}
        """,
        on_pre=f"x_plus {sets} A_plus; w = clip(w + x_minus, 0, w_max)",
        on_post=f"x_minus {sets} A_minus; w = clip(w + x_plus, 0, w_max)",
        name="STDP", A_plus=A_plus, A_minus=A_minus, w_max=w_max, tau_plus=tau_plus, tau_minus=tau_minus,
    )  # fmt: skip


def say_sign(rule: str, A_plus: Any, A_minus: Any) -> None:
    """Warn where both changes go upwards: most often a depression that lost its sign."""
    if any(isinstance(value, Distribution | Learn) for value in (A_plus, A_minus)):
        return
    if np.all(as_quantity(A_plus).value > 0) and np.any(as_quantity(A_minus).value > 0):
        warn(
            f"{rule}: A_minus={A_minus!r} is positive, so synapses grow whatever the order of spikes; write depression as a "
            f"negative number, such as A_minus=-{A_minus!r}."
        )
