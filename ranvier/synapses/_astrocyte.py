"""An astrocyte beside each cell: calcium that integrates its spikes slowly and acts back on its input."""

from __future__ import annotations

from typing import Any

from ranvier.neurons import Part
from ranvier.units import ms
from ranvier.values import Learn

__all__ = ["Astrocyte"]


def Astrocyte(port: str = "x", *, tau: Any = 500 * ms, uptake: Any = 0.2, gain: Any = None) -> Part:
    """The third part of a synapse: calcium of an astrocyte rises with the cell's spikes, lasts, and drives the cell.

    dcalcium/dt = -calcium/tau; at a spike calcium += uptake*(1 - calcium), so it stays below 1; the port gets gain*calcium more.

    Parameters
    ----------
    port
        The cell's input [1].
    tau
        How long calcium lasts [ms], a parameter ``tau_calcium``.
    uptake
        The part of the free capacity that a spike fills [1].
    gain
        What the transmitter of a full astrocyte adds to the input [1]; None: learnt for each cell, 0 at the start.

    Raises
    ------
    EquationError
        When added to a cell without this input or without a threshold.

    A minimal unit in the spirit of Shen et al., 2023 (arXiv:2312.07625, an astrocyte-modulated spiking unit); Araque et al., Trends in
    Neurosciences 1999 (tripartite synapse).

    >>> cell = rv.LIF(32, tau=10*ms) + rv.Astrocyte(tau=300*ms, gain=0.5)
    """
    return Part(
        f"{port} += gain*calcium : 1\ndcalcium/dt = -calcium/tau_calcium : 1",
        reset="calcium += uptake*(1 - calcium)",
        tau_calcium=tau, uptake=uptake, gain=Learn(0.0, each=True) if gain is None else gain,
    )  # fmt: skip
