"""Rules in windows: no matter how long the windows are, which provider runs, and in how many passes."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.units import ms
from tests.training.networks import CELLS, LOSS, X, Y, build, distance, gradient, lif

RULES = {
    "bptt": lambda w: rv.rules.BPTT(window=5),
    "sltt": lambda w: rv.rules.SLTT(window=w),
    "ottt": lambda w: rv.rules.OTTT(window=w),
    "eprop": lambda w: rv.rules.EProp(feedback="random", window=w),
}


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("rule", RULES)
def test_windows_passes_and_providers_agree(rule: str, cell: str, recurrent: bool, deep: bool) -> None:
    make = RULES[rule]
    nets = {p: build(CELLS[cell], recurrent=recurrent, deep=deep, provider=p) for p in ("cpu", "reference")}
    whole = gradient(nets["reference"], make(len(X)))
    assert all(float(g.abs().max()) > 0 for g in whole.values())
    assert distance(whole, gradient(nets["cpu"], make(len(X)))) < 1e-9
    assert distance(whole, gradient(nets["reference"], make(1))) < 1e-9
    assert distance(whole, gradient(nets["cpu"], make(5))) < 1e-9
    assert distance(whole, gradient(nets["cpu"], make(16), per_step=False)) < 1e-9


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("rule", [rv.rules.SLTT(window=4), rv.rules.OTTT(window=4)])
def test_convolutions_have_traces(rule: rv.rules.Rule, provider: str) -> None:
    torch.manual_seed(0)
    parts = (nn.Conv2d(1, 3, 3, padding=1), nn.AvgPool2d(2), rv.LIF(tau=8 * ms), nn.MaxPool2d(2), nn.Conv2d(3, 4, 2))
    net = rv.Sequential(
        *parts, rv.LIF(tau=8 * ms), nn.Flatten(), rv.Linear(4, 3), rv.LeakyReadout(3), dt=1 * ms,
        dtype=torch.float64, provider=provider,
    )  # fmt: skip
    with torch.no_grad():
        for q in net.parameters():
            q.mul_(3)
    x = (torch.rand(13, 4, 1, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.4).double()
    ours = gradient(net, rule, x=x)
    assert distance(ours, gradient(net, type(rule)(window=13), x=x)) < 1e-9  # type: ignore[call-arg]
    assert all(float(g.abs().max()) > 0 for g in ours.values())


@pytest.mark.parametrize("recurrent", [False, True])
def test_keeping_every_step_is_keeping_none_apart(recurrent: bool) -> None:
    net = build(lambda n: rv.ALIF(n), recurrent=recurrent)
    assert distance(gradient(net, rv.rules.SLTT()), gradient(net, rv.rules.SLTT(keep=len(X)))) < 1e-9


@pytest.mark.parametrize("keep", [1, 6, 15])
@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_chosen_steps_as_they_go_by_or_again(cell: str, recurrent: bool, keep: int) -> None:
    """Steps left out on the way back, and the same steps run again as a batch."""
    net, rule = build(CELLS[cell], recurrent=recurrent, deep=True), rv.rules.SLTT(keep=keep, window=20)
    passing = gradient(net, rule)
    assert all(float(g.abs().max()) > 0 for g in passing.values())
    assert distance(passing, gradient(net, rule, per_step=False)) < 1e-9


def test_keeping_some_steps_is_right_on_average_and_seeded() -> None:
    net, rule = build(lif, deep=True), rv.rules.SLTT(keep=6)
    whole, total = gradient(net, rv.rules.SLTT()), None
    for k in range(300):
        net.zero_grad()
        torch.manual_seed(k)
        rule.gradient(net, X, rv.rules.PerStep(lambda o: LOSS(o, Y)))
        one = {n: q.grad.clone() for n, q in net.named_parameters() if q.grad is not None}
        total = one if total is None else {n: g + total[n] for n, g in one.items()}
    assert total is not None
    apart = torch.cat([(total[n] / 300 - g).flatten() for n, g in whole.items()]).norm()
    assert float(apart / torch.cat([g.flatten() for g in whole.values()]).norm()) < 0.1
    assert distance(gradient(net, rule), gradient(net, rule)) == 0


def test_delays_of_the_input_are_kept() -> None:
    torch.manual_seed(0)
    first = rv.Linear(8, 7, delay=rv.Learn(rv.Uniform(0 * ms, 4 * ms), max=4 * ms))
    with torch.no_grad():
        first.weight.mul_(4)
    parts = (first, rv.LIF(7, tau=8 * ms), rv.Linear(7, 3), rv.LeakyReadout(3))
    net = rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64)
    found = gradient(net, rv.rules.SLTT(window=5))
    assert distance(found, gradient(net, rv.rules.SLTT(window=23))) < 1e-9
    assert all(float(g.abs().max()) > 0 for g in found.values())


class _Held:
    """Counts the bytes of tensors that graphs hold at a time."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def pack(self, t: torch.Tensor) -> list[torch.Tensor]:
        box = _Box([t])
        size = t.numel() * t.element_size()
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(box, self._release, size)
        return box

    def _release(self, size: int) -> None:
        self.now -= size


class _Box(list[torch.Tensor]):
    pass


@pytest.mark.parametrize("rule", [rv.rules.SLTT(), rv.rules.OTTT(), rv.rules.EProp(), rv.rules.BPTT(window=25)])
def test_the_graph_does_not_grow_with_the_series(rule: rv.rules.Rule) -> None:
    most = []
    for steps in (25, 400):
        net, held = build(lif), _Held()
        x = (torch.rand(steps, 4, 8, generator=torch.Generator().manual_seed(3)) < 0.4).double()
        with torch.autograd.graph.saved_tensors_hooks(held.pack, lambda box: box[0]):
            rule.gradient(net, x, rv.rules.PerStep(lambda o: LOSS(o, Y)))
        most.append(held.most)
    output = 0 if not isinstance(rule, rv.rules.EProp) else 375 * 4 * 3 * 8 * 8  # its outputs are run over all steps
    assert most[0] > 0
    assert most[1] - output <= 1.05 * most[0]
