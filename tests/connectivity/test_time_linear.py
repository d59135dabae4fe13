"""A matrix over time: its formula and gradients, files, and calls that it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ProviderError, RanvierError, ShapeError
from ranvier.units import ms
from tests.differences import slope

Tensor = torch.Tensor


def network(steps: int = 12, order: int | None = None, dtype: torch.dtype = torch.float32) -> rv.Sequential:
    torch.manual_seed(0)
    parts = rv.Linear(5, 4), rv.TimeLinear(steps, order=order), rv.LeakyReadout(4, tau=5 * ms)
    return rv.Sequential(*parts, dt=1 * ms, dtype=dtype)


@pytest.mark.parametrize("order", [None, 1, 3, 12])
def test_it_is_a_matrix_product_over_time(order: int | None) -> None:
    layer = rv.TimeLinear(12, order=order, bias=-0.5)
    x = torch.randn(12, 3, 2, 2)
    y = layer(x)
    for t in range(12):
        read = range(12) if order is None else range(max(0, t - order + 1), t + 1)
        expected = sum(layer.weight[t, s] * x[s] for s in read) - 0.5
        torch.testing.assert_close(y[t], expected)
    y.sum().backward()
    assert int((layer.weight.grad != 0).sum()) == (144 if order is None else sum(min(order, t + 1) for t in range(12)))


@pytest.mark.parametrize("order", [1, 2])
def test_a_narrow_band_is_summed_by_diagonals(order: int) -> None:
    layer = rv.TimeLinear(90, order=order, bias=0.5).double()
    x = torch.randn(90, 2, 3, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(90, 2, 3, dtype=torch.float64)
    (layer(x) * upstream).sum().backward()
    other = x.detach().clone().requires_grad_()
    weight = layer.weight.detach().clone().requires_grad_()
    whole = torch.tensordot(weight.tril().triu(1 - order), other, 1) + 0.5
    (whole * upstream).sum().backward()
    torch.testing.assert_close(layer(x), whole)
    torch.testing.assert_close(x.grad, other.grad)
    torch.testing.assert_close(layer.weight.grad, weight.grad)
    torch.testing.assert_close(layer.bias.grad, upstream.sum((1, 2)))


@pytest.mark.parametrize("order", [None, 3])
def test_gradients_in_a_network_equal_finite_differences(order: int | None) -> None:
    net = network(6, order, torch.float64)
    x = torch.randn(6, 2, 5, dtype=torch.float64)
    weight = torch.randn(6, 2, 4, dtype=torch.float64)

    def loss() -> Tensor:
        return (net(x)[0] * weight).sum()

    loss().backward()
    for name, parameter in net.named_parameters():
        expected = slope(loss, parameter.detach().view(-1), 1)
        assert float(parameter.grad.reshape(-1)[1]) == pytest.approx(expected, rel=1e-6, abs=1e-8), name


@pytest.mark.filterwarnings("ignore:.*reference")
def test_the_reference_and_files_give_the_same(tmp_path: Path) -> None:
    net, x = network(12, 4), torch.rand(12, 2, 5)
    out, _ = net(x)
    slow = network(12, 4)
    slow.provider = "reference"
    torch.testing.assert_close(slow(x)[0], out)
    rv.save(net, tmp_path / "net")
    again = rv.load(tmp_path / "net")
    assert torch.equal(again(x)[0], out)
    assert again["linear1"][1].order == 4


REFUSED = {
    "shorter": lambda net, x: net(x[:5]),
    "window": lambda net, x: net(x, window=4),
    "checkpoint": lambda net, x: net(x, checkpoint=4),
    "lengths": lambda net, x: net(x, lengths=torch.tensor([12, 7])),
    "step": lambda net, x: net.step(x[0]),
    "stepper": lambda net, x: net.stepper()(x[0, :1]),
    "plan": lambda net, x: net.plan(steps=3),
}


@pytest.mark.parametrize("how", REFUSED)
def test_other_numbers_of_steps_are_refused(how: str) -> None:
    with pytest.raises(ShapeError, match=r"TimeLinear maps 12 steps at once, but .* rv\.SlidingPSN"):
        REFUSED[how](network(), torch.rand(12, 2, 5))


def test_maps_of_different_lengths_in_a_chain_are_refused_by_name() -> None:
    net = rv.Network(dt=1 * ms)
    net.input("x", 3)
    net.population("cells", 3, rv.LIF(), output=True)
    net.connect("x", "cells", [rv.TimeLinear(4), rv.TimeLinear(8)], same_step=True)
    for steps, other in ((4, 8), (8, 4)):
        with pytest.raises(ShapeError, match=f"'x' to 'cells': TimeLinear maps {other} steps at once, but {steps} are"):
            net(torch.rand(steps, 2, 3))


def test_it_has_no_single_step() -> None:
    with pytest.raises(ProviderError, match=r"no single step: use rv\.SlidingPSN"):
        rv.step_graph(network())


def test_all_steps_in_one_window_are_the_whole() -> None:
    net, x = network(), torch.rand(12, 2, 5)
    assert torch.equal(net(x, window=12)[0], net(x)[0])
    assert torch.equal(net(x, lengths=torch.tensor([12, 12]))[0], net(x)[0])
    assert "TimeLinear" in str(net.summary())


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        *((rule, r"maps 8 steps at once, .* use rv\.rules\.BPTT\(\)") for rule in ("SLTT", "OTTT", "EProp")),
        ("SnAp1", r"maps 8 steps at once, but 1 are run together\. .*rv\.rules\.BPTT\(\)"),
        ("EventProp", r"'linear1' adds spikes to psn1\.h, which the threshold compares"),
    ],
)
def test_rules_that_step_in_time_are_refused(rule: str, words: str) -> None:
    torch.manual_seed(0)
    parts = rv.Linear(5, 4), *rv.PSN(4, steps=8), rv.Linear(4, 2), rv.LeakyReadout(2)
    net = rv.Sequential(*parts, dt=1 * ms)
    data = torch.rand(4, 8, 5), torch.tensor([0, 1, 0, 1])
    before = [p.detach().clone() for p in net.parameters()]
    with pytest.raises(RanvierError, match=words):
        rv.train(net, data, epochs=1, rule=getattr(rv.rules, rule)(), progress=False)
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True))


def test_rules_with_the_whole_gradient_agree() -> None:
    torch.manual_seed(0)
    net = rv.Sequential(rv.Linear(5, 4), *rv.PSN(4, steps=8), rv.Linear(4, 2), rv.LeakyReadout(2), dt=1 * ms)
    x, found = torch.rand(8, 3, 5), []
    rules = rv.rules.BPTT(), rv.rules.BPTT(window=8), rv.rules.RTRL(window=8)
    for rule in rules:
        net.zero_grad()
        rule.gradient(net, x, rv.rules.PerStep(lambda out: (out**2).sum()))
        found.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    assert found[0].any()
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], atol=1e-5, rtol=1e-5)
    with pytest.raises(ShapeError, match="8 steps at once, but 4"):
        rv.rules.BPTT(window=4).gradient(net, x, rv.rules.PerStep(lambda out: (out**2).sum()))


@pytest.mark.parametrize(
    ("steps", "order", "text"),
    [(0, None, "steps=0"), (2.5, None, "steps=2.5"), (True, None, "steps=True"), (4, 0, "order=0"), (4, 5, "exceeds the 4")],
)  # fmt: skip
def test_wrong_sizes_are_refused(steps: object, order: object, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        rv.TimeLinear(steps, order=order)


def test_a_module_of_another_length_is_refused_by_itself() -> None:
    with pytest.raises(ShapeError, match="maps 4 steps at once, got 3"):
        nn.Sequential(rv.TimeLinear(4))(torch.rand(3, 1, 2))
