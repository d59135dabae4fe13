"""One cell object in several populations shares its learnable values, in gradients, files and copies."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import ms

PROVIDERS = pytest.mark.parametrize("provider", ["cpu", "reference"])
X = (torch.rand(20, 8, 5, generator=torch.Generator().manual_seed(1)) < 0.4).double()


def stacked(shared: bool, provider: str | None = None) -> rv.Sequential:
    """Two layers of one cell object, or of two equal ones; also with a learnable start."""
    torch.manual_seed(0)

    def cell() -> rv.Cell:
        return rv.LIF(5, tau=rv.Learn(np.array([4.0, 6, 8, 10, 12]) * ms), v=rv.Learn(0.3))

    one = cell()
    layers = [rv.Linear(5, 5), rv.Linear(5, 5)]
    with torch.no_grad():
        for layer in layers:
            layer.weight.abs_()
    parts = (layers[0], one, layers[1], one if shared else cell())
    return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64, provider=provider)


@PROVIDERS
def test_one_cell_in_two_places_is_two_equal_ones(provider: str) -> None:
    one, two = stacked(True, provider), stacked(False, provider)
    out, same = one(X)[0], two(X)[0]
    assert out.any()
    assert torch.equal(out, same)
    weight = torch.randn_like(out)
    (out * weight).sum().backward()
    (same * weight).sum().backward()
    names = [n for n, _ in one.named_parameters()]
    assert "lif1.tau" in names
    assert "lif2.tau" not in names
    for value in ("tau", "v_0"):
        wanted = sum(getattr(two.populations[n], value).grad for n in ("lif1", "lif2"))
        torch.testing.assert_close(getattr(one.populations["lif1"], value).grad, wanted, rtol=1e-10, atol=1e-13)


@PROVIDERS
@pytest.mark.parametrize("rule", [rv.rules.SLTT(window=6), rv.rules.OTTT(window=6), rv.rules.RTRL()], ids=repr)
def test_rules_add_up_both_places(rule: rv.rules.Rule, provider: str) -> None:
    found = []
    for shared in (True, False):
        torch.manual_seed(0)
        one, other = (rv.LIF(5, tau=rv.Learn(5 * ms)) for _ in range(2))
        layers = [rv.Linear(5, 5), rv.Linear(5, 5)]
        with torch.no_grad():
            layers[1].load_state_dict(layers[0].state_dict())
            for layer in layers:
                layer.weight.abs_().mul_(1.5)
        parts = (layers[0], one, layers[0 if shared else 1], one if shared else other)
        net = rv.Sequential(
            *parts, rv.Linear(5, 2), rv.LeakyReadout(2), dt=1 * ms, dtype=torch.float64, provider=provider
        )
        with torch.no_grad():
            net.projections["linear3"].chain[0].weight.copy_(torch.linspace(-1, 1, 10).reshape(2, 5))
        rule.gradient(net, X[:, :2], rv.rules.PerStep(lambda out: out.square().mean()))
        both = [net.populations["lif1"].tau, *net.projections["linear1"].chain[0].parameters()]
        if shared:
            found.append([q.grad for q in both])
        else:
            also = [net.populations["lif2"].tau, *net.projections["linear2"].chain[0].parameters()]
            found.append([q.grad + r.grad for q, r in zip(both, also, strict=True)])
    for a, b in zip(*found, strict=True):
        assert a.any()
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_files_and_copies_keep_it(tmp_path: Path) -> None:
    net = stacked(True)
    rv.save(net, tmp_path / "model")
    for again in (rv.load(tmp_path / "model"), copy.deepcopy(net), copy.deepcopy(net).float().double()):
        assert again.populations["lif1"].tau is again.populations["lif2"].tau
        assert [n for n, _ in again.named_parameters()] == [n for n, _ in net.named_parameters()]
    again = rv.load(tmp_path / "model")
    assert torch.equal(net(X)[0], again(X)[0])
    assert net.state_dict().keys() == again.state_dict().keys()


def test_further_values_make_another_cell() -> None:
    net, cell = rv.Network(dt=1 * ms), rv.LIF(tau=rv.Learn(5 * ms))
    net.population("a", 3, cell)
    net.population("b", 4, cell)
    net.population("c", 3, cell, V_th=2.0)
    assert net.populations["a"].tau is net.populations["b"].tau
    assert net.populations["c"].tau is not net.populations["a"].tau
    assert len(list(net.parameters())) == 2


def test_a_value_for_each_cell_cannot_be_shared_by_two_sizes() -> None:
    net, cell = rv.Network(dt=1 * ms), rv.LIF(tau=rv.Learn(rv.Uniform(5 * ms, 9 * ms)))
    net.population("a", 3, cell)
    with pytest.raises(ShapeError, match=r"'b' has the cell of 'a', .* one value for each of \(3,\) cells"):
        net.population("b", 4, cell)
