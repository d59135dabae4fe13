"""Relevance against a direct definition, its conservation, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError
from ranvier.units import Hz, ms

Tensor = torch.Tensor


def strong(net: rv.Network) -> rv.Network:
    """The network in float64, with weights under which all layers fire."""
    net = net.double().eval()
    with torch.no_grad():
        for q in net.parameters():
            q.mul_(3)
    return net


def dense(**options: str) -> rv.Network:
    torch.manual_seed(3)
    return strong(
        rv.Sequential(
            rv.Linear(9, 12), rv.LIF(12, tau=4 * ms, **options), rv.Linear(12, 8), rv.LIF(8, tau=6 * ms, **options),
            rv.Linear(8, 3), rv.LeakyReadout(3, tau=5 * ms), dt=1 * ms, seed=3,
        )
    )  # fmt: skip


def convolutional(provider: str | None = None) -> rv.Network:
    torch.manual_seed(4)
    net = rv.Sequential(
        nn.Conv2d(2, 5, 3, padding=1), nn.BatchNorm2d(5), rv.LIF(), nn.MaxPool2d(2), nn.Conv2d(5, 6, 3), rv.IF(), nn.AvgPool2d(2),
        nn.Flatten(), rv.Linear(6, 3), rv.LIF(3), dt=1 * ms, seed=4, provider=provider,
    )  # fmt: skip
    net(torch.rand(4, 6, 2, 8, 8))  # statistics of the norm
    return strong(net)


def residual() -> rv.Network:
    torch.manual_seed(5)
    return strong(
        rv.Sequential(
            rv.Linear(9, 12), rv.LIF(12), rv.Residual(rv.Linear(12, 12), rv.LIF(12)), rv.Linear(12, 3), rv.LeakyReadout(3),
            dt=1 * ms, seed=5,
        )
    )  # fmt: skip


def recurrent() -> rv.Network:
    torch.manual_seed(6)
    return strong(
        rv.Sequential(rv.Linear(9, 12), rv.Recurrent(rv.LIF(12), rv.Linear(12, 12)), rv.Linear(12, 3), dt=1 * ms, seed=6)
    )  # fmt: skip


def delayed() -> rv.Network:
    torch.manual_seed(7)
    return strong(
        rv.Sequential(
            rv.Linear(9, 12, delay=rv.Uniform(0 * ms, 3 * ms)), rv.LIF(12), rv.Linear(12, 3, delay=2 * ms), rv.LeakyReadout(3),
            dt=1 * ms, seed=7,
        )
    )  # fmt: skip


NETS = {
    "dense": (dense, (9,)), "conv": (convolutional, (2, 8, 8)), "residual": (residual, (9,)), "recurrent": (recurrent, (9,)),
    "delayed": (delayed, (9,)),
}  # fmt: skip


def spikes(*shape: int, seed: int = 1) -> Tensor:
    return (torch.rand(10, *shape, generator=torch.Generator().manual_seed(seed)) < 0.4).double()


@pytest.mark.parametrize("rule", ["positive", "signed"])
@pytest.mark.parametrize("name", NETS)
def test_relevance_is_conserved_to_rounding(name: str, rule: str) -> None:
    make, shape = NETS[name]
    net, x = make(), spikes(7, *shape)
    found = rv.measure.relevance(net, x, rule=rule)
    read = net(x)[0].mean(0)
    torch.testing.assert_close(found.score, read.amax(1))
    assert found.map.shape == x.shape
    assert found.map.any()
    assert found.residual.abs().max() < 1e-12 * max(1.0, float(found.map.abs().sum()))
    assert not found.map[x == 0].any()


@pytest.mark.parametrize("rule", ["positive", "signed"])
@pytest.mark.parametrize("name", [n for n in NETS if n != "recurrent"])
def test_relevance_through_layers_is_conserved(name: str, rule: str) -> None:
    make, shape = NETS[name]
    found = rv.measure.relevance(make(), spikes(4, *shape), 1, rule=rule, through_time=False)
    assert bool((found.classes == 1).all())
    assert found.residual.abs().max() < 1e-12 * max(1.0, float(found.map.abs().sum()))


def by_hand(net: rv.Network, x: Tensor, k: int, positive: bool, subtract: bool) -> Tensor:
    """Relevance step by step, as shares of sums: R of a spike and of the membrane after it go to the membrane before it."""
    taus = (4.0, 6.0)
    weights = [(net[f"linear{n}"].weight, net[f"linear{n}"].bias) for n in (1, 2, 3)]

    def share(R: Tensor, inputs: Tensor, weight: Tensor, value: Tensor) -> Tensor:
        terms = inputs[:, :, None, :] * weight
        if positive:
            terms = terms.clamp(min=0)
            value = terms.sum(-1)
        part = torch.where(value != 0, R / value, 0)
        return (part[..., None] * terms).sum(2)

    layers, now = [], x
    for (weight, bias), tau in zip(weights[:2], taus, strict=True):
        arrives = now @ weight.T + bias
        decay, v = float(torch.exp(torch.tensor(-1 / tau, dtype=torch.float64))), torch.zeros_like(arrives[0])
        earlier, levels, fired = [], [], []
        for t in range(len(x)):
            earlier.append(v)
            v = decay * v + arrives[t]
            s = (v > 1).double()
            levels.append(v)
            fired.append(s)
            v = v - s if subtract else v * (1 - s)
        layers.append((now, weight, arrives, decay, earlier, levels))
        now = torch.stack(fired)
    weight, bias = weights[2]
    arrives, decay = now @ weight.T + bias, float(torch.exp(torch.tensor(-1 / 5.0, dtype=torch.float64)))
    R = torch.zeros_like(arrives)
    v = [torch.zeros_like(arrives[0])]
    for t in range(len(x)):
        v.append(decay * v[-1] + (1 - decay) * arrives[t])
    for t in reversed(range(len(x))):  # every membrane of the read-out counts once, and once more for each later one
        for later in range(t, len(x)):
            R[t, :, k] += (1 - decay) * decay ** (later - t) * arrives[t, :, k] / len(x)
    R = share(R, now, weight, arrives)
    for inputs, weight, arrives, decay, earlier, levels in reversed(layers):
        later, onto = torch.zeros_like(R[0]), torch.zeros_like(R)
        for t in reversed(range(len(x))):
            whole = R[t] + later
            onto[t] = whole * arrives[t] / levels[t]
            later = whole * decay * earlier[t] / levels[t]
        R = share(onto, inputs, weight, arrives)
    return R


@pytest.mark.parametrize("subtract", [True, False])
@pytest.mark.parametrize("positive", [True, False])
def test_relevance_equals_a_direct_definition(positive: bool, subtract: bool) -> None:
    net, x = dense(reset="v -= V_th" if subtract else "v = 0"), spikes(3, 9, seed=2)
    found = rv.measure.relevance(net, x, 2, rule="positive" if positive else "signed")
    torch.testing.assert_close(found.map, by_hand(net, x, 2, positive, subtract), rtol=1e-9, atol=1e-12)


def test_relevance_through_layers_equals_a_direct_definition() -> None:
    net, x = dense(), spikes(3, 9)
    seen = net.observe(x, record={"lif1": ["spikes"], "lif2": ["spikes"]})
    means = [x.mean(0), *(one["spikes"].mean(0) for one in seen.values())]
    R = net(x)[0].mean(0) * torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    for n in (3, 2, 1):
        terms = means[n - 1][:, None, :] * net[f"linear{n}"].weight
        value = terms.sum(2) + net[f"linear{n}"].bias
        R = torch.where(value != 0, R / value, 0)[..., None].mul(terms).sum(1)
    found = rv.measure.relevance(net, x, 1, rule="signed", through_time=False)
    torch.testing.assert_close(found.map.sum(0), R)


def test_samples_do_not_depend_on_their_batch_and_providers_agree() -> None:
    net, x = convolutional(), spikes(7, 2, 8, 8)
    whole = rv.measure.relevance(net, x)
    one = rv.measure.relevance(net, x[:, 3:4])
    torch.testing.assert_close(one.map, whole.map[:, 3:4])
    torch.testing.assert_close(rv.measure.relevance(convolutional("reference"), x).map, whole.map)
    single = rv.measure.relevance(convolutional().float(), x.float())
    torch.testing.assert_close(single.map.double(), whole.map, rtol=1e-3, atol=1e-5)


def test_the_network_does_not_change_and_trains_on() -> None:
    net, x = dense(), spikes(2, 9)
    before = {n: t.clone() for n, t in net.state_dict().items()}
    out = net(x)[0]
    rv.measure.relevance(net.train(), x)
    assert net.training
    assert all(q.requires_grad for q in net.parameters())
    assert all(torch.equal(t, before[n]) for n, t in net.state_dict().items())
    again = net(x)[0]
    assert torch.equal(out, again)
    again.sum().backward()


def test_saliency_finds_the_place_that_decides() -> None:
    net = rv.Sequential(rv.Linear(4, 2, bias=False), rv.LIF(2), dt=1 * ms)
    with torch.no_grad():
        net["linear1"].weight.copy_(torch.tensor([[0.9, 0, 0, 0], [0, 0.1, 0.1, 0.9]]))
    found = rv.measure.relevance(net, torch.ones(20, 3, 4), [0, 1, 1])
    assert found.saliency().argmax(1).tolist() == [0, 3, 3]
    assert found.saliency().amax(1).tolist() == [1.0, 1.0, 1.0]


def small(**options: object) -> rv.Network:
    return rv.Sequential(rv.Linear(4, 3), rv.LIF(3), dt=1 * ms, **options)


WRONG = {
    "no network": (lambda: rv.measure.relevance(nn.Linear(4, 3), torch.ones(5, 2, 4)), RanvierError, "network of Ranvier"),
    "unknown rule": (lambda: rv.measure.relevance(small(), torch.ones(5, 2, 4), rule="epsilon"), RanvierError, "'epsilon' is unknown"),
    "no batch axis": (lambda: rv.measure.relevance(small(), torch.ones(5, 4)), ShapeError, r"\[T, B"),
    "no steps": (lambda: rv.measure.relevance(small(), torch.ones(0, 2, 4)), ShapeError, "at least one step"),
    "an array": (lambda: rv.measure.relevance(small(), [[[1.0] * 4]]), ShapeError, "list"),
    "whole numbers": (lambda: rv.measure.relevance(small(), torch.ones(5, 2, 4, dtype=torch.int64)), ShapeError, "x.float"),
    "class too large": (lambda: rv.measure.relevance(small(), torch.ones(5, 2, 4), 3), ShapeError, "class 3 is none of 3"),
    "class below 0": (lambda: rv.measure.relevance(small(), torch.ones(5, 2, 4), [-1, 0]), ShapeError, "class -1"),
    "classes of another batch": (lambda: rv.measure.relevance(small(), torch.ones(5, 2, 4), [0, 1, 2]), ShapeError, "each of 2 samples"),
    "fractional classes": (lambda: rv.measure.relevance(small(), torch.ones(5, 2, 4), [0.5, 1.0]), ShapeError, "whole numbers"),
    "moving threshold": (
        lambda: rv.measure.relevance(rv.Sequential(rv.Linear(4, 3), rv.ALIF(3), dt=1 * ms), torch.ones(5, 2, 4)), RanvierError, "moves",
    ),
    "threshold of 0": (
        lambda: rv.measure.relevance(rv.Sequential(rv.Linear(4, 3), rv.LIF(3, V_th=0.0), dt=1 * ms), torch.ones(5, 2, 4)),
        RanvierError, "above 0",
    ),
    "layer norm": (
        lambda: rv.measure.relevance(rv.Sequential(rv.Linear(4, 3), nn.LayerNorm(3), rv.LIF(3), dt=1 * ms), torch.rand(5, 2, 4)),
        RanvierError, "LayerNorm",
    ),
    "a cycle without time": (
        lambda: rv.measure.relevance(recurrent(), spikes(2, 9), through_time=False), RanvierError, "through_time=True",
    ),
    "delays in a cycle": (
        lambda: rv.measure.relevance(
            rv.Sequential(rv.Linear(4, 3), rv.Recurrent(rv.LIF(3), rv.Linear(3, 3, delay=2 * ms)), dt=1 * ms), torch.rand(5, 2, 4)
        ),
        RanvierError, "lies on a cycle",
    ),
    "own sources": (lambda: rv.measure.relevance(sources(), torch.ones(5, 2, 4)), RanvierError, "own sources"),
}  # fmt: skip


def sources() -> rv.Network:
    net = rv.Network(dt=1 * ms)
    net.source("noise", rv.Poisson(100 * Hz, size=4))
    net.population("out", 3, rv.LIF(), output=True)
    net.connect("noise", "out", rv.Linear(4, 3))
    return net


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_named(mistake: str) -> None:
    call, kind, said = WRONG[mistake]
    with pytest.raises(kind, match=said):
        call()
