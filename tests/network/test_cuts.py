"""A sequence cut at any step gives the same result, and so does one step at a time; with gradient."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv

Tensor = torch.Tensor
T = 23
CUTS = st.lists(st.integers(0, T), max_size=4).map(lambda cuts: [0, *sorted(cuts), T])


def close(ours: Tensor, theirs: Tensor, tolerance: float = 1e-11) -> None:
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def same_state(ours: rv.State, theirs: rv.State, tolerance: float = 1e-11) -> None:
    assert ours.step == theirs.step
    assert ours.stream == theirs.stream
    first, second = ours.tensors(), theirs.tensors()
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        close(tensor, second[name], tolerance)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@settings(max_examples=6)
@given(cuts=CUTS, batch=st.integers(1, 3), seed=st.integers(0, 5))
def test_any_cut(
    build: Callable, spikes: Callable, kind: str, provider: str, cuts: list[int], batch: int, seed: int
) -> None:
    net, x = build(kind, provider=provider), spikes(T, batch, seed=seed)
    with torch.no_grad():
        start = net.initial_state(batch, stream=seed)
        whole, end = net(x, start)
        state, pieces = start, []
        for low, high in pairwise(cuts):
            out, state = net(x[low:high], state)
            assert out.shape[0] == high - low
            pieces.append(out)
    close(torch.cat(pieces), whole)
    same_state(state, end)


def test_every_network_fires(build: Callable, spikes: Callable, kind: str) -> None:
    """Otherwise the equalities prove nothing."""
    net = build(kind)
    firing = [n for n, p in net.populations.items() if p.cell.emit == "spike"]
    seen = net.observe(spikes(T), record={n: ["spikes"] for n in firing})
    for name in firing:
        assert 0.005 < float(seen[name]["spikes"].detach().mean()) < 0.7, name


@pytest.mark.parametrize("cut", [1, 9, 22])
def test_gradients_pass_through_a_cut(build: Callable, spikes: Callable, kind: str, cut: int) -> None:
    net, x = build(kind), spikes(T)
    for projection in net.projections.values():
        if hasattr(projection.chain[0], "pre"):  # single synapses learn too
            projection.chain[0].weight.requires_grad_()
    leaves = [t for t in (*net.parameters(), *net.buffers()) if t.requires_grad]
    assert leaves
    results = []
    for borders in ([0, T], [0, cut, T]):
        y, pieces = x.clone().requires_grad_(), []
        state = net.initial_state(2, stream=1)
        for low, high in pairwise(borders):
            out, state = net(y[low:high], state)
            pieces.append(out)
        loss = torch.cat(pieces).square().sum() + sum(
            v.sum() for v in state.variables[net.outputs[0]].values() if v.requires_grad
        )
        results.append(torch.autograd.grad(loss, [y, *leaves]))
    for ours, theirs in zip(*results, strict=True):
        close(ours, theirs, 1e-9)
    assert any(g.any() for g in results[0])


def test_one_step_at_a_time(build: Callable, spikes: Callable, kind: str) -> None:
    net, x = build(kind), spikes(T)
    state = net.initial_state(2, stream=4)
    whole, end = net(x, state)
    pieces = []
    for row in x:
        out, state = net.step(row, state)
        assert out.shape == whole.shape[1:]
        pieces.append(out)
    close(torch.stack(pieces), whole)
    same_state(state, end)


@pytest.mark.parametrize("checkpoint", [1, 5, 23, 100])
def test_checkpoints_change_no_gradient(build: Callable, spikes: Callable, kind: str, checkpoint: int) -> None:
    net, x, state = build(kind), spikes(T), None
    found = []
    for how in ({}, {"checkpoint": checkpoint}):
        y = x.clone().requires_grad_()
        state = net.initial_state(2, stream=1)
        out, _ = net(y, state, **how)
        found.append((out.detach(), *torch.autograd.grad(out.square().sum(), [y, *net.parameters()])))
    for ours, theirs in zip(*found, strict=True):
        close(ours, theirs, 1e-10)


@pytest.mark.parametrize("window", [1, 4, 23])
def test_windows_are_cuts_with_detached_state(build: Callable, spikes: Callable, window: int) -> None:
    net, x = build("recurrent"), spikes(T)
    out, _ = net(x, net.initial_state(2, stream=0), window=window)
    truncated = torch.autograd.grad(out.square().sum(), list(net.parameters()))
    state, pieces = net.initial_state(2, stream=0), []
    for low in range(0, T, window):
        piece, state = net(x[low : low + window], state.detach())
        pieces.append(piece)
    close(torch.cat(pieces), out)
    for ours, theirs in zip(
        torch.autograd.grad(torch.cat(pieces).square().sum(), list(net.parameters())), truncated, strict=True
    ):
        close(ours, theirs, 1e-9)


def test_no_steps_change_nothing(build: Callable, spikes: Callable, kind: str) -> None:
    net = build(kind)
    before = net(spikes(5), net.initial_state(2, stream=0))[1]
    out, after = net(spikes(0), before)
    assert out.shape[0] == 0
    same_state(after, before, 0.0)


@pytest.mark.parametrize("cuts", [[0, 1, 60], [0, 5, 6, 7, 31, 60], list(range(61))], ids=["two", "five", "every step"])
def test_a_circuit_has_the_same_bits_for_any_cut(build: Callable, spikes: Callable, cuts: list[int]) -> None:
    """No matrix library takes part, so not even rounding differs."""
    net, x = build("circuit", dtype=torch.float32, provider="cpu"), spikes(60, 1, dtype=torch.float32)
    with torch.no_grad():
        whole, end = net(x, net.initial_state(1, stream=0))
        state, pieces = net.initial_state(1, stream=0), []
        for low, high in pairwise(cuts):
            out, state = net(x[low:high], state)
            pieces.append(out)
    assert torch.equal(torch.cat(pieces), whole)
    assert all(torch.equal(t, end.tensors()[n]) for n, t in state.tensors().items())
