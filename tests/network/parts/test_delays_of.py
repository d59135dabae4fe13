"""Delays are read back in ms, as they were given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms, nA


def circuit() -> rv.Network:
    net = rv.Network(dt=0.5 * ms, seed=1)
    net.source("spikes", rv.Poisson(10 * rv.units.Hz, 3))
    net.source("signal", rv.TimedArray(np.ones((4, 3)) * nA))
    net.population("a", 3, rv.CurrentLIF())
    net.population("b", 3, rv.CurrentLIF())
    return net


def test_delays_of_single_synapses() -> None:
    net, table = circuit(), np.arange(9).reshape(3, 3) * 0.5
    net.connect("a", "b", rv.AllToAll(), to="I", weight=1 * nA, delay=table * ms, name="table")
    net.connect("a", "b", rv.AllToAll(), to="I", weight=1 * nA, delay=2.5 * ms, name="one")
    net.connect("spikes", "a", rv.OneToOne(), to="I", weight=1 * nA, delay=1 * ms, name="driven")
    net.connect("signal", "a", rv.Linear(3, 3), to="v", delay=1.5 * ms, name="late")
    net.connect(
        "a",
        "b",
        rv.AllToAll(),
        to="I",
        weight=1 * nA,
        delay=rv.Learn(rv.Uniform(1 * ms, 4 * ms), max=5 * ms),
        name="learnt",
    )
    net.connect("a", "b", rv.Linear(3, 3), to="I", delay=3 * ms, name="dense")
    assert net.delays("table").tolist() == table.reshape(-1).tolist()
    assert (net.delays("one").item(), net.delays("late").item(), net.delays("dense").item()) == (2.5, 1.5, 3.0)
    assert net.delays("driven").item() == 1.0
    learnt = net.delays("learnt")
    assert learnt.shape == (9,)
    assert torch.allclose(learnt, net.projections["learnt"].transform.delay.position.detach().double())


def test_delays_in_a_sequence() -> None:
    net = rv.Sequential(
        rv.Linear(4, 3, delay=3 * ms), rv.Recurrent(rv.LIF(3), rv.Linear(3, 3, delay=np.arange(9).reshape(3, 3) * ms)), dt=1 * ms
    )  # fmt: skip
    assert net.delays("linear1").item() == 3
    assert net.delays("recurrent1").tolist() == np.arange(9).reshape(3, 3).tolist()
    with pytest.raises(RanvierError, match=r"no projection 'linear'.*mean 'linear1'"):
        net.delays("linear")
