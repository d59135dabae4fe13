"""Brunel's circuit: sparse excitation and inhibition through delta synapses, driven from outside."""

from __future__ import annotations

from ranvier.connectivity import FixedInDegree, OneToOne
from ranvier.network import Network, PoissonInput
from ranvier.neurons import Cell
from ranvier.units import Hz, mV, ms

__all__ = ["EQUATIONS", "circuit"]

EQUATIONS = """
v' = v*exp(-dt/tau) + x : mV (unless refractory)
x : mV (input)
"""
#: of the membrane (ms), threshold (mV) and excitatory jump (mV)
_TAU, _THETA, _JUMP = 20, 20, 0.25


def circuit(g: float, eta: float, *, cells: int = 5000, seed: int = 1) -> Network:
    """Four excitatory cells for each inhibitory one; each cell gets a tenth of all cells as sources.

    Membranes leak with 20 ms; v >= 20 mV fires, then v = 10 mV and 2 ms of refractoriness. An excitatory spike adds J to v
    1.5 ms later, an inhibitory one takes g*J. J is 0.25 mV at 5,000 cells, so that J times the number of excitatory sources
    is the published 100 mV. Every cell gets its own Poisson input of ``eta`` times the rate that just reaches the
    threshold.

    Parameters
    ----------
    g
        Inhibition relative to excitation.
    eta
        Input relative to that which just reaches the threshold.

    Source: Brunel, Journal of Computational Neuroscience 2000, model A, there with 12,500 cells and J = 0.1 mV.
    """
    cell = Cell(
        EQUATIONS, threshold="v >= theta", reset="v = V_r", refractory=2 * ms, tau=_TAU * ms, theta=_THETA * mV, V_r=10 * mV
    )  # fmt: skip
    exc, inh = cells * 4 // 5, cells - cells * 4 // 5
    jump = _JUMP * 4000 / exc
    net = Network(dt=0.1 * ms, seed=seed)
    net.population("exc", exc, cell)
    net.population("inh", inh, cell)
    sources, late = max(exc // 10, 1), 1.4 * ms  # arrivals count within the step: one step less than 1.5 ms
    net.connect("exc", ["exc", "inh"], FixedInDegree(sources), to="x", weight=jump * mV, delay=late)
    net.connect("inh", ["exc", "inh"], FixedInDegree(max(inh // 10, 1)), to="x", weight=-g * jump * mV, delay=late)
    rate = 1000 * eta * _THETA / (jump * _TAU * sources) * Hz
    for part, size in (("exc", exc), ("inh", inh)):
        net.source(f"outside_{part}", PoissonInput(rate, size, trains=sources))
        net.connect(f"outside_{part}", part, OneToOne(), to="x", weight=jump * mV, delay=late)
    return net
