"""The COBA benchmark: 4,000 cells that excite and inhibit one another through conductances, fed by nothing outside."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from ranvier.connectivity import FixedProbability
from ranvier.network import Network, Run
from ranvier.neurons import Cell
from ranvier.units import ms, mV, second
from ranvier.values import Uniform

__all__ = ["EQUATIONS", "V_TH", "CircuitResult", "circuit", "simulate"]

EQUATIONS = """
dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : mV  (unless refractory)
dg_e/dt = -g_e / tau_e : 1
dg_i/dt = -g_i / tau_i : 1
"""

#: threshold in mV
V_TH = -50

#: on average, from all other cells together
_SYNAPSES_PER_CELL = 80
#: of each conductance jump, relative to the leak
_W_EXC, _W_INH = 0.6, 6.7


@dataclass(frozen=True)
class CircuitResult:
    """What the simulation gave.

    Attributes
    ----------
    run
        The timed simulation: spikes of ``exc`` and ``inh``.
    close
        The ``CLOSE_MS`` that follow, continued from ``run.state``, with membranes of ``exc``.
    cells, synapses
        How many there are.
    preparation
        Seconds for drawing the circuit and compiling, or loading, its loop.
    rate, cv
        Mean firing rate in Hz of all cells; mean coefficient of variation of their intervals.
    """

    run: Run
    close: Run
    cells: int
    synapses: int
    preparation: float
    rate: float
    cv: float


def circuit(cells: int = 4000, seed: int = 1) -> Network:
    """The circuit: four excitatory cells for each inhibitory one, joined at random with 80 synapses per cell.

    A cell's equations are ``EQUATIONS``; v > V_th = -50 mV fires, then v = -60 mV and 5 ms of refractoriness. An
    excitatory spike adds 0.6 to g_e, an inhibitory one 6.7 to g_i (in units of the leak), one step of 0.1 ms later.

    Source: Brette et al., Journal of Computational Neuroscience 2007, benchmark 1; after Vogels & Abbott, Journal of
    Neuroscience 2005. Initial values are drawn so that activity sustains itself from the start.
    """
    cell = Cell(
        EQUATIONS, threshold="v > V_th", reset="v = V_r", refractory=5 * ms,
        E_L=-60 * mV, E_e=0 * mV, E_i=-80 * mV, V_th=V_TH * mV, V_r=-60 * mV, tau_m=20 * ms, tau_e=5 * ms, tau_i=10 * ms,
        v=Uniform(-65 * mV, -50 * mV), g_e=Uniform(0, 2), g_i=Uniform(0, 20),
    )  # fmt: skip
    net = Network(dt=0.1 * ms, seed=seed)
    exc = net.population("exc", cells * 4 // 5, cell)
    inh = net.population("inh", cells // 5, cell)
    wiring = FixedProbability(min(_SYNAPSES_PER_CELL / cells, 1.0))
    net.connect(exc, [exc, inh], wiring, to="g_e", weight=_W_EXC)
    net.connect(inh, [exc, inh], wiring, to="g_i", weight=_W_INH)
    return net


def simulate(seconds: float = 2.0, *, cells: int = 4000, seed: int = 1, close_ms: float = 300.0) -> CircuitResult:
    """Simulate ``seconds`` of the circuit, then ``close_ms`` ms more with membranes recorded.

    Compiling is not part of the timed run: a run of one step comes first.
    """
    start = time.perf_counter()
    net = circuit(cells, seed)
    net.run(0.1 * ms)
    preparation = time.perf_counter() - start
    run = net.run(seconds * second, stream=0, record={"exc": ["spikes"], "inh": ["spikes"]})
    close = net.run(close_ms * ms, run.state, record={"exc": ["spikes", "v"], "inh": ["spikes"]})
    trains = [run[name].spikes for name in ("exc", "inh")]
    size = sum(train.size for train in trains)
    synapses = sum(len(p.synapses) for p in net.projections.values())
    rate = sum(train.rate() * train.size for train in trains) / size
    cv = float(np.average([train.cv() for train in trains], weights=[train.size for train in trains]))
    return CircuitResult(run, close, size, synapses, preparation, rate, cv)
