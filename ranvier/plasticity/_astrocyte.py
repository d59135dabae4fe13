"""STDP whose depression follows an astrocyte: one value that integrates the activity of all synapses."""

from __future__ import annotations

from typing import Any

from ranvier.plasticity._stdp import say_sign
from ranvier.synapses import Plasticity
from ranvier.synapses.domains import WholeProjection
from ranvier.synapses.ranges import require
from ranvier.units import as_quantity, ms, second

__all__ = ["AstrocyteSTDP"]


def AstrocyteSTDP(
    *, A_plus: Any = 0.01, A_minus: Any = -0.0105, w_max: Any = 1.0, tau_plus: Any = 20 * ms, tau_minus: Any = 20 * ms,
    gain: Any = 1e-3, tau_a: Any = 1 * second,
) -> Plasticity:  # fmt: skip
    """Pair STDP with depression in proportion to the recent activity of the whole projection, which an astrocyte measures.

    dx_plus/dt = -x_plus/tau_plus, dx_minus/dt = -x_minus/tau_minus, and one value for all synapses: da/dt = -a/tau_a. At an
    input spike x_plus += A_plus, w = clip(w + a*x_minus, 0, w_max) and a += gain, once for each synapse that the spike
    reaches; at an output spike x_minus += A_minus and w = clip(w + x_plus, 0, w_max).

    Parameters
    ----------
    A_plus, A_minus, w_max
        As for :func:`STDP`; A_minus is the depression at a = 1.
    tau_plus, tau_minus
        How long the traces of spikes last [ms].
    gain
        The amount that one spike at one synapse adds to the astrocyte [1]: a rests at gain*tau_a times the arrivals per time.
    tau_a
        Over how long the astrocyte integrates [ms].

    Source: Ivanov & Michmizos, NeurIPS 2021 (a leaky integrator of spikes that scales depression, so that activity stays
    near a critical branching; there the spikes of the input count negatively).

    >>> rule = rv.plasticity.AstrocyteSTDP(gain=1e-4, w_max=0.5)
    >>> names = net.connect("exc", "exc", rv.FixedProbability(0.1), to="g_e", weight=0.2, plasticity=rule)
    """
    require("AstrocyteSTDP", 0, w_max=w_max, gain=gain)
    say_sign("AstrocyteSTDP", A_plus, A_minus)
    unit = as_quantity(A_plus).dimension
    return Plasticity(
        f"""
        dx_plus/dt = -x_plus/tau_plus : {unit}
        dx_minus/dt = -x_minus/tau_minus : {unit}
        da/dt = -a/tau_a : 1
        """,
        on_pre="x_plus += A_plus; w = clip(w + a*x_minus, 0, w_max); a += gain",
        on_post="x_minus += A_minus; w = clip(w + x_plus, 0, w_max)",
        domains={"a": WholeProjection()},
        name="AstrocyteSTDP", A_plus=A_plus, A_minus=A_minus, w_max=w_max, tau_plus=tau_plus, tau_minus=tau_minus, gain=gain,
        tau_a=tau_a,
    )  # fmt: skip
