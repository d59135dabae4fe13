"""Hidden signals come with gradient, and several outputs as a dict."""

from __future__ import annotations

from collections.abc import Callable

import torch

import ranvier as rv
from ranvier.units import ms


def test_hidden_signals_have_shapes_and_gradient(build: Callable, spikes: Callable) -> None:
    net = build("feed-forward")
    seen = net.observe(spikes(9), record={"lif1": ["spikes", "v"], "readout1": ["v"]})
    assert {n: {v: tuple(x.shape) for v, x in values.items()} for n, values in seen.items()} == {
        "lif1": {"spikes": (9, 2, 9), "v": (9, 2, 9)},
        "readout1": {"v": (9, 2, 5)},
    }
    for signal in (seen["lif1"]["spikes"], seen["lif1"]["v"]):
        (grad,) = torch.autograd.grad(signal.sum(), net.projections["linear1"].chain[0].weight, retain_graph=True)
        assert grad.any()


def test_observing_changes_nothing(build: Callable, spikes: Callable, kind: str) -> None:
    net, x = build(kind), spikes(12)
    (last,) = net.outputs
    emit = net.populations[last].cell.emit
    state = net.initial_state(2, stream=0)
    everything = {
        n: ["spikes" if p.cell.emit == "spike" else p.cell.emit, *p.cell.system.states]
        for n, p in net.populations.items()
    }
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            seen = net.observe(x[:, :1], net.initial_state(1, stream=0), record=everything)
            out, after = net(x[:, :1], net.initial_state(1, stream=0))
        torch.testing.assert_close(seen[last]["spikes" if emit == "spike" else emit], out, rtol=1e-12, atol=1e-12)
        for n, values in after.variables.items():
            for v in everything[n][1:]:
                torch.testing.assert_close(seen[n][v][-1], values[v], rtol=1e-12, atol=1e-12)
    assert net.observe(x, state, record={}) == {}


def test_subexpressions_and_other_events_can_be_seen() -> None:
    cell = rv.Cell(
        "v' = 0.5*v + x : 1\npower = v**2 : 1\nx : 1 (input)", threshold="v > 1", reset="v = 0",
        events={"low": ("v < -1", "v = 0")},
    )  # fmt: skip
    net = rv.Network(dt=1 * ms)
    net.input("input", 1)
    net.population("cells", 1, cell, output=True)
    net.connect("input", "cells", rv.OneToOne(), to="x")
    x = torch.tensor([0.5, 2.0, -3.0, 0.0]).reshape(4, 1, 1)
    seen = net.observe(x, record={"cells": ["spikes", "power", "low"]})["cells"]
    assert seen["spikes"].flatten().tolist() == [0, 0, 1, 0]
    assert seen["low"].flatten().tolist() == [0, 0, 0, 1]
    assert seen["power"].flatten().tolist() == [0, 0.25, 0, 0]


def test_another_event_can_be_what_is_emitted() -> None:
    cell = rv.Cell(
        "v' = x : 1\nx : 1 (input)", threshold="v > 1", reset="", events={"low": ("v < -1", "v = 0")}, emit="low"
    )
    net = rv.Sequential(cell, dt=1 * ms)
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            out, _ = net(torch.tensor([2.0, -2.0, 0.0]).reshape(3, 1, 1))
        assert out.flatten().tolist() == [0, 1, 0]


def test_several_outputs_are_a_dict() -> None:
    net = rv.Network(dt=1 * ms)
    net.input("input", 3)
    net.population("a", 3, rv.LIF(), output=True)
    net.population("b", 2, rv.LeakyReadout(), output=True)
    net.connect("input", "a", rv.OneToOne(), to="x")
    net.connect("input", "b", rv.Linear(3, 2), to="x")
    out, _ = net(torch.ones(4, 2, 3))
    assert {n: tuple(x.shape) for n, x in out.items()} == {"a": (4, 2, 3), "b": (4, 2, 2)}
    row, _ = net.step(torch.ones(2, 3))
    assert {n: tuple(x.shape) for n, x in row.items()} == {"a": (2, 3), "b": (2, 2)}


def test_a_source_and_an_input_together() -> None:
    """Sources act in a call as they do in a simulation, for every sample of the batch."""
    net = rv.Network(dt=1 * ms)
    net.input("input", 1)
    net.source("bias", rv.TimedArray(torch.tensor([[1.0], [2.0], [3.0]])))
    net.population("out", 1, rv.Cell("y' = x : 1\nx : 1 (input)", emit="y"), output=True)
    net.connect("input", "out", rv.OneToOne(), to="x", weight=10.0)
    net.connect("bias", "out", rv.OneToOne(), to="x")
    out, state = net(torch.ones(2, 2, 1))
    assert out[..., 0].tolist() == [[1, 1], [12, 12]]
    assert net(torch.ones(1, 2, 1), state)[0].flatten().tolist() == [13, 13]
