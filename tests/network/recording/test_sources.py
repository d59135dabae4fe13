"""Spikes of sources are recorded like those of cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import DimensionError
from ranvier.network import GraphError
from ranvier.units import Hz, ms, second


def circuit(plastic: bool = False) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, seed=1)
    net.source("input", rv.Poisson(50 * Hz, 40))
    net.source("trains", rv.SpikeTrains([1.0, 3.0, 3.0] * ms, [2, 0, 1], 3))
    net.population("cells", 10, rv.LIF(tau=10 * ms))
    rule = rv.plasticity.STDP(A_plus=0.01, A_minus=-0.01) if plastic else None
    net.connect("input", "cells", rv.AllToAll(), weight=0.05, plasticity=rule)
    net.connect("trains", "cells", rv.AllToAll(), weight=0.05)
    return net


@pytest.mark.parametrize("plastic", [False, True])
def test_they_are_what_the_source_emits_whatever_the_cut(plastic: bool) -> None:
    net = circuit(plastic)
    record = {"input": ["spikes"], "trains": ["spikes"]}
    whole = net.run(200 * ms, stream=0, record=record)
    step, cell = net.sources["input"].spikes(0, 2000, net)
    order = np.lexsort((cell, step))
    np.testing.assert_array_equal(whole["input"].spikes.step, step[order])
    np.testing.assert_array_equal(whole["input"].spikes.cell, cell[order])
    assert whole["trains"].spikes.times.round(6).tolist() == [1.0, 3.0, 3.0]
    assert whole["trains"].spikes.cell.tolist() == [2, 0, 1]
    first = net.run(70 * ms, stream=0, record=record)
    second_half = net.run(130 * ms, first.state, stream=0, record=record)
    both = np.concatenate([first["input"].spikes.step, second_half["input"].spikes.step])
    np.testing.assert_array_equal(both, whole["input"].spikes.step)


def test_statistics_and_folders_take_them_too(tmp_path: Path) -> None:
    net = circuit()
    run = net.run(2 * second, stream=0, record={"input": ["spikes", rv.SpikeStatistics()]}, to=tmp_path / "records")
    assert run["input"].spikes.rate() == pytest.approx(50, rel=0.1)
    assert run["input"].statistics.rate == pytest.approx(run["input"].spikes.rate())
    found = rv.load_records(tmp_path / "records")["input"].spikes
    np.testing.assert_array_equal(found.step, run["input"].spikes.step)


def test_counts_are_as_many_spikes() -> None:
    net = circuit()
    net.source("drive", rv.Poisson(300 * Hz, 10, trains=10))
    net.connect("drive", "cells", rv.OneToOne(), weight=0.1)
    net.source("twice", rv.SpikeTrains([2.0, 2.0, 5.0] * ms, [1, 1, 0], 2))
    net.connect("twice", "cells", rv.AllToAll(), weight=0.1)
    run = net.run(100 * ms, stream=0, record={"drive": ["spikes"], "twice": ["spikes"]})
    counts = net.sources["drive"].block(0, 1000, net)
    assert len(run["drive"].spikes) == int(counts.sum()) > 1000
    np.testing.assert_array_equal(np.bincount(run["drive"].spikes.cell), counts.sum((0, 1)))
    assert run["twice"].spikes.cell.tolist() == [1, 1, 0]


def test_what_has_no_spikes_is_refused() -> None:
    class Halves(rv.network.Source):
        def __init__(self) -> None:
            self.shape = (10,)

        def block(self, first: int, count: int, net: rv.Network) -> torch.Tensor:
            return torch.full((count, 1, 10), 0.5)

    net = circuit()
    net.source("wave", rv.TimedArray(np.ones((5, 10))))
    net.source("halves", Halves())
    for name in ("wave", "halves"):
        net.connect(name, "cells", rv.OneToOne(), weight=0.1)
    for record, said in (
        ({"wave": ["spikes"]}, "'wave': it is a signal"),
        ({"halves": ["spikes"]}, "'halves': it emits 0.5 to 0.5, not counts"),
        ({"input": ["v"]}, "'v' of 'input': it has spikes"),
        ({"inputs": ["spikes"]}, "there are cells, input, trains, halves"),
    ):
        with pytest.raises(GraphError, match=said):
            net.run(1 * ms, stream=0, record=record)


def test_an_interval_between_two_steps_is_refused() -> None:
    with pytest.raises(
        DimensionError, match=r"every=0\.25 ms is not a whole number of steps.*give 0\.2\*ms or 0\.3\*ms"
    ):
        circuit().run(1 * ms, stream=0, record={"cells": ["v"]}, every=0.25 * ms)
    run = circuit().run(0.9 * ms, stream=0, record={"cells": ["v"]}, every=3 * 0.1 * ms)
    assert run["cells"].times.tolist() == [0.3, 0.6, 0.9]
