"""Rules in windows: no matter how long the windows are, which provider runs, and in how many passes."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import StateError
from ranvier.training.rules.series import Series
from ranvier.training.rules.sltt import INSTANT
from ranvier.units import ms
from tests.training.networks import CELLS, LOSS, SPARSE, X, Y, build, distance, gradient, learning_lif, lif, strong

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


def _set_up_once(net: rv.Network, x: torch.Tensor = SPARSE) -> bool:
    """Whether windows of 20 steps share one operation."""
    series = Series(net, x, 20, INSTANT)
    for _ in series.blocks():
        pass
    again = series.runner.again
    return series.one_operation and again is not None and any(again.courses.values())


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("rule", [rv.rules.SLTT(window=20), rv.rules.BPTT(window=20)], ids=repr)
def test_windows_of_an_operation_set_up_once(rule: rv.rules.Rule, cell: str, recurrent: bool, deep: bool) -> None:
    nets = [build(CELLS[cell], recurrent=recurrent, deep=deep, provider=p, inputs=80) for p in ("reference", "cpu")]
    assert _set_up_once(nets[1])
    reference, ours = (gradient(net, rule, x=SPARSE) for net in nets)
    assert all(float(g.abs().max()) > 0 for g in ours.values())
    assert distance(reference, ours) < 1e-9
    assert distance(reference, gradient(nets[1], rule, x=SPARSE, per_step=False)) < 1e-9


@pytest.mark.parametrize("keep", [1, 20, 45])
@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_chosen_steps_as_they_go_by_or_again(cell: str, recurrent: bool, keep: int) -> None:
    """Steps left out on the way back, and the same steps run again as a batch."""
    nets = [build(CELLS[cell], recurrent=recurrent, deep=True, provider=p, inputs=80) for p in ("reference", "cpu")]
    rule = rv.rules.SLTT(keep=keep, window=20)
    assert _set_up_once(nets[1])
    passing = gradient(nets[1], rule, x=SPARSE)
    assert keep == 1 or all(float(g.abs().max()) > 0 for g in passing.values())
    assert distance(passing, gradient(nets[1], rule, x=SPARSE, per_step=False)) < 1e-9
    assert distance(passing, gradient(nets[0], rule, x=SPARSE)) < 1e-9


@pytest.mark.parametrize("rule", [rv.rules.SLTT(window=20), rv.rules.BPTT(window=20), rv.rules.SLTT(keep=30)], ids=repr)
def test_two_operations_in_one_network(rule: rv.rules.Rule) -> None:
    """What lies between them keeps them apart; each hands its own gradients over."""
    found = []
    for provider in ("reference", "cpu"):
        torch.manual_seed(0)
        before = (
            strong(rv.Linear(80, 9), 8),
            lif(9),
            strong(rv.Linear(9, 9), 4),
            lif(9),
            nn.Linear(9, 8),
            nn.Sigmoid(),
        )
        after = (strong(rv.Linear(8, 7), 3), learning_lif(7), rv.Linear(7, 3), rv.LeakyReadout(3))
        net = rv.Sequential(*before, *after, dt=1 * ms, dtype=torch.float64, provider=provider)
        found.append(gradient(net, rule, x=SPARSE))
    assert len(net.plan(gradient=True, batch=4).together) == 2
    assert distance(*found) < 1e-9
    assert all(float(g.abs().max()) > 0 for g in found[0].values())


@pytest.mark.parametrize(
    "rule", [rv.rules.SLTT(window=16), rv.rules.BPTT(window=16), rv.rules.SLTT(keep=19, window=16)], ids=repr
)
@pytest.mark.parametrize("first", [0, 20])
def test_graded_spikes_from_some_step_on(rule: rv.rules.Rule, first: int) -> None:
    x = SPARSE.clone()
    x[first:] *= 0.7
    nets = [build(learning_lif, recurrent=True, deep=True, provider=p, inputs=80) for p in ("cpu", "reference")]
    ours, reference = (gradient(net, rule, x=x) for net in nets)
    assert distance(reference, ours) < 1e-9
    assert all(float(g.abs().max()) > 0 for g in ours.values())


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("rule", [rv.rules.SLTT(), rv.rules.SLTT(keep=9), rv.rules.BPTT(window=25)], ids=repr)
def test_threads_agree(rule: rv.rules.Rule, recurrent: bool) -> None:
    torch.manual_seed(0)
    hidden = rv.LIF(256, tau=rv.Learn(8 * ms))
    cells = rv.Recurrent(hidden, strong(rv.Linear(256, 256), 0.5)) if recurrent else hidden
    parts = (strong(rv.Linear(80, 256), 8), cells, rv.Linear(256, 3), rv.LeakyReadout(3))
    net = rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64)
    x = (torch.rand(40, 96, 80, generator=torch.Generator().manual_seed(5)) < 0.06).double()
    assert _set_up_once(net, x)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            net.zero_grad()
            torch.manual_seed(1)
            rule.gradient(net, x, rv.rules.PerStep(lambda out: LOSS(out, torch.arange(96) % 3)))
            found.append({n: q.grad.clone() for n, q in net.named_parameters() if q.grad is not None})
    finally:
        torch.set_num_threads(before)
    assert distance(*found) < 1e-9


def test_a_window_is_differentiated_before_the_next() -> None:
    series = Series(build(lif, inputs=80), SPARSE, 20, INSTANT)
    kept = [block.outputs["readout1"] for block in series.blocks()]
    with pytest.raises(StateError, match="differentiated after the next one was run"):
        kept[0].sum().backward()


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


def _late() -> rv.Sequential:
    """Delays of 3 steps lie behind cells that learn."""
    parts = (rv.Linear(8, 7), lif(7), rv.Linear(7, 3, delay=3 * ms), rv.LeakyReadout(3))
    return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64)


@pytest.mark.parametrize("make", [partial(build, lif), _late])
@pytest.mark.parametrize("rule", [rv.rules.SLTT(), rv.rules.OTTT(), rv.rules.EProp(), rv.rules.BPTT(window=25)])
def test_the_graph_does_not_grow_with_the_series(rule: rv.rules.Rule, make: Callable[[], rv.Network]) -> None:
    most = []
    for steps in (50, 400):
        net, held = make(), _Held()
        x = (torch.rand(steps, 4, 8, generator=torch.Generator().manual_seed(3)) < 0.4).double()
        with torch.autograd.graph.saved_tensors_hooks(held.pack, lambda box: box[0]):
            rule.gradient(net, x, rv.rules.PerStep(lambda o: LOSS(o, Y)))
        most.append(held.most)
    output = 0 if not isinstance(rule, rv.rules.EProp) else 350 * 4 * 3 * 8 * 8  # its outputs are run over all steps
    assert most[0] > 0
    assert most[1] - output <= 1.05 * most[0]
