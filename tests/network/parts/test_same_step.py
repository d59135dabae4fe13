"""Projections of ``connect`` that arrive in the same step, and rows of transforms."""

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.network import GraphError
from ranvier.units import ms


def _chain(seed: int) -> list[nn.Module]:
    torch.manual_seed(seed)
    return [nn.Conv2d(1, 3, 3, padding=1), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12, 5)]


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("delay", [None, 2 * ms])
def test_a_network_made_part_by_part_equals_the_chain(provider, delay):
    x = torch.rand(6, 2, 1, 4, 4)
    chain = rv.Sequential(
        *_chain(1), rv.LIF(V_th=0.3), rv.Linear(5, 4, delay=delay), rv.LIF(V_th=0.1), dt=1 * ms, provider=provider
    )
    made = rv.Network(dt=1 * ms, provider=provider)
    made.input("input")
    made.population("lif1", None, rv.LIF(V_th=0.3))
    made.population("lif2", None, rv.LIF(V_th=0.1), output=True)
    made.connect("input", "lif1", _chain(1), same_step=True)
    second = rv.Linear(5, 4)
    second.load_state_dict(chain.projections["linear1"].chain[0].state_dict(), strict=False)
    made.connect("lif1", "lif2", second, delay=delay, same_step=True)
    assert chain(x)[0].any()
    assert torch.equal(made(x)[0], chain(x)[0])
    assert "v" in made.observe(x, record={"lif1": ["v"]})["lif1"]


def test_without_same_step_emissions_arrive_one_step_later():
    x = (torch.rand(6, 2, 4) < 0.5).float()
    now, later = rv.Network(dt=1 * ms), rv.Network(dt=1 * ms)
    for net, same in ((now, True), (later, False)):
        net.input("x")
        net.population("relay", None, rv.Relay(), output=True)
        net.connect("x", "relay", [], same_step=same)
    assert torch.equal(now(x)[0], x)
    assert torch.equal(later(x)[0][1:], x[:-1])


def test_rules_and_other_things_are_refused():
    net = rv.Network(dt=1 * ms)
    net.population("a", 3, rv.LIF())
    with pytest.raises(GraphError, match="same_step belongs to transforms"):
        net.connect("a", "a", rv.AllToAll(), same_step=True)
    with pytest.raises(GraphError, match=r"a list that holds 0\.5: for a probability"):
        net.connect("a", "a", [nn.Flatten(), 0.5])
    net.connect("a", "a", rv.Linear(3, 3), same_step=True)
    with pytest.raises(GraphError, match="has no delay, so a spike"):
        net.plan()
