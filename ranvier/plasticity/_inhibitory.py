"""Plasticity of inhibitory synapses that balances excitation."""

from __future__ import annotations

from typing import Any

from ranvier.synapses import Plasticity
from ranvier.synapses.ranges import require
from ranvier.units import Hz, ms

__all__ = ["InhibitorySTDP"]


def InhibitorySTDP(*, eta: Any = 0.005, target: Any = 5 * Hz, w_max: Any = 1.0, tau: Any = 20 * ms) -> Plasticity:
    """Inhibition grows with every close pair of spikes and shrinks with every lone input, until the cell fires at a target rate.

    Traces x_in and x_out of input and output spikes grow by 1 and decay with tau. At an input spike
    w = clip(w + eta*(x_out - 2*target*tau), 0, w_max), at an output spike w = clip(w + eta*x_in, 0, w_max).

    Parameters
    ----------
    eta, w_max
        Size of one change and largest weight, in the unit of the weight.
    target
        Rate at which changes cancel [Hz].
    tau
        How long the traces last [ms].

    Source: Vogels, Sprekeler, Zenke, Clopath & Gerstner, Science 2011.

    >>> names = net.connect("inh", "exc", rv.AllToAll(), to="g_i", weight=0.1, plasticity=rv.plasticity.InhibitorySTDP())
    """
    require("InhibitorySTDP", 0, target=target, w_max=w_max)
    return Plasticity(
        """
        dx_in/dt = -x_in/tau : 1
        dx_out/dt = -x_out/tau : 1
        """,
        on_pre="x_in += 1; w = clip(w + eta*(x_out - 2*target*tau), 0, w_max)",
        on_post="x_out += 1; w = clip(w + eta*x_in, 0, w_max)",
        name="InhibitorySTDP", eta=eta, target=target, w_max=w_max, tau=tau,
    )  # fmt: skip
