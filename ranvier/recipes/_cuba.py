"""The CUBA benchmark: 4,000 cells that excite and inhibit one another through currents."""

from __future__ import annotations

from ranvier.connectivity import FixedProbability
from ranvier.network import Network
from ranvier.neurons import Cell
from ranvier.units import mV, ms
from ranvier.values import Uniform

__all__ = ["EQUATIONS", "circuit"]

EQUATIONS = """
dv/dt   = (g_e + g_i - (v - E_L))/tau_m : mV (unless refractory)
dg_e/dt = -g_e/tau_e : mV
dg_i/dt = -g_i/tau_i : mV
"""


def circuit(cells: int = 4000, seed: int = 1) -> Network:
    """Four excitatory cells for each inhibitory one, joined at random with 80 synapses per cell.

    v > -50 mV fires, then v = -60 mV and 5 ms of refractoriness; rest is at -49 mV, so that cells fire by themselves. An
    excitatory spike adds 1.62 mV to g_e (5 ms), an inhibitory one takes 9 mV from g_i (10 ms), one step of 0.1 ms later.

    Source: Brette et al., Journal of Computational Neuroscience 2007, benchmark 2; after Vogels & Abbott, Journal of
    Neuroscience 2005.
    """
    cell = Cell(
        EQUATIONS, threshold="v > V_th", reset="v = V_r", refractory=5 * ms, E_L=-49 * mV, V_th=-50 * mV, V_r=-60 * mV,
        tau_m=20 * ms, tau_e=5 * ms, tau_i=10 * ms, v=Uniform(-60 * mV, -50 * mV),
    )  # fmt: skip
    net = Network(dt=0.1 * ms, seed=seed)
    net.population("exc", cells * 4 // 5, cell)
    net.population("inh", cells // 5, cell)
    wiring = FixedProbability(min(80 / cells, 1.0))
    net.connect("exc", ["exc", "inh"], wiring, to="g_e", weight=1.62 * mV)
    net.connect("inh", ["exc", "inh"], wiring, to="g_i", weight=-9 * mV)
    return net
