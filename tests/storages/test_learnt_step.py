"""A scale that is learnt: its gradient by the definition of LSQ, training, storing, files, rules, and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.storages import Int8, LowBits, StorageError
from ranvier.units import ms

Tensor = torch.Tensor


def network(storage: LowBits, per_cell: bool = False, dtype: torch.dtype = torch.float32) -> rv.Sequential:
    torch.manual_seed(0)
    tau = torch.linspace(5, 20, 30).numpy() * ms if per_cell else 10 * ms
    parts = rv.Linear(20, 30, storage=storage), rv.LIF(30, tau=tau), rv.Linear(30, 3, storage=storage)
    return rv.Sequential(*parts, rv.LeakyReadout(3), dt=1 * ms, dtype=dtype)


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize(("per", "shape"), [("post", (5, 1)), ("tensor", (1, 1))])
def test_the_gradients_are_those_of_the_definition(bits: int, per: str, shape: tuple[int, int]) -> None:
    storage, most = LowBits(bits, per, learn=True), 2 ** (bits - 1) - 1
    layer = rv.Linear(8, 5, storage=storage).double()
    torch.nn.init.normal_(layer.weight)
    step = dict(layer.named_parameters())["step"]
    assert step.shape == shape
    step.data.copy_(storage.first_step(layer.weight.detach(), 0))
    mean = layer.weight.detach().abs().mean(1, keepdim=True) if per == "post" else layer.weight.detach().abs().mean()
    torch.testing.assert_close(step.detach(), (2 * mean / most**0.5).reshape(shape))
    step.data *= 0.4  # some weights are clipped
    out, upstream = layer.effective_weight(), torch.randn(5, 8, dtype=torch.float64)
    out.backward(upstream)
    w, s = layer.weight.detach(), step.detach()
    inside = (w / s).abs() < most
    slope = torch.where(inside, (w / s).round() - w / s, most * w.sign())
    wanted = (slope * upstream).sum(1, keepdim=True) if per == "post" else (slope * upstream).sum().reshape(1, 1)
    torch.testing.assert_close(step.grad, wanted / ((8 if per == "post" else 40) * most) ** 0.5)
    torch.testing.assert_close(layer.weight.grad, upstream * inside)
    torch.testing.assert_close(out.detach(), (w / s).round().clamp(-most, most) * s)
    assert not bool(inside.all())


@pytest.mark.parametrize("rule", [rv.rules.BPTT(), rv.rules.SLTT(), rv.rules.EProp()], ids=lambda r: type(r).__name__)
def test_it_learns_stores_and_saves(rule: rv.rules.Rule, tmp_path: Path) -> None:
    net = network(LowBits(3, learn=True))
    before = {n: q.detach().clone() for n, q in net.named_parameters() if n.endswith("step")}
    assert len(before) == 2
    x, y = (torch.rand(24, 12, 20) < 0.5).float(), torch.arange(24) % 3
    rv.train(net, (x, y), epochs=1, rule=rule, lr=1e-2, progress=False)
    assert all(not torch.equal(q, before[n]) for n, q in net.named_parameters() if n in before)
    spikes = x.transpose(0, 1)
    whole, small = net(spikes)[0], rv.store_weights(net)
    assert torch.equal(small(spikes)[0], whole)
    assert not any(n.endswith("step") for n, _ in small.named_parameters())
    for name, one in (("learns", net), ("stored", small)):
        rv.save(one, tmp_path / name)
        again = rv.load(tmp_path / name)
        assert torch.equal(again(spikes)[0], whole)
        assert again.state_dict().keys() == one.state_dict().keys()


def test_providers_agree() -> None:
    x, found = (torch.rand(10, 7, 20) < 0.3).double(), []
    for provider in ("cpu", "reference"):
        torch.manual_seed(0)
        parts = rv.Linear(20, 60, storage=LowBits(3, learn=True)), rv.LIF(60), rv.Linear(60, 3)
        net = rv.Sequential(*parts, rv.LeakyReadout(3), dt=1 * ms, dtype=torch.float64, provider=provider)
        out = net(x)[0]
        found.append((out.detach(), *torch.autograd.grad(out.square().sum(), list(net.parameters()))))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


def test_convolutions_have_a_scale_for_each_channel() -> None:
    layer = rv.Conv2d(2, 4, 3, storage=LowBits(2, learn=True))
    layer(torch.rand(1, 2, 5, 5)).sum().backward()
    step = dict(layer.named_parameters())["step"]
    assert step.shape == (4, 1, 1, 1)
    assert step.grad is not None
    assert float(step.grad.abs().sum()) > 0


def test_mistakes_are_named() -> None:
    with pytest.raises(rv.errors.RanvierError, match="learn='yes'"):
        LowBits(4, learn="yes")  # pyright: ignore[reportArgumentType]
    net = rv.Network(dt=1 * ms)
    net.population("cells", 10, rv.LIF())
    with pytest.raises(StorageError, match="which single synapses do not have: leave learn out"):
        net.connect("cells", "cells", rv.FixedProbability(0.5), weight=rv.Learn(0.1), storage=LowBits(4, learn=True))
    data = torch.rand(6, 12, 20).round(), torch.arange(6) % 3
    with pytest.raises(rv.errors.TrainingError, match=r"learns a scale that many share: use a storage without learn"):
        rv.train(network(LowBits(3, learn=True), per_cell=True), data, epochs=1, rule=rv.rules.EProp(), progress=False)
    for ask in (Int8().first_step, lambda w: Int8().read(w, w), lambda w: Int8().with_step(w, w)):
        with pytest.raises(StorageError, match="Int8 has no scale that is learnt"):
            ask(torch.ones(2, 2))
