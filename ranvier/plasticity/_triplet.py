"""STDP of spike triplets, which also follows rates."""

from __future__ import annotations

from typing import Any

from ranvier.synapses import Plasticity
from ranvier.synapses.ranges import require
from ranvier.units import ms

__all__ = ["TripletSTDP"]


def TripletSTDP(
    *, A2_plus: Any = 5e-10, A3_plus: Any = 6.2e-3, A2_minus: Any = 7e-3, A3_minus: Any = 2.3e-4, w_max: Any = 1.0,
    tau_plus: Any = 16.8 * ms, tau_minus: Any = 33.7 * ms, tau_x: Any = 101 * ms, tau_y: Any = 125 * ms,
) -> Plasticity:  # fmt: skip
    """Pairs and triplets of spikes: potentiation needs an earlier output spike too, so it grows with the rate.

    Traces r1 (tau_plus) and r2 (tau_x) of input spikes, o1 (tau_minus) and o2 (tau_y) of output spikes; each grows by 1 at
    its spikes after it was read. At an input spike w = clip(w - o1*(A2_minus + A3_minus*r2), 0, w_max), at an output spike
    w = clip(w + r1*(A2_plus + A3_plus*o2), 0, w_max).

    Parameters
    ----------
    A2_plus, A3_plus, A2_minus, A3_minus, w_max
        Sizes of changes by pairs and triplets, and the largest weight, in the unit of the weight. Defaults are the
        all-to-all fit to visual cortex of the source, for a weight of 1.
    tau_plus, tau_minus, tau_x, tau_y
        How long the traces last [ms].

    Source: Pfister & Gerstner, Journal of Neuroscience 2006.

    >>> names = net.connect("input", "cells", rv.AllToAll(), to="g_e", weight=0.5, plasticity=rv.plasticity.TripletSTDP())
    """
    require("TripletSTDP", 0, w_max=w_max)
    return Plasticity(
        """
        dr1/dt = -r1/tau_plus : 1
        dr2/dt = -r2/tau_x : 1
        do1/dt = -o1/tau_minus : 1
        do2/dt = -o2/tau_y : 1
        """,
        on_pre="w = clip(w - o1*(A2_minus + A3_minus*r2), 0, w_max); r1 += 1; r2 += 1",
        on_post="w = clip(w + r1*(A2_plus + A3_plus*o2), 0, w_max); o1 += 1; o2 += 1",
        name="TripletSTDP", A2_plus=A2_plus, A3_plus=A3_plus, A2_minus=A2_minus, A3_minus=A3_minus, w_max=w_max,
        tau_plus=tau_plus, tau_minus=tau_minus, tau_x=tau_x, tau_y=tau_y,
    )  # fmt: skip
