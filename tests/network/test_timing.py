"""The step's one rule: a spike fired in step n over a projection of latency k arrives in step n + k."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.network import GraphError
from ranvier.units import ms, mV

#: emits what arrived in this step
ECHO = "y' = x : 1\nx : 1 (input)"


def echo(size: int | None = None) -> rv.Cell:
    return rv.Cell(ECHO, emit="y", size=size)


def firing(size: int) -> rv.Cell:
    """Fires in every step in which something arrives."""
    return rv.Cell("y' = x : 1\nx : 1 (input)", threshold="y > 0.5", reset="y = 0", size=size)


def identity(size: int, **how: object) -> rv.Linear:
    linear = rv.Linear(size, size, bias=False, **how)
    with torch.no_grad():
        linear.weight.copy_(torch.eye(size))
    return linear


def one_spike(steps: int, at: int, size: int = 1) -> torch.Tensor:
    x = torch.zeros(steps, 1, size)
    x[at] = 1
    return x


def when(out: torch.Tensor) -> list[int]:
    return torch.nonzero(out.flatten(1).sum(1)).flatten().tolist()


@pytest.fixture(params=["cpu", "reference"])
def provider(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("delay", [0, 1, 4])
def test_a_sequential_delay(provider: str, delay: int) -> None:
    """Forward edges are same-step: k = round(delay/dt)."""
    net = rv.Sequential(identity(1, delay=delay * ms), echo(1), dt=1 * ms, provider=provider)
    assert when(net(one_spike(12, 3))[0]) == [3 + delay]


def test_every_synapse_has_its_own_delay(provider: str) -> None:
    delays = [[0.0, 7.0], [2.0, 1.0], [5.0, 0.0]]
    linear = rv.Linear(2, 3, bias=False, delay=torch.tensor(delays).numpy() * ms)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    net = rv.Sequential(linear, echo(3), dt=1 * ms, provider=provider)
    out = net(one_spike(12, 1, 2))[0][:, 0]
    expected = torch.zeros(12, 3)
    for post, row in enumerate(delays):
        for pre, delay in enumerate(row):
            expected[1 + int(delay), post] += linear.weight[post, pre].detach()
    assert torch.equal(out, expected)


@pytest.mark.parametrize(
    ("delay", "dt", "steps"), [(0.0, 1.0, 0), (0.4, 1.0, 0), (0.6, 1.0, 1), (2.5, 0.5, 5), (0.3, 0.1, 3)]
)
def test_delays_are_rounded_to_steps(delay: float, dt: float, steps: int) -> None:
    net = rv.Sequential(identity(1, delay=delay * ms), echo(1), dt=dt * ms)
    assert when(net(one_spike(12, 2))[0]) == [2 + steps]


@pytest.mark.parametrize("delay", [None, 0, 1, 3])
@pytest.mark.parametrize("how", ["rule", "transform", "transform with its own delay", "transform with one delay each"])
def test_connect_takes_one_step_more(provider: str, delay: int | None, how: str) -> None:
    """k = 1 + round(delay/dt): the delay is physical time from the crossing."""
    net = rv.Network(dt=1 * ms, provider=provider)
    net.input("input", 2)
    net.population("out", 2, echo(), output=True)
    given = None if delay is None else delay * ms
    if how == "rule":
        net.connect("input", "out", rv.OneToOne(), to="x", delay=given)
    elif how == "transform":
        net.connect("input", "out", identity(2), to="x", delay=given)
    elif how == "transform with its own delay":
        net.connect("input", "out", identity(2, delay=given), to="x")
    else:
        each = None if given is None else torch.full((2, 2), float(delay)).numpy() * ms
        net.connect("input", "out", identity(2, delay=each), to="x")
    assert when(net(one_spike(12, 2, 2))[0]) == [2 + 1 + (delay or 0)]


@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("each", [False, True])
def test_recurrence_arrives_one_step_later(provider: str, delay: int, each: bool) -> None:
    """One spike goes round: every 1 + delay steps; differentiable and not."""
    given = torch.full((1, 1), float(delay)).numpy() * ms if each else delay * ms
    net = rv.Sequential(identity(1), rv.Recurrent(firing(1), identity(1, delay=given)), dt=1 * ms, provider=provider)
    expected = list(range(2, 14, 1 + delay))
    assert when(net(one_spike(14, 2))[0].detach()) == expected
    with torch.no_grad():
        assert when(net(one_spike(14, 2))[0]) == expected


def test_a_ring_of_populations(provider: str) -> None:
    """a -> b -> a with unequal delays: spikes return after the sum of both latencies."""
    net = rv.Network(dt=1 * ms, provider=provider)
    net.input("input", 1)
    net.population("a", 1, firing(1), output=True)
    net.population("b", 1, firing(1), output=True)
    net.connect("input", "a", rv.OneToOne(), to="x")
    net.connect("a", "b", rv.OneToOne(), to="x", delay=1 * ms)
    net.connect("b", "a", rv.OneToOne(), to="x", delay=3 * ms)
    out = net(one_spike(20, 0))[0]
    assert when(out["a"].detach()) == [1, 7, 13, 19]
    assert when(out["b"].detach()) == [3, 9, 15]


def test_a_signal_acts_in_its_own_step(provider: str) -> None:
    """Row n of a TimedArray is in force during step n; spikes of a source take one step, as those of cells do."""
    net = rv.Network(dt=1 * ms, provider=provider)
    net.source("signal", rv.TimedArray(torch.arange(6.0)[:, None]))
    net.source("spikes", rv.SpikeTrains([2, 4], [0, 0], 1))
    net.population("a", 1, echo())
    net.population("b", 1, echo())
    net.connect("signal", "a", rv.OneToOne(), to="x")
    net.connect("spikes", "b", rv.OneToOne(), to="x", delay=1 * ms)
    run = net.run(8 * ms, stream=0, record={"a": ["y"], "b": ["y"]})
    assert run["a"].y[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 5, 5]
    assert run["b"].y[:, 0].tolist() == [0, 0, 0, 0, 1, 0, 1, 0]


def test_spike_times_go_round() -> None:
    """Recorded spike times, given as a stimulus, are fired in the same steps."""
    net = rv.Network(dt=0.5 * ms)
    net.source("drive", rv.TimedArray(torch.full((1, 3), 30.0) * mV))
    cell = rv.Cell(
        "dv/dt = (x - v)/tau : mV\nx : mV (input)",
        threshold="v > 10*mV",
        reset="v = 0*mV",
        tau=rv.Uniform(5 * ms, 9 * ms),
    )
    net.population("cells", 3, cell)
    net.connect("drive", "cells", rv.OneToOne(), to="x")
    recorded = net.run(50 * ms, stream=0, record={"cells": ["spikes"]})["cells"].spikes
    again = rv.Network(dt=0.5 * ms)
    again.source("replay", rv.SpikeTrains(recorded.times * ms, recorded.cell, recorded.size))
    again.population("cells", 3, firing(3))
    again.connect("replay", "cells", rv.OneToOne(), to="x")
    copy = again.run(60 * ms, stream=0, record={"cells": ["spikes"]})["cells"].spikes
    assert len(recorded) > 5
    assert copy.step.tolist() == (recorded.step + 1).tolist()
    assert copy.cell.tolist() == recorded.cell.tolist()


class TestJoins:
    def test_projections_into_one_port_are_summed(self, provider: str) -> None:
        net = rv.Network(dt=1 * ms, provider=provider)
        net.input("a", 2)
        net.input("b", 2)
        net.population("out", 2, echo(), output=True)
        net.connect("a", "out", identity(2), to="x")
        net.connect("b", "out", identity(2), to="x", delay=1 * ms)
        net.connect("b", "out", rv.AllToAll(), to="x", weight=10.0)
        a, b = one_spike(6, 0, 2), one_spike(6, 2, 2)
        out, _ = net({"a": a, "b": b})
        assert out[:, 0, 0].tolist() == [0, 1, 0, 20, 1, 0]

    def test_a_relay_sums_and_emits(self, provider: str) -> None:
        net = rv.Network(dt=1 * ms, provider=provider)
        net.input("a", 2)
        net.population("sum", 2, rv.Relay())
        net.population("out", 2, echo(), output=True)
        net.connect("a", "sum", identity(2), delay=1 * ms)
        net.connect("a", "sum", identity(2))
        net.connect("sum", "out", identity(2), to="x")
        assert net(one_spike(8, 0, 2))[0][:, 0, 0].tolist() == [0, 0, 1, 1, 0, 0, 0, 0]

    def test_a_relay_can_be_the_output(self) -> None:
        net = rv.Sequential(identity(2), dt=1 * ms)
        assert torch.equal(net(one_spike(4, 1, 2))[0], one_spike(4, 1, 2))

    def test_two_cells_in_a_row_need_no_transform(self) -> None:
        net = rv.Sequential(identity(2), firing(2), echo(2), dt=1 * ms)
        assert when(net(one_spike(5, 2, 2))[0].detach()) == [2]


class TestCycles:
    def test_a_cycle_without_delay_is_named(self) -> None:
        net = rv.Network(dt=1 * ms)
        net.population("a", 1, firing(1))
        net.population("b", 1, firing(1))
        for pre, post in (("a", "b"), ("b", "a")):
            net.connect(pre, post, rv.OneToOne(), to="x")
        for projection in net.projections.values():
            projection.latency = projection.shortest = 0
        net.graph.memo.plans.clear()
        with pytest.raises(GraphError, match=r"a -> b|b -> a"):
            net.plan()

    def test_instant_edges_inside_a_cycle_are_ordered(self, provider: str) -> None:
        """a -> b in the same step (as in a chain), b -> a one step later."""
        net = rv.Sequential(identity(1), firing(1), identity(1), firing(1), dt=1 * ms, provider=provider)
        first, second = net.populations
        net.connect(second, first, identity(1), to="x", delay=2 * ms)
        out = net(one_spike(12, 1))[0]
        assert when(out.detach()) == [1, 4, 7, 10]
