"""``net.run`` on networks with external inputs, and calls of networks without: one object in both worlds."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import DimensionError, RanvierWarning, ShapeError, StateError
from ranvier.network import GraphError
from ranvier.units import Hz, ms, mV


def _net(**how: object) -> rv.Sequential:
    torch.manual_seed(0)
    layers = rv.Linear(5, 6), rv.LIF(6, tau=10 * ms), rv.Linear(6, 3), rv.LeakyReadout(3, tau=9 * ms)
    with torch.no_grad():
        layers[0].weight.mul_(4)
    return rv.Sequential(*layers, dt=1 * ms, dtype=torch.float64, **how)


def _spikes(steps: int = 50, batch: int = 1) -> torch.Tensor:
    drawn = torch.rand(steps, batch, 5, generator=torch.Generator().manual_seed(3))
    return (drawn < 0.4).double()


def _driven() -> rv.Network:
    """A source, and cells that excite each other after a millisecond."""
    net = rv.Network(dt=0.5 * ms, seed=3)
    net.population("cells", 6, rv.LIF(tau=10 * ms), output=True)
    net.source("noise", rv.Poisson(80 * Hz, 6))
    net.connect("noise", "cells", rv.AllToAll(), weight=0.3)
    net.connect("cells", "cells", rv.FixedProbability(0.5), weight=0.1, delay=1 * ms)
    return net


RECORD = {"lif1": ["spikes", "v"], "readout1": ["v"]}


@pytest.mark.parametrize("provider", [None, "reference"])
def test_a_run_gives_what_a_call_gives(provider: str | None) -> None:
    net, x = _net(provider=provider), _spikes()
    called, run = net.observe(x, record=RECORD), net.run(50 * ms, inputs=x[:, 0], record=RECORD)
    assert len(run["lif1"].spikes) == int(called["lif1"]["spikes"].sum()) > 50
    np.testing.assert_allclose(run["lif1"].v, called["lif1"]["v"][:, 0].detach(), rtol=1e-12)
    np.testing.assert_allclose(run["readout1"].v, called["readout1"]["v"][:, 0].detach(), rtol=1e-12)


def test_a_run_goes_on_from_a_call_and_a_call_from_a_run() -> None:
    net, x = _net(), _spikes()
    whole = net.run(50 * ms, inputs=x[:, 0], record=RECORD)["readout1"].v
    first = net.run(20 * ms, inputs=x[:20, 0].numpy(), record=RECORD)
    later = net.run(30 * ms, first.state, inputs={"input": x[20:]}, record=RECORD)
    np.testing.assert_allclose(np.concatenate([first["readout1"].v, later["readout1"].v]), whole, rtol=1e-12)
    out, state = net(x[20:], first.state)
    np.testing.assert_allclose(out[:, 0].detach(), whole[20:], rtol=1e-12)
    assert state.step == later.state.step == 50


def test_sources_stand_for_inputs() -> None:
    net = _net()
    turn = rv.Stimulus("x = sin(2*pi*f*t)", 5, f=20 * Hz)
    run = net.run(50 * ms, inputs=turn, record=RECORD)
    x = np.sin(2 * math.pi * 0.02 * np.arange(50))[:, None] * np.ones(5)
    np.testing.assert_allclose(run["readout1"].v, net.run(50 * ms, inputs=x, record=RECORD)["readout1"].v, rtol=1e-9)
    drawn = [net.run(50 * ms, inputs=rv.Poisson(300 * Hz, 5), stream=s, record=RECORD)["lif1"].v for s in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()


def test_inputs_left_out_are_zero_and_named() -> None:
    net = rv.Network(dt=1 * ms)
    for name in ("left", "right"):
        net.input(name, 2)
    net.population("cells", 2, rv.LIF(tau=10 * ms))
    for name in ("left", "right"):
        net.connect(name, "cells", rv.OneToOne(), weight=0.3)
    with pytest.warns(RanvierWarning, match="the input 'right' is zero in this run"):
        one = net.run(20 * ms, inputs={"left": torch.ones(20, 2)}, record={"cells": ["v"]})["cells"].v
    both = net.run(20 * ms, inputs={"left": np.ones((20, 2)), "right": np.zeros((20, 2))}, record={"cells": ["v"]})
    np.testing.assert_array_equal(one, both["cells"].v)
    assert one.any()


def test_plans_of_calls_and_runs_are_kept_apart() -> None:
    """A drive that a circuit draws itself, an array, a call and the drive again."""
    net = rv.Network(dt=1 * ms, seed=2)
    net.input("x", 4)
    net.population("cells", 4, rv.LIF(tau=10 * ms), output=True)
    net.connect("x", "cells", rv.OneToOne(), weight=0.6)
    net.connect("cells", "cells", rv.FixedProbability(0.5), weight=-0.2)
    drive, ones = rv.Poisson(300 * Hz, 4), torch.ones(40, 1, 4)
    record = {"cells": ["spikes", "v"]}
    drawn = net.run(40 * ms, inputs=drive, stream=1, record=record)["cells"].v
    given = net.run(40 * ms, inputs=ones[:, 0], record=record)["cells"].v
    called = net.observe(ones, record=record)["cells"]["v"][:, 0].detach().numpy()
    np.testing.assert_allclose(given, called, rtol=1e-5)
    np.testing.assert_array_equal(net.run(40 * ms, inputs=drive, stream=1, record=record)["cells"].v, drawn)
    assert abs(drawn - given).max() > 0.1


def test_gradients_reach_given_inputs() -> None:
    net, x = _net(), _spikes()
    given, called = x[:, 0].clone().requires_grad_(), x.clone().requires_grad_()
    net.run(50 * ms, inputs=given, record=RECORD, grad=True)["readout1"].v.square().sum().backward()
    net.observe(called, record=RECORD)["readout1"]["v"].square().sum().backward()
    assert given.grad is not None
    assert given.grad.abs().sum() > 0
    torch.testing.assert_close(given.grad, called.grad[:, 0], rtol=1e-9, atol=1e-12)


def test_checkpoints_know_their_inputs(tmp_path: Path) -> None:
    net, x = _net(), _spikes()[:, 0]
    kept = {"checkpoint": tmp_path / "kept", "checkpoint_every": 10 * ms, "record": RECORD, "stream": 0}
    run = net.run(50 * ms, inputs=x, **kept)
    np.testing.assert_array_equal(net.run(50 * ms, inputs=x.clone(), **kept)["lif1"].v, run["lif1"].v)
    with pytest.raises(StateError, match="inputs"):
        net.run(50 * ms, inputs=1 - x, **kept)


@pytest.mark.parametrize(
    ("run", "error", "says"),
    [
        (lambda net, x: net.run(50 * ms, inputs=x[:40, 0]), ShapeError, r"\(40, 5\).*50 steps"),
        (lambda net, x: net.run(50 * ms, inputs=x.expand(50, 2, 5)), ShapeError, "one sample"),
        (lambda net, x: net.run(50 * ms, inputs=x[:, 0, 0]), ShapeError, r"\(50,\)"),
        (lambda net, x: net.run(50 * ms, inputs={"inputs": x}), GraphError, "'inputs'.*Did you mean 'input'"),
        (lambda net, x: net.run(50 * ms, inputs=x[:, 0].numpy() * mV), DimensionError, "divide by the unit"),
        (lambda net, x: net.run(50 * ms, inputs=rv.Poisson(9 * Hz, 4)), ShapeError, r"\(5,\).*\(4,\)"),
        (
            lambda net, x: net.run(50 * ms, inputs=x[:, 0] * math.nan),
            ShapeError,
            r"nan at \[time, cell, …\] = \(0, 0\)",
        ),
        (lambda net, x: net.run(50 * ms, inputs=x[:, 0] * 1j), ShapeError, "'input' is complex: give an array"),
        (lambda net, x: net.run(50 * ms, inputs=torch.zeros(50, 2, 5)), ShapeError, r"\(50, 2, 5\).*of one sample"),
        (lambda net, x: net.run(50 * ms, inputs=torch.zeros(50, 6)), ShapeError, r"\(50, 6\); expected \[T, 5\]\.$"),
        (lambda net, x: net.run(50 * ms, inputs="x"), Exception, "'?input'?|x"),
        (lambda net, x: _driven().run(5 * ms, inputs=x), GraphError, "no external input"),
        (lambda net, x: _driven().observe(record={"cells": ["v"]}), GraphError, "duration="),
        (lambda net, x: net(x, duration=5 * ms), ShapeError, "leave them out"),
    ],
)
def test_what_cannot_be_is_refused(run: Callable, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        run(_net(), _spikes())


def test_trials_of_a_network_of_sources() -> None:
    """Trial b is the same in every batch; its noise is that of no other, and the first is the run's."""
    net, record = _driven(), {"cells": ["spikes", "v"]}
    few, many = (net.observe(duration=100 * ms, batch=b, stream=5, record=record)["cells"] for b in (2, 4))
    assert many["spikes"].shape == (200, 4, 6)
    assert torch.equal(few["spikes"], many["spikes"][:, :2])
    assert (many["v"][:, 0] != many["v"][:, 1]).any()
    run = net.run(100 * ms, stream=5, record=record)["cells"]
    assert len(run.spikes) == int(many["spikes"][:, 0].sum()) > 20
    np.testing.assert_allclose(run.v, many["v"][:, 0].detach(), rtol=1e-4, atol=1e-5)
    out, state = net(duration=100 * ms, batch=4, stream=5)
    assert torch.equal(out, many["spikes"])
    later, _ = net(state=state, duration=50 * ms, batch=4)
    assert later.shape == (100, 4, 6)


def test_trials_without_input_are_named() -> None:
    with pytest.warns(RanvierWarning, match="the input 'input' is zero"):
        out, _ = _net()(duration=10 * ms, batch=3)
    torch.testing.assert_close(out, _net()(torch.zeros(10, 3, 5))[0])
