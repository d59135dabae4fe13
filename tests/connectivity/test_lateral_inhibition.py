"""Subtraction and division by inhibitory cells: the formula, signs, its start, files, rules and providers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError, TrainingError
from ranvier.units import ms
from tests.differences import slope

DOUBLE = torch.float64


def dense(inputs: int = 10, cells: int = 8, inhibitory: int = 3) -> rv.LateralInhibition:
    kinds = (rv.Linear(inputs, n, bias=False, sign=1, dtype=DOUBLE) for n in (cells, inhibitory))
    return rv.LateralInhibition(*kinds).double()


def moved(layer: rv.LateralInhibition) -> rv.LateralInhibition:
    """With parameters that differ, some of them across their bound."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for q in layer.parameters():
            q.add_(torch.rand(q.shape, generator=generator, dtype=q.dtype) - 0.2)
    return layer


def spikes(*shape: int, density: float = 0.4) -> torch.Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(1)) < density).double()


@pytest.mark.parametrize("space", [(), (5, 4)])
def test_it_is_the_formula(space: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    if space:
        maps = (rv.Conv2d(3, n, 2, bias=False, sign=1) for n in (6, 2))
        layer, x = moved(rv.LateralInhibition(*maps).double()), spikes(7, 3, *space)
    else:
        layer, x = moved(dense()), spikes(7, 10)
    e, i = (part.weight.detach().clamp(min=0) for part in (layer.excite, layer.inhibit))
    carry = nn.functional.conv2d if space else nn.functional.linear
    excited, inhibited = carry(x, e), carry(x, i)
    mix, share, gain = (q.detach().clamp(min=0) for q in (layer.mix, layer.share, layer.gain))
    assert int((layer.mix < 0).sum()) + int((e == 0).sum()) > 0
    each = (1, -1, *(1 for _ in space))
    less = torch.tensordot(inhibited.movedim(1, -1), mix.T, 1).movedim(-1, 1)
    divisor = torch.tensordot((inhibited * share.reshape(each)).movedim(1, -1), mix.T, 1).movedim(-1, 1)
    wanted = gain.reshape(each) * (excited - less) / divisor + layer.bias.reshape(each)
    there = divisor > 0
    assert float(there.double().mean()) > 0.9
    torch.testing.assert_close(layer(x)[there], wanted[there])


def test_a_divisor_of_zero_counts_as_the_least_of_its_sample() -> None:
    layer = dense(2, 2, 2)
    with torch.no_grad():
        layer.excite.weight.fill_(1.0)
        layer.inhibit.weight.copy_(torch.eye(2))
        layer.mix.copy_(torch.tensor([[0.5, 0.0], [0.0, 0.25]]))
    x = torch.tensor([[1.0, 0.0], [0.0, 0.0], [2.0, 1.0]], dtype=DOUBLE, requires_grad=True)
    y = layer(x)
    wanted = torch.tensor([[0.5 / 0.5, 1.0 / 0.5], [0.0, 0.0], [2.0 / 1.0, 2.75 / 0.25]], dtype=DOUBLE)
    torch.testing.assert_close(y.detach(), wanted)
    (grad,) = torch.autograd.grad(y.sum(), x)
    assert bool(grad.isfinite().all())


def test_gradients_are_those_of_finite_differences() -> None:
    """That of the mix is divided by the number of inputs."""
    layer, x = dense(), torch.rand(5, 10, generator=torch.Generator().manual_seed(3), dtype=DOUBLE) + 0.1
    names = [n for n, _ in layer.named_parameters() if n != "mix"]
    given = [q.detach().clone().requires_grad_() for n, q in layer.named_parameters() if n in names]

    def call(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,)).square()

    assert torch.autograd.gradcheck(call, (x.clone().requires_grad_(), *given))
    (found,) = torch.autograd.grad(layer(x).square().sum(), layer.mix)
    for place in ((0, 0), (3, 2), (7, 1)):
        expected = slope(lambda: layer(x).square().sum(), layer.mix, place)
        assert float(found[place]) == pytest.approx(expected / 10, rel=1e-6)


def network(provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(0)
    layers = [dense(10, 40, 10), rv.LIF(40, tau=3 * ms), dense(40, 30, 8), rv.LIF(30, tau=3 * ms)]
    return rv.Sequential(*layers, rv.Linear(30, 3), rv.LeakyReadout(3), dt=1 * ms, dtype=DOUBLE, provider=provider)


def test_what_arrives_is_balanced_after_the_start() -> None:
    """Mean 0 and variance 1, up to what few cells scatter; before it, both are far off."""
    net, x = network(), spikes(12, 64, 10)
    assert rv.training.balance(net, x) == ["lateralinhibition1", "lateralinhibition2"]
    layer = net["lateralinhibition1"]
    y = layer(x.flatten(0, 1)).detach()
    assert abs(float(y.mean())) < 0.35
    assert 0.3 < float(y.var(0).mean()) < 2
    rates = net.observe(x, record={"lif1": ["spikes"], "lif2": ["spikes"]})
    assert all(0.01 < float(one["spikes"].detach().mean()) < 0.6 for one in rates.values())


@pytest.mark.parametrize("density", [0.05, 0.4])
def test_the_variance_of_what_arrives(density: float) -> None:
    """Over draws: excitation has variance 1, and E[x**2]*(1 + 1/I)/(E[x**2] + Var) of it is left."""
    torch.manual_seed(0)
    x, excited, left = spikes(500, 200, density=density), [], []
    for _ in range(30):
        layer = dense(200, 80, 20)
        layer.start_from(x)
        divisor = (layer.mix @ (layer.share * layer.inhibit(x)).T).T
        excited.append((layer.excite(x) / divisor.mean()).detach())
        left.append(layer(x).detach())
    assert float(torch.cat(excited).var()) == pytest.approx(1, abs=0.2)
    assert float(torch.cat(left).mean()) == pytest.approx(0, abs=0.1)
    assert float(torch.cat(left).var()) == pytest.approx(1.05 / (2 - density), abs=0.08)


@pytest.mark.parametrize("rule", [rv.rules.BPTT(), rv.rules.SLTT()], ids=repr)
def test_signs_are_kept_through_training(rule: rv.rules.Rule, tmp_path: Path) -> None:
    net, x = network(), spikes(12, 64, 10)
    rv.training.balance(net, x)
    rv.train(net, (x.transpose(0, 1), torch.arange(64) % 3), epochs=3, lr=0.05, rule=rule, progress=False)
    layer = net["lateralinhibition1"]
    for part in (layer.excite, layer.inhibit):
        assert float(part.effective_weight().min()) >= 0
    assert any(bool((q < 0).any()) for q in (layer.excite.weight, layer.inhibit.weight, layer.mix))
    wanted, _ = net.eval()(x)
    rv.save(net, tmp_path / "model")
    assert torch.equal(rv.load(tmp_path / "model")(x)[0], wanted)
    twin = network("reference")
    twin.load_state_dict(net.state_dict())
    torch.testing.assert_close(twin(x)[0], wanted)


def test_providers_agree_with_gradients() -> None:
    found = []
    for provider in ("cpu", "reference"):
        net = network(provider)
        rv.training.balance(net, spikes(12, 64, 10))
        out, _ = net(spikes(12, 4, 10))
        found.append((out.detach(), *torch.autograd.grad(out.square().sum(), list(net.parameters()))))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9)
    assert float(found[0][1].abs().max()) > 0


def test_mistakes() -> None:
    good = rv.Linear(4, 2, bias=False, sign=1)
    for other in (
        rv.Linear(4, 2, bias=False),
        rv.Linear(4, 2, sign=1),
        rv.Linear(4, 2, bias=False, sign=-1),
        nn.ReLU(),
    ):
        with pytest.raises(ShapeError, match=r"not a map with only positive weights: give rv.Linear .* with sign=1"):
            rv.LateralInhibition(good, other)
    late = rv.Linear(4, 2, bias=False, sign=1, delay=2 * ms)
    with pytest.raises(ShapeError, match="without delays"):
        rv.LateralInhibition(late, good)
    with pytest.raises(ShapeError, match="takes inputs of 0 or more, such as spikes, got -1"):
        dense()(-torch.ones(2, 10, dtype=DOUBLE))
    maps = (rv.Conv2d(3, n, kernel, bias=False, sign=1) for n, kernel in ((4, 3), (2, 6)))
    with pytest.raises(ShapeError, match=r"excite gives the space \(4, 4\) and inhibit \(1, 1\)"):  # would broadcast
        rv.LateralInhibition(*maps)(torch.ones(2, 3, 6, 6))
    with pytest.raises(ShapeError, match="silent or all alike"):
        rv.training.balance(network(), torch.zeros(3, 2, 10, dtype=DOUBLE))
    plain = rv.Sequential(rv.Linear(3, 2), rv.LIF(2), dt=1 * ms)
    with pytest.raises(TrainingError, match=r"no rv\.LateralInhibition"):
        rv.training.balance(plain, torch.ones(2, 1, 3))
    with pytest.raises(TrainingError, match="OTTT"):
        rv.rules.OTTT().gradient(network(), spikes(5, 2, 10), rv.rules.PerStep(lambda out: out.square().mean(), True))
