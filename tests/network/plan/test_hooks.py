"""Hooks on populations, projections and transforms are called, see what their part sees, and may change it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import FileFormatError, TrainingError
from ranvier.network import GraphError
from ranvier.units import ms

PROVIDERS = pytest.mark.parametrize("provider", ["cpu", "reference"])
X = (torch.rand(20, 8, 6, generator=torch.Generator().manual_seed(1)) < 0.3).double()


def made(kind: str, provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(0)
    first, second = rv.Linear(6, 60), rv.Linear(60, 60, delay=rv.Uniform(0 * ms, 3 * ms) if kind == "delays" else None)
    with torch.no_grad():
        first.weight.mul_(3)
    cell = rv.LIF(60, tau=8 * ms)
    middle = rv.Recurrent(cell, rv.Linear(60, 60)) if kind == "recurrent" else cell
    parts = (first, middle, second, rv.LIF(60, tau=8 * ms), nn.Dropout(0.0), rv.Linear(60, 3), rv.LeakyReadout(3))
    return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64, provider=provider)


class Seen:
    """A forward hook and a pre-hook that keep what they were given."""

    def __init__(self) -> None:
        self.before: list[Any] = []
        self.calls: list[tuple[nn.Module, Any, Any]] = []

    def pre(self, part: nn.Module, inputs: Any) -> None:
        self.before.append(inputs)

    def after(self, part: nn.Module, inputs: Any, output: Any) -> None:
        self.calls.append((part, inputs, output))

    def on(self, part: nn.Module) -> Seen:
        part.register_forward_pre_hook(self.pre)
        part.register_forward_hook(self.after)
        return self


@PROVIDERS
@pytest.mark.parametrize("kind", ["plain", "recurrent", "delays"])
def test_hooks_are_called_and_change_nothing(kind: str, provider: str) -> None:
    net, other = made(kind, provider), made(kind, provider)
    expected, _ = other(X)
    signals = other.observe(X, record={"lif1": ["spikes"], "lif2": ["spikes"]})
    assert torch.equal(net(X)[0], expected)  # its plan is made before there is a hook
    seen = {n: Seen().on(net.populations[n]) for n in ("lif1", "lif2", "readout1")}
    seen |= {n: Seen().on(net.projections[n]) for n in net.projections}
    seen["transform"] = Seen().on(net.projections["linear2"].chain[0])
    out, _ = net(X)
    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-12)
    for name, one in seen.items():
        assert one.calls, name
        assert len(one.before) == len(one.calls)
    joined = {n: torch.cat([output for _, _, output in seen[n].calls]) for n in ("lif1", "lif2")}
    for n, spikes in joined.items():
        assert spikes.any()
        assert torch.equal(spikes, signals[n]["spikes"])
    part, (x,), arrived = seen["transform"].calls[0]
    assert part is net.projections["linear2"].chain[0]
    assert torch.equal(x, signals["lif1"]["spikes"])
    _, (emitted, _), brought = seen["linear2"].calls[0]
    assert torch.equal(emitted, signals["lif1"]["spikes"])
    assert torch.equal(brought, arrived)
    _, (arrivals,), _ = seen["lif2"].calls[0]
    assert torch.equal(arrivals["x"], arrived)
    weight = torch.randn_like(out)
    (out * weight).sum().backward()
    (expected * weight).sum().backward()
    for a, b in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-9, atol=1e-12)


def test_the_plan_says_what_a_hook_keeps_apart() -> None:
    net = made("recurrent", "cpu")
    how = {"gradient": True, "steps": 20, "batch": 8}
    assert net.plan(**how).together == (("lif1", "lif2"),)
    handle = net.projections["recurrent1"].register_forward_hook(lambda *_: None)
    plan = net.plan(**how)
    assert "recurrent1: runs by itself, as a hook is registered on it" in plan.notes
    assert "a hook is registered on recurrent1" in str(plan)
    assert all("lif1" not in members for members in (*plan.together, *plan.fused))
    handle.remove()
    assert net.plan(**how).together == (("lif1", "lif2"),)
    assert not net.plan(**how).hooked


@PROVIDERS
def test_a_hook_may_change_input_and_output(provider: str) -> None:
    net, plain = made("plain", provider), made("plain", provider)
    net.populations["lif1"].register_forward_hook(lambda part, inputs, output: output * mask)
    net.projections["dropout1"].chain[1].register_forward_pre_hook(lambda part, inputs: (2 * inputs[0], *inputs[1:]))
    mask = (torch.arange(60) < 30).double()
    with torch.no_grad():
        plain.projections["linear2"].chain[0].weight.mul_(mask)
        last = next(p for n, p in plain.projections.items() if p.post == "readout1").chain[1]
        last.weight.mul_(2)
    hidden = net.observe(X, record={"lif1": ["spikes"]})["lif1"]["spikes"]
    assert hidden[..., :30].any()
    assert not hidden[..., 30:].any()
    torch.testing.assert_close(net(X)[0], plain(X)[0], rtol=1e-10, atol=1e-12)


def test_hooks_in_a_circuit() -> None:
    def circuit() -> rv.Network:
        net = rv.Network(dt=1 * ms, seed=1)
        cells = net.population("cells", 40, rv.LIF(40, tau=20 * ms))
        net.source("noise", rv.Poisson(100 * rv.units.Hz, 40, trains=2))
        net.connect("noise", cells, rv.OneToOne(), to="x", weight=0.5, name="drive")
        net.connect(cells, cells, rv.FixedProbability(0.2), to="x", weight=0.1, name="loop")
        return net

    runs = []
    for hooked in (False, True):
        net = circuit()
        seen = {n: Seen() for n in ("cells", "drive", "loop")}
        if hooked:
            seen["cells"].on(net.populations["cells"])
            seen["drive"].on(net.projections["drive"])
            seen["loop"].on(net.projections["loop"])
        runs.append(net.run(50 * ms, stream=0, record={"cells": ["spikes"]})["cells"].spikes)
        assert all(bool(s.calls) == hooked for s in seen.values())
    assert len(runs[0]) > 0
    assert runs[0].step.tolist() == runs[1].step.tolist()
    assert runs[0].cell.tolist() == runs[1].cell.tolist()


def test_gradients_reach_full_backward_hooks() -> None:
    net, grads = made("plain", "cpu"), []
    net.projections["linear2"].chain[0].register_full_backward_hook(lambda part, before, after: grads.append(after[0]))
    net(X)[0].sum().backward()
    assert len(grads) == 1
    assert grads[0].any()


@pytest.mark.parametrize("rule", [rv.rules.OTTT(), rv.rules.EProp(feedback="random"), rv.rules.EventProp()], ids=repr)
def test_rules_with_a_way_back_of_their_own_refuse_hooks(rule: rv.rules.Rule) -> None:
    net = made("plain")
    net.populations["lif1"].register_forward_hook(lambda *_: None)
    with pytest.raises(TrainingError, match="through 'lif1' itself, and would bypass the hook"):
        rule.gradient(net, X, torch.sum)


def test_a_hook_that_nothing_would_call_is_refused() -> None:
    net = rv.Network(dt=1 * ms)
    cells = net.population("cells", 4, rv.LIF(4))
    net.connect(cells, cells, rv.AllToAll(), to="x", plasticity=rv.Plasticity(on_pre="w += 0.1"), name="plastic")
    net.projections["plastic"].register_forward_hook(lambda *_: None)
    with pytest.raises(GraphError, match="'plastic' is plastic, so its hook would never be called"):
        net.run(3 * ms)


def test_a_file_cannot_hold_a_hook(tmp_path) -> None:
    net = made("plain")
    net.projections["linear2"].chain[0].register_forward_hook(lambda *_: None)
    with pytest.raises(FileFormatError, match="has hooks"):
        rv.save(net, tmp_path / "model")
