"""Circuits that several processes run as one would."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import ranvier as rv
from ranvier.distributed import Processes
from ranvier.units import Hz, ms, mV

RECORD = {"exc": ["spikes", "v"], "inh": ["spikes"]}
CELL = """
dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : mV  (unless refractory)
dg_e/dt = -g_e / tau_e : 1
dg_i/dt = -g_i / tau_i : 1
"""
NOISY = """
dv/dt = (E_L - v + gain*g) / tau_m + sigma*xi*tau_m**-0.5 : mV  (unless refractory)
dg/dt = -g / tau_e : 1
"""


def coba(
    processes: Processes | None = None, *, seed: int = 1, p: float = 0.15, delay: Any = None, weight: float = 0.6
) -> rv.Network:
    """Excitation and inhibition by conductances, in units of 64 cells that no number of processes divides."""
    values: dict[str, Any] = {"E_L": -60 * mV, "E_e": 0 * mV, "E_i": -80 * mV, "tau_m": 20 * ms, "tau_e": 5 * ms}
    cell = rv.Cell(CELL, threshold="v > -50*mV", reset="v = -60*mV", refractory=2 * ms, tau_i=10 * ms, **values)
    net = rv.Network(dt=0.1 * ms, seed=seed, processes=processes)
    start = {"v": rv.Uniform(-65 * mV, -50 * mV), "g_e": rv.Uniform(0, 2), "g_i": rv.Uniform(0, 4)}
    exc, inh = net.population("exc", 330, cell, **start), net.population("inh", 90, cell, **start)
    net.connect(exc, [exc, inh], rv.FixedProbability(p), to="g_e", weight=weight, delay=delay)
    net.connect(inh, [exc, inh], rv.FixedInDegree(15), to="g_i", weight=3.0, delay=delay)
    return net


def delayed(processes: Processes | None = None) -> rv.Network:
    """Weights and delays of their own for every synapse, from rules of several kinds."""
    net = coba(processes, delay=rv.Uniform(0.4 * ms, 3 * ms))
    drawn: dict[str, Any] = {"weight": rv.Normal(0.3, 0.1, low=0), "delay": rv.Normal(1.5 * ms, 0.7 * ms, low=0.4 * ms)}
    net.connect("exc", "inh", rv.FixedTotal(2000), to="g_e", **drawn)
    net.connect("exc", "exc", rv.FixedOutDegree(12, multapses=False), to="g_e", **drawn)
    net.connect("inh", "exc", rv.AllToAll(), to="g_i", weight=np.linspace(0, 0.2, 90 * 330), delay=0.9 * ms)
    net.connect("inh", "inh", rv.OneToOne(), to="g_e", weight=0.4, delay=0.5 * ms)
    return net


def driven(processes: Processes | None = None) -> rv.Network:
    """Poisson spikes one to one and through synapses, white noise, and a current that varies."""
    values: dict[str, Any] = {"E_L": rv.Normal(-52 * mV, 1 * mV), "gain": 30 * mV, "sigma": 2 * mV}
    cell = rv.Cell(
        NOISY, threshold="v > -50*mV", reset="v = -60*mV", refractory=1 * ms, tau_m=10 * ms, tau_e=5 * ms, **values
    )
    net = rv.Network(dt=0.1 * ms, seed=5, processes=processes)
    for name, size in (("exc", 330), ("inh", 90)):
        net.population(name, size, cell, v=rv.Uniform(-60 * mV, -50 * mV))
    net.source("drive", rv.Poisson(300 * Hz, 330))
    net.source("spikes", rv.Poisson(40 * Hz, 100))
    net.connect("drive", "exc", rv.OneToOne(), to="g", weight=0.05)
    net.connect("spikes", ["exc", "inh"], rv.FixedProbability(0.1), to="g", weight=rv.Uniform(0, 0.3), delay=0.5 * ms)
    net.connect("exc", ["exc", "inh"], rv.FixedProbability(0.1), to="g", weight=0.03, delay=1 * ms)
    net.connect("inh", "exc", rv.FixedProbability(0.2), to="g", weight=-0.1, delay=1 * ms)
    return net


def plastic(processes: Processes | None = None, *, rule: Any = None, delay: Any = 1 * ms) -> rv.Network:
    """Synapses that change: by STDP, or by another rule."""
    net = driven(processes)
    rule = rv.plasticity.STDP(w_max=0.3) if rule is None else rule
    between = rv.FixedProbability(0.1, autapses=False)
    net.connect(
        "exc", ["exc", "inh"], between, to="g", weight=rv.Uniform(0, 0.1), delay=delay, plasticity=rule, name="changing"
    )
    return net


def same_run(one: rv.Run, other: rv.Run) -> None:
    """Equal records and states, bit for bit."""
    for n in one.records:
        assert np.array_equal(one[n].spikes.times, other[n].spikes.times), n
        assert np.array_equal(one[n].spikes.cell, other[n].spikes.cell), n
    assert np.array_equal(one["exc"].v, other["exc"].v)
    same_state(one.state, other.state)


def same_state(one: rv.State, other: rv.State) -> None:
    """Equal tensors, but for synapses, of which a process may have some."""
    assert (one.step, one.stream) == (other.step, other.stream)
    found = other.tensors()
    for n, x in one.tensors().items():
        assert n.startswith("synapses/") or torch.equal(x, found[n]), n
