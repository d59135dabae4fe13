"""BPTT: truncation equals a loop by hand, checkpoints change nothing, and memory is what it should be."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.training.memory import forecast
from ranvier.units import ms

Make = Callable[..., rv.Sequential]
LOSS = rv.losses.MaxOverTime()
X = (torch.rand(24, 3, 12, generator=torch.Generator().manual_seed(0)) < 0.4).double()
Y = torch.tensor([0, 1, 2])


def _recurrent(provider: str) -> rv.Sequential:
    torch.manual_seed(1)
    return rv.Sequential(
        rv.Linear(12, 16, delay=rv.Uniform(0 * ms, 4 * ms)),
        rv.Recurrent(rv.ALIF(16, tau=rv.Learn(5 * ms)), rv.Linear(16, 16)),
        nn.Dropout(0.3),
        rv.Linear(16, 3),
        rv.LeakyReadout(3),
        dt=1 * ms,
        dtype=torch.float64,
        provider=provider,
    )


def _gradient(net: rv.Network, rule: rv.rules.Rule, x: torch.Tensor = X) -> dict[str, torch.Tensor]:
    net.zero_grad()
    torch.manual_seed(5)
    rule.gradient(net, x, lambda out: LOSS(out, Y))
    return {n: p.grad.clone() for n, p in net.named_parameters()}


def _close(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.allclose(a[n], b[n], rtol=1e-9, atol=1e-12) for n in a)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
class TestGradients:
    @pytest.mark.parametrize("window", [1, 5, 24, 100])
    def test_truncation_equals_a_loop_by_hand(self, provider: str, window: int) -> None:
        net = _recurrent(provider).eval()
        state, pieces = None, []
        net.zero_grad()
        for first in range(0, len(X), window):
            out, state = net(X[first : first + window], state)
            state = state.detach()
            pieces.append(out)
        LOSS(torch.cat(pieces), Y).backward()
        by_hand = {n: p.grad.clone() for n, p in net.named_parameters()}
        assert _close(_gradient(net, rv.rules.BPTT(window=window)), by_hand)

    def test_truncation_is_not_the_whole_gradient(self, provider: str) -> None:
        net = _recurrent(provider).eval()
        assert not _close(_gradient(net, rv.rules.BPTT(window=5)), _gradient(net, rv.rules.BPTT()))

    @pytest.mark.parametrize("every", [1, 7, 24, 100])
    def test_checkpoints_change_nothing(self, provider: str, every: int) -> None:
        net = _recurrent(provider).eval()
        assert _close(_gradient(net, rv.rules.BPTT(checkpoint=every)), _gradient(net, rv.rules.BPTT()))

    @pytest.mark.parametrize("rule", [rv.rules.BPTT(window=24), rv.rules.BPTT(checkpoint=24)])
    def test_both_passes_drop_the_same_cells(self, provider: str, rule: rv.rules.Rule) -> None:
        net = _recurrent(provider).train()
        assert _close(_gradient(net, rule), _gradient(net, rv.rules.BPTT()))

    def test_the_reset_can_be_left_out(self, provider: str) -> None:
        net = _recurrent(provider).eval()
        cut = _gradient(net, rv.rules.BPTT(reset="detached"))
        assert not _close(cut, _gradient(net, rv.rules.BPTT()))
        assert _close(cut, _gradient(net, rv.rules.BPTT(reset="detached", window=24)))


def test_running_means_are_counted_once() -> None:
    torch.manual_seed(0)
    net = rv.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), rv.LIF(8), rv.Linear(8, 3), rv.LeakyReadout(3), dt=1 * ms)
    x = X.float()
    norm = net.get_submodule("linear1.1")
    _gradient(net, rv.rules.BPTT(window=6), x)
    assert int(norm.num_batches_tracked) == 4


def test_parameters_are_checked() -> None:
    with pytest.raises(TrainingError, match="window=0 must be"):
        rv.rules.BPTT(window=0)
    with pytest.raises(TrainingError, match="exclude each other"):
        rv.rules.BPTT(window=5, checkpoint=5)


@contextmanager
def _alive() -> Iterator[dict[str, int]]:
    """Bytes that autograd keeps: now and at most."""
    count = {"now": 0, "most": 0}

    class Kept:
        def __init__(self, tensor: torch.Tensor) -> None:
            self.tensor, size = tensor, tensor.numel() * tensor.element_size()
            count["now"] += size
            count["most"] = max(count["most"], count["now"])
            weakref.finalize(self, lambda: count.__setitem__("now", count["now"] - size))

    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        yield count


def _most(rule: rv.rules.Rule, steps: int) -> int:
    torch.manual_seed(0)
    net = rv.Sequential(rv.Linear(12, 64), rv.LIF(64), rv.Linear(64, 3), rv.LeakyReadout(3), dt=1 * ms)
    x = (torch.rand(steps, 3, 12) < 0.3).float()
    with _alive() as count:
        _gradient(net, rule, x)
    return count["most"]


def test_memory_of_windows_does_not_grow_with_time() -> None:
    output = 4 * 3 * 3 * (400 - 40)
    assert _most(rv.rules.BPTT(window=10), 400) <= _most(rv.rules.BPTT(window=10), 40) + output
    assert _most(rv.rules.BPTT(), 400) > 8 * _most(rv.rules.BPTT(), 40)
    assert _most(rv.rules.BPTT(window=10), 400) < 0.1 * _most(rv.rules.BPTT(), 400)


@pytest.mark.parametrize("rule", [rv.rules.BPTT(), rv.rules.BPTT(window=10)])
def test_the_forecast_is_about_right(net: Make, rule: rv.rules.BPTT) -> None:
    made = net()
    x = (torch.rand(100, 64, 12) < 0.3).float()
    with _alive() as count:
        made.zero_grad()
        rule.gradient(made, x, lambda out: LOSS(out, torch.zeros(64, dtype=torch.long)))
    extra = 2 * 100 * 64 * 3 * 4 + 3 * sum(p.numel() * p.element_size() for p in made.parameters())
    if rule.window:  # the states at which windows begin are kept by the rule itself, not by autograd
        states = made.initial_state(64).tensors().values()
        extra += 10 * sum(t.numel() * t.element_size() for t in states)
    before = torch.get_rng_state()
    said = forecast(made, x, rule)
    assert torch.equal(before, torch.get_rng_state())
    assert said == pytest.approx(count["most"] + extra, rel=0.25)
    assert forecast(made, x, rv.rules.BPTT(checkpoint=10)) < forecast(made, x, rv.rules.BPTT())
