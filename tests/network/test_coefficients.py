"""Coefficients of a step are kept between runs, and never outlive the numbers they came from."""

from __future__ import annotations

import torch

import ranvier as rv
from ranvier.units import ms


def circuit() -> rv.Network:
    net = rv.Network(dt=1 * ms, seed=1, dtype=torch.float64)
    net.population("a", 5, rv.LIF(tau=rv.Learn(10 * ms)), v=0.9)
    return net


def voltage(net: rv.Network) -> torch.Tensor:
    return net.run(5 * ms).state.variables["a"]["v"]


def test_a_changed_number_counts_however_it_was_changed() -> None:
    net = circuit()
    before, tau = voltage(net), net.populations["a"].tau
    assert torch.equal(voltage(net), before)
    tau.data.mul_(2)  # torch keeps no record of this one
    doubled = voltage(net)
    assert not torch.equal(doubled, before)
    with torch.no_grad():
        tau.mul_(0.5)
    assert torch.equal(voltage(net), before)
    net.populations["a"].tau = torch.nn.Parameter(torch.tensor(20.0, dtype=torch.float64))
    assert torch.equal(voltage(net), doubled)


def test_one_network_may_be_run_and_trained_in_turn() -> None:
    net = circuit()
    net.population("b", 2, rv.LIF(tau=5 * ms), output=True)
    net.input("x", 2)
    net.connect("x", "b", rv.Linear(2, 2))
    out, _ = net(torch.ones(3, 1, 2, dtype=torch.float64))
    assert out.shape == (3, 1, 2)
    values = net.observe(torch.ones(3, 1, 2, dtype=torch.float64), record={"a": ["v"]})["a"]["v"]
    values.sum().backward()
    assert net.populations["a"].tau.grad is not None
    with torch.no_grad():
        again = net.observe(torch.ones(3, 1, 2, dtype=torch.float64), record={"a": ["v"]})["a"]["v"]
    assert torch.equal(values.detach(), again)


def test_a_run_without_autograd_leaves_numbers_that_training_may_use() -> None:
    net, x = rv.Sequential(rv.Linear(2, 3), rv.LIF(3), rv.LeakyReadout(3), dt=1 * ms), torch.ones(4, 1, 2)
    with torch.inference_mode():
        before = net(x)[0].clone()
    out, _ = net(x)
    out.sum().backward()
    weight = net.projections["linear1"].transform.weight
    assert torch.equal(out.detach(), before)
    assert bool((weight.grad != 0).any())
