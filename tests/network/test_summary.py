"""The table of a network's parts, and the network as text."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import Hz, ms, nA


def images() -> rv.Sequential:
    return rv.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, groups=2), nn.BatchNorm2d(4), rv.LIF(tau=rv.Learn(10 * ms)), nn.Flatten(), rv.Linear(36, 5),
        rv.Recurrent(rv.LIF(5, tau=rv.Uniform(3 * ms, 9 * ms)), rv.Linear(5, 5)), nn.Linear(5, 3),
        rv.LeakyReadout(3), dt=1 * ms,
    )  # fmt: skip


def test_a_row_for_each_part() -> None:
    net = images()
    table = net.summary(shapes={"input": (2, 7, 7)})
    names = [
        "input", "conv2d1.0", "conv2d1.1", "lif1", "flatten1.0", "flatten1.1", "recurrent2", "lif2", "linear1", "readout1"
    ]  # fmt: skip
    assert [row.name for row in table.rows] == names
    assert table["conv2d1.0"].shape == table["lif1"].shape == (4, 3, 3)
    assert table["flatten1.1"].shape == (5,)
    assert table["conv2d1.0"].operations == 4 * 9 * 9, "each output reads one of two channels"
    assert table["flatten1.1"].operations == 36 * 5
    assert table["recurrent2"].operations == 25
    assert table["lif1"].operations == 36 * table["lif2"].operations / 5
    assert table.parameters == sum(q.numel() for q in net.parameters())
    assert table["lif1"].times == {"tau": "10 ms"}
    assert "to" in table["lif2"].times["tau"]
    assert all(net.plan(shapes={"input": (2, 7, 7)}).provider(n) in table[n].provider for n in ("lif1", "linear1"))
    text = str(table)
    assert text.splitlines()[0].split() == [
        "name",
        "part",
        "shape",
        "parameters",
        "operations",
        "provider",
        "time",
        "constants",
    ]
    assert f"{table.parameters:,}" in text.splitlines()[-1]
    assert str(net.summary())  # sizes that nothing tells are question marks
    assert net.summary()["lif1"].shape is None


def test_shared_parameters_count_once() -> None:
    same, cell = rv.Linear(4, 4), rv.LIF(4, tau=rv.Learn(5 * ms))
    net = rv.Sequential(same, cell, same, cell, dt=1 * ms)
    assert net.summary().parameters == 21 == sum(q.numel() for q in net.parameters())
    assert net.summary()["linear2"].parameters == 0


def test_single_synapses_and_sources() -> None:
    net = rv.Network(dt=0.1 * ms)
    net.source("poisson", rv.Poisson(10 * Hz, 50))
    net.population("exc", 100, rv.CurrentLIF())
    net.population("alone", 3, rv.CurrentLIF())
    net.connect("poisson", "exc", rv.AllToAll(), to="I", weight=0.1 * nA)
    net.connect("exc", "exc", rv.OneToOne(), to="I", weight=rv.Learn(0.1 * nA), name="back")
    table = net.summary()
    assert table["poisson_to_exc_I"].operations == 5000
    assert table["back"].operations == 100
    assert table.parameters == sum(q.numel() for q in net.parameters())
    assert table["alone"].shape == (3,)


def test_transposed_convolutions_count_from_their_inputs() -> None:
    net = rv.Sequential(rv.ConvTranspose2d(2, 3, 2, stride=2), rv.LIF(), dt=1 * ms)
    row = net.summary(shapes={"input": (2, 4, 4)})["convtranspose2d1"]
    assert row.shape == (3, 8, 8)
    assert row.operations == 2 * 16 * 3 * 4


def test_shapes_of_something_else_are_refused() -> None:
    with pytest.raises(RanvierError, match="shapes names 'x', which is no input; the inputs are input"):
        images().summary(shapes={"x": (2, 7, 7)})


def test_the_text_lists_parts_in_order() -> None:
    lines = repr(images().double()).splitlines()
    assert lines[0] == "Sequential(dt=1 ms, float64"
    assert [line.split(":")[0].strip(" (") for line in lines if line.startswith("  (")] == [
        "input)", "conv2d1)", "lif1)", "flatten1)", "recurrent2)", "lif2)", "linear1)", "readout1)"
    ]  # fmt: skip
    assert repr(rv.Network(dt=1 * ms)) == "Network(dt=1 ms, float32)"
    assert "any size" in lines[1]
    assert torch.nn.Sequential(images())  # a part of another module's text
