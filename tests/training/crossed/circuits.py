"""Circuits made with ``connect``: excitatory and inhibitory cells that feed each other, with latencies of one step and more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import ranvier as rv
from ranvier.units import ms, mV
from tests.training.crossed.parts import ROW, Make, current, level, readout

SPREAD = rv.Uniform(0 * ms, 3 * ms)


def conductance(size: int, tau_m: Any = 20 * ms) -> rv.Cell:
    """Cells with two conductances and a refractory period, that begin near their threshold."""
    return rv.Cell(
        """
        dv/dt = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : mV (unless refractory)
        dg_e/dt = -g_e / tau_e : 1
        dg_i/dt = -g_i / tau_i : 1
        """,
        threshold="v > V_th", reset="v = V_r", refractory=2 * ms, v=np.linspace(-53, -50.2, size) * mV, E_L=-60 * mV, E_e=0 * mV,
        E_i=-80 * mV, V_th=-50 * mV, V_r=-54 * mV, tau_m=tau_m, tau_e=5 * ms, tau_i=8 * ms, name="conductance", size=size,
    )  # fmt: skip


def learnt(low: float, high: float) -> rv.Learn:
    return rv.Learn(rv.Uniform(low, high), min=0)


def balanced_circuit(
    delay: Any = None, *, every: bool = False, read: Callable[[], Any] = lambda: rv.Linear(6, 3), tau_m: Any = 20 * ms,
) -> Make:  # fmt: skip
    """An input, 6 excitatory and 3 inhibitory cells of conductances, a read-out; ``every`` weight learns, or all but one kind."""

    def make(**how: Any) -> rv.Network:
        torch.manual_seed(0)
        net, late = rv.Network(dt=1 * ms, dtype=torch.float64, seed=3, **how), {} if delay is None else {"delay": delay}
        x, last = net.input("input", 5), read()
        exc, inh = net.population("exc", 6, conductance(6, tau_m)), net.population("inh", 3, conductance(3))
        some = rv.FixedProbability(0.7)
        net.connect(x, exc, rv.FixedProbability(0.8), to="g_e", weight=learnt(0.1, 0.4), name="into")
        net.connect(exc, exc, some, to="g_e", weight=learnt(0, 0.2), name="loop", **late)
        net.connect(exc, inh, some, to="g_e", weight=learnt(0.1, 0.5) if every else 0.3, name="exc_inh", delay=SPREAD)
        net.connect(inh, exc, rv.AllToAll(), to="g_i", weight=learnt(0, 0.5), name="inh_exc", **late)
        out = net.population("out", 3, readout(), output=True)
        net.connect(exc, out, last, to="x", name="read")
        return net

    return make


def onward(delay: Any, further: Any) -> Make:
    """A circuit whose excitatory cells drive others, these the read-out: two delays lie behind cells that learn."""

    def make(**how: Any) -> rv.Network:
        torch.manual_seed(0)
        net, last = rv.Network(dt=1 * ms, dtype=torch.float64, seed=3, **how), rv.Linear(4, 3, delay=further)
        x = net.input("input", 5)
        exc, more = net.population("exc", 6, conductance(6)), net.population("more", 4, conductance(4))
        net.connect(x, exc, rv.FixedProbability(0.8), to="g_e", weight=learnt(0.1, 0.4), name="into")
        net.connect(exc, exc, rv.FixedProbability(0.7), to="g_e", weight=learnt(0, 0.2), name="loop")
        net.connect(exc, more, rv.AllToAll(), to="g_e", weight=learnt(0.1, 0.4), delay=delay, name="onward")
        net.connect(more, net.population("out", 3, readout(), output=True), last, to="x", name="read")
        return net

    return make


def currents_circuit(**how: Any) -> rv.Network:
    """Excitatory and inhibitory cells of synaptic currents with delays, for rules that differentiate times."""
    net = rv.Network(dt=1 * ms, dtype=torch.float64, seed=3, **how)
    x = net.input("input", 5)
    exc, inh = net.population("exc", 6, current(6)), net.population("inh", 3, current(3))
    net.connect(x, exc, rv.FixedProbability(0.9), to="I", weight=learnt(0.2, 0.6), name="into")
    net.connect(exc, inh, rv.AllToAll(), to="I", weight=learnt(0.1, 0.4), delay=SPREAD, name="exc_inh")
    net.connect(
        inh, exc, rv.AllToAll(), to="I", weight=rv.Learn(rv.Uniform(-0.3, 0), max=0), delay=SPREAD, name="inh_exc"
    )
    out = net.population("out", 3, level(), output=True)
    net.connect(exc, out, rv.AllToAll(), to="I", weight=rv.Learn(rv.Uniform(-0.5, 0.5)), name="read")
    return net


CIRCUITS: dict[str, tuple[Make, tuple[int, ...]]] = {
    "circuit": (balanced_circuit(), ROW),
    "circuit, delays": (balanced_circuit(SPREAD), ROW),
    "circuit, learnable delays": (balanced_circuit(rv.Learn(SPREAD, max=3 * ms)), ROW),
    "circuit, learnable tau": (balanced_circuit(SPREAD, tau_m=rv.Learn(20 * ms)), ROW),
    "circuit, delays to the output": (
        balanced_circuit(SPREAD, read=lambda: rv.Linear(6, 3, delay=np.arange(18).reshape(3, 6) % 4 * ms)), ROW,
    ),
    "circuit, every weight": (balanced_circuit(SPREAD, every=True), ROW),
    "circuit, cells behind": (onward(2 * ms, 1 * ms), ROW),
    "circuit, cells behind, delays": (onward(SPREAD, np.arange(12).reshape(3, 4) % 3 * ms), ROW),
    "circuit of currents": (currents_circuit, ROW),
}  # fmt: skip
