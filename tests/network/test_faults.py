"""What goes wrong while a network is built or runs is said, located, or at least does not pile up."""

from __future__ import annotations

import gc
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.connectivity import ConnectivityError
from ranvier.errors import DimensionError, NonFiniteError, RanvierWarning
from ranvier.units import Hz, mA, ms, mV, nA

LEAKY = rv.Cell(
    "dv/dt = -v/tau : mV\ndg/dt = -g/tau : mV", threshold="v > 5*mV", reset="v = 0*mV", tau=10 * ms, v=rv.Uniform(0 * mV, 9 * mV)
)  # fmt: skip


def pair() -> rv.Network:
    net = rv.Network(dt=0.1 * ms, seed=1)
    net.population("a", 30, LEAKY)
    net.population("b", 20, LEAKY)
    return net


@pytest.mark.parametrize(
    ("onset", "provider"), [(0, None), (1, None), (4321, None), (9999, None), (12000, None), (7, "reference")]
)
def test_the_first_nan_is_located(onset: int, provider: str | None) -> None:
    cell = rv.Cell("dv/dt = -v/tau + x/ms : 1\nx : 1 (input)", emit="v", tau=10 * ms)
    net = rv.Network(dt=0.1 * ms, provider=provider)
    signal = np.zeros((onset + 500, 7))
    signal[onset, 4] = 1e38
    net.source("drive", rv.TimedArray(signal))
    net.population("a", 7, cell)
    net.connect("drive", "a", rv.OneToOne(), to="x", weight=1e30)
    with pytest.raises(NonFiniteError) as caught:
        net.run((onset + 500) * 0.1 * ms, stream=0, record={"a": ["v"]})
    said = re.search(r"a\.v of cell (\d+) became (nan|inf) before step (\d+)", str(caught.value))
    assert said is not None, str(caught.value)
    assert said[1] == "4"
    assert int(said[3]) == onset + 1
    run = caught.value.run
    assert run.state.step <= onset
    assert np.isfinite(run["a"].v).all()


@pytest.mark.parametrize(
    "rule",
    [
        rv.FixedInDegree(31, multapses=False),
        rv.FixedInDegree(30, multapses=False, autapses=False),
        rv.FixedOutDegree(40, multapses=False),
        rv.FixedTotal(901, multapses=False),
    ],
)
def test_impossible_degrees(rule: rv.connectivity.Connectivity) -> None:
    with pytest.raises(ConnectivityError, match=r"30|900"):
        pair().connect("a", "a", rule, to="v", weight=1 * mV)


@pytest.mark.parametrize("delay", [0.04 * ms, rv.Uniform(0.01 * ms, 0.049 * ms), [0.03] * 600 * ms])
def test_delays_below_a_step_are_said(delay: object) -> None:
    with pytest.warns(RanvierWarning, match=r"less than half a step of 0.1 ms"):
        pair().connect("a", "b", rv.AllToAll(), to="v", weight=1 * mV, delay=delay)


@pytest.mark.parametrize("delay", [0 * ms, 0.1 * ms, rv.Uniform(0 * ms, 2 * ms)])
def test_other_delays_are_not(delay: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pair().connect("a", "b", rv.AllToAll(), to="v", weight=1 * mV, delay=delay)


@pytest.mark.parametrize(
    ("weight", "delay"), [(1 * nA, None), (1, None), (1 * mA, None), (1 * mV, 1 * mV), (1 * mV, 3), (1 * mV, 2 * Hz)]
)
def test_unit_mistakes(weight: object, delay: object) -> None:
    with pytest.raises(DimensionError):
        pair().connect("a", "b", rv.AllToAll(), to="v", weight=weight, delay=delay)


class TestWiring:
    def test_a_disconnected_population_is_said_once(self) -> None:
        net = pair()
        net.source("lonely", rv.Poisson(1 * Hz, 3))
        net.connect("a", "a", rv.AllToAll(), to="v", weight=1 * mV)
        with pytest.warns(RanvierWarning) as said:
            net.run(1 * ms, stream=0)
        assert sorted(str(w.message).split(":")[0] for w in said) == [
            "population 'b' is disconnected",
            "source 'lonely' is disconnected",
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            net.run(1 * ms, stream=0)

    def test_a_projection_without_synapses_is_said(self) -> None:
        net = pair()
        net.connect("a", "b", rv.FixedProbability(0.0), to="v", weight=1 * mV, name="nothing")
        with pytest.warns(RanvierWarning, match="'nothing' has no synapses"):
            net.run(1 * ms, stream=0)

    def test_uncoupled_cells_alone_are_no_mistake(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pair().run(1 * ms, stream=0)


def resident() -> float:
    """Memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def delayed(seed: int) -> rv.Network:
    """New weights and delays."""
    net = rv.Network(dt=0.1 * ms, seed=seed)
    net.source("drive", rv.Poisson(100 * Hz, 10))
    net.population("cells", 200, LEAKY)
    net.connect("drive", "cells", rv.FixedProbability(0.2), to="v", weight=2 * mV)
    delay = rv.Uniform(0 * ms, (1 + seed % 5) * ms)
    net.connect("cells", "cells", rv.FixedProbability(0.1), to="g", weight=rv.Uniform(0 * mV, 1 * mV), delay=delay)
    return net


def drawn_and_plastic(seed: int) -> rv.Network:
    """Synapses and background drawn inside the loop, and synapses that change."""
    net = rv.Network(dt=0.1 * ms, seed=seed)
    net.source("drive", rv.Poisson(100 * Hz, 200, trains=2))
    net.population("cells", 200, LEAKY)
    net.connect("drive", "cells", rv.OneToOne(), to="v", weight=2 * mV)
    net.connect("cells", "cells", rv.Procedural(rv.FixedOutDegree(20)), to="g", weight=0.1 * mV)
    rule = rv.plasticity.STDP(A_plus=0.01 * mV, A_minus=-0.01 * mV, w_max=1 * mV)
    net.connect("cells", "cells", rv.FixedProbability(0.1), to="v", weight=0.5 * mV, plasticity=rule, name="plastic")
    return net


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory of the process from Linux")
@pytest.mark.parametrize("make", [delayed, drawn_and_plastic])
def test_a_thousand_networks_do_not_grow_memory(make: Callable[[int], rv.Network]) -> None:
    """1,000 networks with new seeds, weights and delays are built, run and dropped."""
    torch.manual_seed(0)
    sizes = []
    for k in range(1000):
        make(k).run(5 * ms, stream=0, record={"cells": ["spikes", "v", rv.SpikeStatistics()]})
        if k % 250 == 249:
            gc.collect()
            sizes.append(resident())
    assert sizes[-1] - sizes[0] < 30, sizes  # one network takes about 0.3 MB: kept ones would add 225
