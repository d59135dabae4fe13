"""Plasticity of rates: BCM and Oja's rule, with rates read from spikes."""

from __future__ import annotations

from typing import Any

from ranvier.synapses import Plasticity
from ranvier.synapses.ranges import require
from ranvier.units import Hz, ms, second

__all__ = ["BCM", "Oja"]

_RATES = """
dx/dt = -x/tau_x : Hz
dy/dt = -y/tau_y : Hz
"""


def BCM(
    *, eta: Any = 1e-4, target: Any = 10 * Hz, w_max: Any = 1.0, tau_x: Any = 50 * ms, tau_y: Any = 50 * ms,
    tau_theta: Any = 5 * second,
) -> Plasticity:  # fmt: skip
    """Active inputs grow where the cell fires above a threshold and shrink below, and the threshold follows the cell.

    dw/dt = eta*x*y*(y - theta)/target**2, dtheta/dt = (y**2/target - theta)/tau_theta, w clipped to [0, w_max]; x and y are
    the rates of input and output: dx/dt = -x/tau_x and x += 1/tau_x at an input spike, and so for y.

    Parameters
    ----------
    eta, w_max
        Speed of change (per spike of an input, at y - theta = target) and largest weight, in the unit of the weight.
    target
        Rate at which the threshold rests [Hz].
    tau_x, tau_y, tau_theta
        Time constants of both rates and of the threshold [ms].

    Source: Bienenstock, Cooper & Munro, Journal of Neuroscience 1982; moving threshold: Intrator & Cooper, Neural
    Networks 1992.

    >>> names = net.connect("input", "cells", rv.AllToAll(), to="g_e", weight=0.5, plasticity=rv.plasticity.BCM())
    """
    require("BCM", 0, w_max=w_max)
    require("BCM", above=0, target=target)
    return Plasticity(
        _RATES + "dtheta/dt = (y**2/target - theta)/tau_theta : Hz",
        on_pre="x += 1/tau_x",
        on_post="y += 1/tau_y",
        every_step="w = clip(w + dt*eta*x*y*(y - theta)/target**2, 0, w_max)",
        name="BCM", eta=eta, target=target, w_max=w_max, tau_x=tau_x, tau_y=tau_y, tau_theta=tau_theta,
    )  # fmt: skip


def Oja(
    *, eta: Any = 1e-4, alpha: Any = 1.0, target: Any = 10 * Hz, tau_x: Any = 50 * ms, tau_y: Any = 50 * ms
) -> Plasticity:
    """Hebbian growth with a decay that keeps the weights of a cell bounded and finds the main axis of its inputs.

    The main axis is that of E[x x^T]. It differs from that of the covariance where mean rates differ.

    dw/dt = eta*y*(x - y*w/alpha)/target, never below 0; x and y are the rates of input and output: dx/dt = -x/tau_x and
    x += 1/tau_x at an input spike, and so for y.

    Parameters
    ----------
    eta
        Speed of change, in the unit of the weight.
    alpha
        Weight at which a synapse rests where input and output have one rate, in the unit of the weight.
    target
        Rate that eta refers to [Hz].
    tau_x, tau_y
        Time constants of both rates [ms].

    Source: Oja, Journal of Mathematical Biology 1982.

    >>> names = net.connect("input", "cells", rv.AllToAll(), to="g_e", weight=0.5, plasticity=rv.plasticity.Oja())
    """
    require("Oja", above=0, target=target, alpha=alpha)
    return Plasticity(
        _RATES,
        on_pre="x += 1/tau_x",
        on_post="y += 1/tau_y",
        every_step="w = maximum(w + dt*eta*y*(x - y*w/alpha)/target, 0)",
        name="Oja", eta=eta, alpha=alpha, target=target, tau_x=tau_x, tau_y=tau_y,
    )  # fmt: skip
