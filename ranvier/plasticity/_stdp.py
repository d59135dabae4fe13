"""Spike-timing-dependent plasticity of spike pairs."""

from __future__ import annotations

from typing import Any

from ranvier.synapses import Plasticity
from ranvier.units import as_quantity, ms

__all__ = ["STDP"]


def STDP(
    *, A_plus: Any = 0.01, A_minus: Any = -0.0105, w_max: Any = 1.0, tau_plus: Any = 20 * ms, tau_minus: Any = 20 * ms
) -> Plasticity:
    """Additive pair STDP: a synapse grows when its input comes before the output spike, and shrinks when after.

    dx_plus/dt = -x_plus/tau_plus, dx_minus/dt = -x_minus/tau_minus; at an input spike x_plus += A_plus and
    w = clip(w + x_minus, 0, w_max); at an output spike x_minus += A_minus and w = clip(w + x_plus, 0, w_max).

    All pairs count. ``A_plus``, ``A_minus`` and ``w_max`` have the unit of the weight; ``A_minus`` is negative for depression.
    Source: Song, Miller & Abbott, Nature Neuroscience 2000.

    >>> net.connect("input", "cells", rv.AllToAll(), to="g_e", weight=0.5, plasticity=rv.plasticity.STDP())
    """
    unit = as_quantity(A_plus).dimension
    return Plasticity(
        f"""
        dx_plus/dt = -x_plus/tau_plus : {unit}
        dx_minus/dt = -x_minus/tau_minus : {unit}
        """,
        on_pre="x_plus += A_plus; w = clip(w + x_minus, 0, w_max)",
        on_post="x_minus += A_minus; w = clip(w + x_plus, 0, w_max)",
        name="STDP", A_plus=A_plus, A_minus=A_minus, w_max=w_max, tau_plus=tau_plus, tau_minus=tau_minus,
    )  # fmt: skip
