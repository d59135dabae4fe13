"""Rules do what they are for: classify, hit spike times, find a rate, tell a reward."""

from __future__ import annotations

import numpy as np
import torch

import ranvier as rv
from ranvier import plasticity
from ranvier.units import Hz, Mohm, ms, mV, nA, second


def test_a_tempotron_learns_to_tell_patterns() -> None:
    rng, patterns, epochs, length, trial, inputs = np.random.default_rng(5), 10, 60, 80, 160, 40
    spikes = rng.integers(0, length, (patterns, inputs))
    label = np.arange(patterns) % 2 == 0
    start = np.arange(epochs * patterns) * trial
    step = (start[:, None] + np.tile(spikes, (epochs, 1))).ravel()
    net = rv.Network(dt=1 * ms, dtype=torch.float64, seed=2)
    net.source("input", rv.SpikeTrains(step, np.tile(np.arange(inputs), epochs * patterns), inputs))
    ends = start + trial - 2
    for name, chosen in (("yes", label), ("no", ~label)):
        when = ends[np.tile(chosen, epochs)]
        net.source(name, rv.SpikeTrains(when, np.zeros_like(when), 1))
    net.population("readout", 1, plasticity.TempotronCell(V_th=10 * mV))
    net.connect("yes", "readout", rv.AllToAll(), to="teach", weight=1)
    net.connect("no", "readout", rv.AllToAll(), to="teach", weight=-1)
    rule = plasticity.Tempotron(eta=0.1 * mV, V_th=10 * mV)
    net.connect("input", "readout", rv.AllToAll(), to="r", weight=rv.Uniform(0 * mV, 1 * mV), plasticity=rule, name="w")
    assert ("readout",) in net.plan().circuits
    v = net.run(epochs * patterns * trial * ms, stream=0, record={"readout": ["v"]})["readout"].v.reshape(
        epochs, patterns, trial
    )
    right = ((v.max(-1) > 10) == label).mean(-1)
    assert right[0] < 0.8
    assert (right[-3:] == 1).all()


def test_resume_learns_spike_times() -> None:
    rng, epochs, trial, inputs, desired = np.random.default_rng(3), 80, 250, 120, np.array([40, 90, 135, 180])
    pattern = np.argwhere(rng.random((200, inputs)) < 0.012)
    start = np.arange(epochs) * trial
    net = rv.Network(dt=1 * ms, dtype=torch.float64, seed=2)
    step = (start[:, None] + pattern[:, 0]).ravel()
    net.source("input", rv.SpikeTrains(step, np.tile(pattern[:, 1], epochs), inputs))
    when = (start[:, None] + desired).ravel()
    net.source("desired", rv.SpikeTrains(when, np.zeros_like(when), 1))
    cell = rv.LIF(tau=10 * ms, reset="v = 0") + rv.Exponential("x", tau=3 * ms) + plasticity.Teacher()
    net.population("out", 1, cell)
    net.connect("desired", "out", rv.OneToOne(), to="teach")
    rule = plasticity.ReSuMe(eta=0.01, a=0.02, tau=8 * ms)
    net.connect("input", "out", rv.AllToAll(), to="x", weight=rv.Uniform(0, 0.02), plasticity=rule)
    spikes = net.run(epochs * trial * ms, stream=0, record={"out": ["spikes"]})["out"].spikes.step
    last = spikes[spikes >= start[-1]] - start[-1]
    assert len(last) == len(desired)
    assert np.abs(last - desired).max() <= 3


def test_scaling_finds_its_rate() -> None:
    net = rv.Network(dt=1 * ms, seed=4)
    net.source("input", rv.Poisson(20 * Hz, 100))
    net.population("cells", 8, rv.LIF(tau=20 * ms))
    rule = plasticity.SynapticScaling(target=8 * Hz, eta=0.05, tau_y=1 * second)
    net.connect("input", "cells", rv.AllToAll(), weight=rv.Uniform(0.02, 0.2), plasticity=rule)
    warm = net.run(20 * second, stream=0, record={"cells": ["spikes"]})
    found = net.run(40 * second, stream=0, state=warm.state, record={"cells": ["spikes"]})
    first = net.run(1 * second, stream=0, record={"cells": ["spikes"]})["cells"].spikes.rate()
    assert abs(first - 8) > 4
    np.testing.assert_allclose(found["cells"].spikes.rates(), 8, rtol=0.1)


def test_intrinsic_plasticity_finds_its_rate() -> None:
    cell = rv.Cell(
        "dv/dt = (E_L - v + R*(I + I_e))/tau : mV\nI : nA (input)", threshold="v > V_th", reset="v = E_L",
        E_L=-70 * mV, V_th=-50 * mV, R=100 * Mohm, tau=20 * ms, I_e=rv.Uniform(0 * nA, 1 * nA),
    )  # fmt: skip
    cell = cell + plasticity.IntrinsicPlasticity(target=12 * Hz, eta=0.01 * nA)
    net = rv.Network(dt=0.5 * ms, seed=1)
    net.population("cells", 20, cell)
    warm = net.run(10 * second, stream=0, record={"cells": ["spikes"]})
    found = net.run(20 * second, stream=0, state=warm.state, record={"cells": ["spikes"]})
    np.testing.assert_allclose(found["cells"].spikes.rates(), 12, rtol=0.05)


def test_inhibition_finds_its_rate() -> None:
    net = rv.Network(dt=1 * ms, seed=4)
    for name in ("exc", "inh"):
        net.source(name, rv.Poisson(20 * Hz, 200))
    net.population("cells", 5, rv.LIF(tau=20 * ms))
    net.connect("exc", "cells", rv.AllToAll(), weight=0.05)
    minus = plasticity.InhibitorySTDP(eta=1e-3, target=10 * Hz, w_max=1)
    negative = rv.Plasticity(
        minus.equations, on_pre=f"{minus.on_pre}; sent = -w", on_post=minus.on_post, **minus.values
    )
    net.connect("inh", "cells", rv.AllToAll(), weight=0.0, plasticity=negative)
    warm = net.run(20 * second, stream=0, record={"cells": ["spikes"]})
    found = net.run(20 * second, stream=0, state=warm.state, record={"cells": ["spikes"]})
    assert warm["cells"].spikes.step.size > found["cells"].spikes.step.size
    np.testing.assert_allclose(found["cells"].spikes.rates(), 10, rtol=0.4)


def test_reward_decides_what_is_learnt() -> None:
    """Two synapses see the same pairs; only the one whose cell is rewarded a second later changes."""
    net = rv.Network(dt=1 * ms, dtype=torch.float64)
    net.source("input", rv.SpikeTrains([10, 40, 70], [0, 0, 0], 1))
    net.source("reward", rv.SpikeTrains([1000], [0], 1))
    cell = rv.LIF(tau=5 * ms) + plasticity.Modulator(tau=200 * ms)
    net.population("cells", 2, cell)
    net.connect("reward", "cells", rv.FromArrays([0], [1]), to="dopamine", weight=1 * Hz)
    net.connect("input", "cells", rv.AllToAll(), to="x", weight=2.0, name="drive")
    rule = plasticity.DopamineSTDP(A_plus=0.1, A_minus=-0.05)
    net.connect("input", "cells", rv.AllToAll(), to="x", weight=0.2, plasticity=rule, name="learnt")
    w = net.run(3 * second, stream=0).state.synapses["learnt"]["w"][0]
    assert float(w[0]) == 0.2
    assert float(w[1]) > 0.21


def test_release_happens_as_often_as_it_should() -> None:
    p = np.array([0.0, 0.2, 0.7, 1.0])
    net = rv.Network(dt=1 * ms, seed=9)
    spikes = np.arange(4000)
    net.source("input", rv.SpikeTrains(spikes, np.zeros_like(spikes), 1))
    counter = rv.Cell("n' = n : 1", threshold="n < 0")
    net.population("count", 4, counter)
    net.connect("input", "count", rv.AllToAll(), to="n", weight=1, plasticity=rv.StochasticRelease(p))
    n = net.run(4001 * ms, stream=0).state.variables["count"]["n"][0].numpy()
    np.testing.assert_allclose(n / 4000, p, atol=4 * np.sqrt(0.25 / 4000))
    assert n[0] == 0
    assert n[3] == 4000
