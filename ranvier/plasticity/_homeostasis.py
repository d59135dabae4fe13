"""Homeostasis: cells that find back to a target rate, by their synapses or by themselves."""

from __future__ import annotations

from typing import Any

from ranvier.neurons import Part
from ranvier.synapses import Plasticity
from ranvier.synapses.ranges import require
from ranvier.units import Hz, nA, second

__all__ = ["IntrinsicPlasticity", "SynapticScaling"]


def SynapticScaling(*, target: Any = 5 * Hz, eta: Any = 0.01, tau_y: Any = 1 * second, w_max: Any = 1.0) -> Plasticity:
    """All synapses of a cell grow by one factor while it fires below a target rate, and shrink above.

    dw/dt = eta*w*(target - y), clipped to [0, w_max]; y is the rate of the cell: dy/dt = -y/tau_y and y += 1/tau_y at its
    spikes. Join it with another rule: ``STDP() + SynapticScaling()``.

    Parameters
    ----------
    target
        Rate to find [Hz].
    eta
        How much of its weight a synapse gains for one missing spike [1].
    tau_y
        Over how long the rate is taken [ms].
    w_max
        Largest weight, in the unit of the weight.

    Source: Turrigiano, Leslie, Desai, Rutherford & Nelson, Nature 1998; as an equation: van Rossum, Bi & Turrigiano,
    Journal of Neuroscience 2000.

    >>> names = net.connect("input", "cells", rv.AllToAll(), to="g_e", weight=0.5, plasticity=rv.plasticity.SynapticScaling())
    """
    require("SynapticScaling", 0, target=target, w_max=w_max)
    return Plasticity(
        "dy/dt = -y/tau_y : Hz",
        on_post="y += 1/tau_y",
        every_step="w = clip(w + dt*eta*w*(target - y), 0, w_max)",
        name="SynapticScaling", target=target, eta=eta, tau_y=tau_y, w_max=w_max,
    )  # fmt: skip


def IntrinsicPlasticity(into: str = "I", *, target: Any = 5 * Hz, eta: Any = 0.01 * nA) -> Part:
    """A current that grows while the cell is silent and falls at every spike, until the cell fires at a target rate.

    I += I_intrinsic with dI_intrinsic/dt = eta*target and I_intrinsic -= eta at a spike: it rests where the rate is the
    target, whatever the cell.

    Parameters
    ----------
    into
        The cell's input current.
    target
        Rate to find [Hz].
    eta
        What one spike takes away; its unit is that of the input current.

    Source: Desai, Rutherford & Turrigiano, Nature Neuroscience 1999 (the phenomenon; the equation is its simplest form).

    >>> cell = rv.AdEx() + rv.plasticity.IntrinsicPlasticity(target=8*Hz, eta=0.002*nA)
    """
    require("IntrinsicPlasticity", 0, target=target, eta=eta)
    text = f"""
    {into} += I_intrinsic : {{{into}}}
    dI_intrinsic/dt = eta_intrinsic*target_intrinsic : {{{into}}}
    """
    return Part(text, reset="I_intrinsic -= eta_intrinsic", eta_intrinsic=eta, target_intrinsic=target)
