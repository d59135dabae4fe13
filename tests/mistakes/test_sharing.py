"""Objects that torch users place twice: they are shared, and their parameters count once."""

from __future__ import annotations

import torch
from torch import nn

import ranvier as rv
from ranvier.units import ms

X = torch.rand(6, 3, 4, generator=torch.Generator().manual_seed(0))


def test_a_transform_placed_twice() -> None:
    torch.manual_seed(0)
    same = rv.Linear(4, 4)
    net = rv.Sequential(same, rv.LIF(4, V_th=0.3), same, rv.LIF(4, V_th=0.3), dt=1 * ms)
    assert [n for n, _ in net.named_parameters()] == ["linear1.weight", "linear1.bias"]
    assert net.linear1 is net.linear2 is net[0] is net[2]
    net(X)[0].sum().backward()
    twins = rv.Sequential(rv.Linear(4, 4), rv.LIF(4, V_th=0.3), rv.Linear(4, 4), rv.LIF(4, V_th=0.3), dt=1 * ms)
    twins.load_state_dict(net.state_dict())
    twins(X)[0].sum().backward()
    torch.testing.assert_close(same.weight.grad, twins.linear1.weight.grad + twins.linear2.weight.grad)


def test_a_cell_placed_twice_shares_what_it_learns() -> None:
    cell = rv.LIF(4, tau=rv.Learn(5 * ms), V_th=0.3)
    net = rv.Sequential(rv.Linear(4, 4), cell, rv.Linear(4, 4), cell, dt=1 * ms)
    assert net.lif1.tau is net.lif2.tau
    assert sum(n.endswith("tau") for n, _ in net.named_parameters()) == 1


def test_layers_of_one_cell_have_parameters_of_their_own() -> None:
    """A layer is a module that is made anew, as nn.Linear(4, 4) twice makes two; one layer called twice is shared."""
    cell = rv.LIF(4, tau=rv.Learn(5 * ms))
    one, other = cell.layer(dt=1 * ms), cell.layer(dt=1 * ms)
    assert one.tau is not other.tau
    model = nn.Sequential(one.output_only(), one.output_only())
    assert [n for n, _ in model.named_parameters()] == ["0.tau"]


def test_a_module_in_two_networks() -> None:
    same = nn.Linear(4, 4)
    nets = [rv.Sequential(same, rv.LIF(4), dt=dt * ms) for dt in (1, 0.5)]
    assert nets[0].linear1 is nets[1].linear1
