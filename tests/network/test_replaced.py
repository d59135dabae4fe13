"""A part that is replaced after a call counts from the next call on, in the plan too; where it cannot, an error says so."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.network import GraphError
from ranvier.units import ms

X = (torch.rand(30, 4, 7, generator=torch.Generator().manual_seed(0)) < 0.3).double()
DELAYS: dict[str, Callable] = {
    "one": lambda: 3 * ms,
    "fixed": lambda: rv.Uniform(0 * ms, 5 * ms),
    "learnable": lambda: rv.Learn(rv.Uniform(0 * ms, 5 * ms), max=5 * ms),
}


def made(first: nn.Module) -> rv.Sequential:
    parts = (first, rv.LIF(60), rv.Linear(60, 60), rv.LIF(60), rv.Linear(60, 3), rv.LeakyReadout(3))
    return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64)


def replaced(old: nn.Module, new: nn.Module) -> rv.Sequential:
    """A network that ran with ``old`` and has ``new`` in its place."""
    net = made(old)
    net(X)
    net.projections["linear1"].chain[0] = new
    return net


def several() -> nn.Sequential:
    return nn.Sequential(nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 60))


@pytest.mark.parametrize(
    ("new", "variant"), [(lambda: rv.Linear(7, 60), "event"), (lambda: nn.Linear(7, 60), "dense"), (several, "dense")]
)
def test_the_plan_is_that_of_a_network_made_with_the_new_transform(new: Callable[[], nn.Module], variant: str) -> None:
    torch.manual_seed(0)
    net = replaced(rv.Linear(7, 60), new().double())
    fresh = copy.deepcopy(net)
    fresh.graph.memo.plans.clear()
    assert torch.equal(net(X)[0], fresh(X)[0])
    how = {"gradient": True, "steps": 30, "batch": 4}
    assert net.plan(**how) == fresh.plan(**how)
    assert net.plan(**how).choice("linear1").variant == variant


def test_a_module_put_behind_the_first_counts() -> None:
    net = made(rv.Linear(7, 60))
    assert net.plan().together == (("lif1", "lif2", "readout1"),)
    net.projections["linear2"].chain.append(nn.Dropout(0.0))
    assert net.plan().together == (("lif2", "readout1"),)


@pytest.mark.parametrize("delay", DELAYS.values(), ids=DELAYS)
@pytest.mark.parametrize("old", [True, False])
def test_delays_cannot_be_replaced(delay: Callable, old: bool) -> None:
    """They ran with the latencies of the transform that was connected."""
    late, instant = rv.Linear(7, 60, delay=delay()), rv.Linear(7, 60)
    net = replaced(late, instant) if old else replaced(instant, late)
    with pytest.raises(GraphError, match="projection 'linear1': its first transform was replaced, but delays"):
        net(X)
    net.projections["linear1"].chain[0] = late if old else instant
    net(X)


def test_a_delay_behind_the_first_transform_is_refused_later_too() -> None:
    net = made(rv.Linear(7, 60))
    net(X)
    net.projections["linear1"].chain.append(rv.Linear(60, 60, delay=2 * ms))
    with pytest.raises(rv.errors.ShapeError, match="only the first transform of a chain can have a delay"):
        net(X)


def test_synapses_of_a_rule_cannot_be_replaced() -> None:
    net = rv.Network(dt=1 * ms)
    net.source("in", rv.SpikeTrains([1, 2] * ms, [0, 1], 2))
    net.population("out", 2, rv.LIF())
    rule = rv.Plasticity(on_pre="w += 0.1")
    (plastic,) = net.connect("in", "out", rv.AllToAll(), weight=0.3, plasticity=rule)
    (other,) = net.connect("in", "out", rv.AllToAll(), weight=0.3)
    net.run(3 * ms)
    net.projections[plastic].chain[0] = net.projections[other].chain[0]
    with pytest.raises(GraphError, match="rules of plasticity are fixed"):
        net.run(3 * ms)
