"""A circuit with everything a run can hold: delays per synapse, Poisson input, noise, plastic synapses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import Hz, ms, mV

CELL = """
dv/dt = (E - v + 60*mV*g + I)/tau + 2*mV*sqrt(2/tau)*xi : mV (unless refractory)
dg/dt = -g/tau_g : 1
I : mV (input)
"""


def build_full(seed: int = 1, dtype: torch.dtype = torch.float32, plastic: bool = True) -> rv.Network:
    """0.5 ms steps; never silent."""
    cell = rv.Cell(
        CELL, threshold="v > V_t", reset="v = V_r", refractory=2 * ms, E=-52 * mV, V_t=-50 * mV, V_r=-60 * mV, tau=10 * ms,
        tau_g=4 * ms, v=rv.Uniform(-60 * mV, -50 * mV),
    )  # fmt: skip
    net = rv.Network(dt=0.5 * ms, seed=seed, dtype=dtype)
    net.source("background", rv.Poisson(60 * Hz, 20))
    net.source("drive", rv.sine_current(1 * mV, 5 * Hz, 33) + rv.OrnsteinUhlenbeck(0 * mV, 0.5 * mV, 5 * ms, 33))
    net.population("exc", 33, cell)
    net.population("inh", 9, cell)
    net.connect("drive", "exc", rv.OneToOne(), to="I")
    net.connect("background", "exc", rv.FixedProbability(0.4), to="g", weight=0.1)
    delay = rv.Uniform(0 * ms, 4 * ms)
    net.connect("exc", ["exc", "inh"], rv.FixedProbability(0.3), to="g", weight=rv.Uniform(0.0, 0.1), delay=delay)
    net.connect("inh", ["exc", "inh"], rv.FixedProbability(0.5), to="g", weight=-0.1, delay=1 * ms)
    rule = rv.plasticity.STDP(w_max=0.1) if plastic else None
    net.connect("exc", "exc", rv.FixedProbability(0.1), to="g", weight=0.05, name="plastic", plasticity=rule)
    return net


RECORD = {
    "exc": ["spikes", "g", rv.Sample("v", [3, 0], every=1.5 * ms), rv.SpikeStatistics(after=10 * ms, window=20 * ms)],
    "inh": ["spikes"],
    "plastic": [rv.Sample("w", every=25 * ms)],
}


def check_same(ours: rv.network.Run, theirs: rv.network.Run) -> None:
    """All that was recorded, the statistics and the last state, to the bit."""
    for n in ("exc", "inh"):
        np.testing.assert_array_equal(ours[n].spikes.step, theirs[n].spikes.step)
        np.testing.assert_array_equal(ours[n].spikes.cell, theirs[n].spikes.cell)
        assert ours[n].spikes.steps == theirs[n].spikes.steps
    assert len(ours["exc"].spikes) > 20
    assert list(ours.records) == list(theirs.records)
    for n, v in (("exc", "v"), ("exc", "g"), ("plastic", "w"))[: len(ours.records)]:
        np.testing.assert_array_equal(getattr(ours[n], v), getattr(theirs[n], v))
        np.testing.assert_array_equal(ours[n].times_of(v), theirs[n].times_of(v))
        assert len(ours[n].times_of(v)) == len(getattr(ours[n], v))
    first, second = ours["exc"].statistics, theirs["exc"].statistics
    for name in ("rates", "cvs", "fano_factors", "correlations", "autocorrelation"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    ends = ours.state.tensors(), theirs.state.tensors()
    assert ends[0].keys() == ends[1].keys()
    for n, t in ends[0].items():
        assert torch.equal(t, ends[1][n]), n
    assert ours.state.step == theirs.state.step


@pytest.fixture
def full() -> Callable[..., rv.Network]:
    """``full(seed)``: the circuit."""
    return build_full


@pytest.fixture
def record() -> dict:
    """All kinds of records."""
    return RECORD


@pytest.fixture
def same() -> Callable[..., None]:
    """Compare two runs to the bit."""
    return check_same
