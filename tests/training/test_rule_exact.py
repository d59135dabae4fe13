"""RTRL is BPTT computed forwards, SnAp-1 its sparse part, and evolution strategies see the gradient of a smooth function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.units import ms
from tests.training.networks import CELLS, LOSS, X, Y, build, distance, gradient, lif

PROVIDERS = pytest.mark.parametrize("provider", ["cpu", "reference"])


@PROVIDERS
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("window", [1, 8])
def test_rtrl_equals_bptt(cell: str, window: int, provider: str) -> None:
    net = build(CELLS[cell], recurrent=True, provider=provider)
    x = X[:13]
    assert distance(gradient(net, rv.rules.BPTT(), x=x), gradient(net, rv.rules.RTRL(window=window), x=x)) < 1e-9


def test_rtrl_carries_spikes_in_flight() -> None:
    torch.manual_seed(0)
    first, back = rv.Linear(8, 7), rv.Linear(7, 7, delay=3 * ms)
    with torch.no_grad():
        first.weight.mul_(3)
    parts = (first, rv.Recurrent(rv.LIF(7, tau=8 * ms), back), rv.Linear(7, 3, delay=2 * ms), rv.LeakyReadout(3))
    net = rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64)
    assert distance(gradient(net, rv.rules.BPTT()), gradient(net, rv.rules.RTRL(window=4))) < 1e-9


def test_snap_keeps_what_one_step_makes() -> None:
    """Against the definition: the Jacobian of one step, by autograd over the reference, thinned out at every step."""
    net = build(lif, recurrent=True, provider="reference")
    x, y = X[:9, :1], Y[:1]
    learnt = dict(net.named_parameters())
    state = net.initial_state(1, stream=0)
    keys = list(state.tensors())
    own = {n: torch.zeros(sum(t.numel() for t in state.tensors().values()), q.numel()) for n, q in learnt.items()}
    J = {n: m.double() for n, m in own.items()}
    found = {n: torch.zeros_like(q) for n, q in learnt.items()}
    for t in range(len(x)):
        start = state.detach().map(lambda v: v.requires_grad_())
        out, after = net(x[t : t + 1], start)
        before, now = [start.tensors()[k] for k in keys], [after.tensors()[k] for k in keys]
        loss = torch.nn.functional.cross_entropy(out[0], y) / len(x)
        slopes = torch.autograd.grad(loss, [*learnt.values(), *before], retain_graph=True, allow_unused=True)
        count = len(learnt)
        error = torch.cat([torch.zeros_like(b).flatten() if g is None else g.flatten()
                           for b, g in zip(before, slopes[count:], strict=True)])  # fmt: skip
        for k, n in enumerate(learnt):
            g = slopes[k]
            found[n] += (error @ J[n]).view_as(found[n]) + (0 if g is None else g)
        rows, moved = [], {n: [] for n in learnt}
        for value in now:
            for d in range(value.numel()):
                seed = torch.zeros_like(value)
                seed.view(-1)[d] = 1
                g = torch.autograd.grad(value, [*learnt.values(), *before], seed, retain_graph=True, allow_unused=True)
                for k, (n, q) in enumerate(learnt.items()):
                    moved[n].append(torch.zeros(q.numel()).double() if g[k] is None else g[k].flatten())
                rows.append(torch.cat([torch.zeros_like(b).flatten() if a is None else a.flatten()
                                       for b, a in zip(before, g[count:], strict=True)]))  # fmt: skip
        A = torch.stack(rows)
        for n in learnt:
            J[n] = _allowed(n, keys, now, learnt[n]) * (A @ J[n] + torch.stack(moved[n]))
        state = after
    net.zero_grad()
    rv.rules.SnAp1().gradient(net, x, rv.rules.PerStep(lambda o: LOSS(o, y)))
    ours = {n: q.grad.clone() for n, q in net.named_parameters() if q.grad is not None}
    assert distance(found, ours) < 1e-9


@pytest.mark.parametrize(
    "parts",
    [
        lambda: (frozen(nn.Conv2d(1, 2, 2)), rv.LeakyReadout(tau=rv.Learn(10 * ms)), nn.Flatten(), frozen(rv.Linear(8, 3))),
        lambda: (frozen(nn.Conv2d(1, 2, 2)), rv.LIF((2, 2, 2), tau=rv.Learn(rv.Uniform(5 * ms, 9 * ms))), nn.Flatten(), frozen(rv.Linear(8, 3))),
        lambda: (rv.Linear(3, 4), rv.LIF(tau=rv.Learn(10 * ms)), nn.Flatten(), frozen(rv.Linear(12, 3))),
        lambda: (nn.Flatten(), rv.LeakyReadout(tau=5 * ms), rv.Linear(9, 1)),
    ],
    ids=["convolution", "tau of each cell", "matrix over the last axis", "one row for all cells"],
)  # fmt: skip
def test_snap_equals_rtrl_without_recurrence(parts: Callable[[], tuple[Any, ...]]) -> None:
    """Cells are numbered over all axes of an image, and a row of a matrix leads to the same cell of every row of an image."""
    torch.manual_seed(0)
    net = rv.Sequential(*parts(), rv.LeakyReadout(3, tau=rv.Uniform(3 * ms, 9 * ms)), dt=1 * ms, dtype=torch.float64)
    x = 2 * (torch.rand(9, 4, 1, 3, 3, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    found = [gradient(net, rule, x=x) for rule in (rv.rules.SnAp1(), rv.rules.RTRL())]
    assert any(bool(g.any()) for g in found[0].values())
    assert distance(*found) < 1e-12


def frozen(module: nn.Module) -> nn.Module:
    return module.requires_grad_(False)


def _allowed(name: str, keys: list[str], state: list[torch.Tensor], q: torch.Tensor) -> torch.Tensor:
    """What one step from a parameter can touch: its own cell's membrane and spike, and the whole read-out after it."""
    rows = []
    post = "readout1" if "linear2" in name else "lif1"
    cells = torch.arange(q.shape[0])[:, None].expand(q.shape[0], q.numel() // q.shape[0]).reshape(-1)
    for key, t in zip(keys, state, strict=True):
        part = key.split("/")[1]
        if part == post:
            rows.append((torch.arange(t.numel())[:, None] == cells[None]).double())
        else:
            rows.append(torch.full((t.numel(), q.numel()), float(part == "readout1" and post == "lif1")).double())
    return torch.cat(rows)


def _smooth() -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(rv.Linear(8, 3), rv.LeakyReadout(3), dt=1 * ms, dtype=torch.float64)


def _cosine(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    flat = [torch.cat([g.flatten() for g in x.values()]) for x in (a, b)]
    return float(torch.nn.functional.cosine_similarity(flat[0], flat[1], 0))


class TestEvolution:
    def test_the_direction_of_a_smooth_function(self) -> None:
        net, rules = _smooth(), rv.rules
        exact = gradient(net, rules.BPTT())
        for ranks in (True, False):
            found = gradient(net, rules.EvolutionStrategies(population=2000, sigma=0.01, ranks=ranks))
            assert _cosine(exact, found) > 0.97
        size = sum(float(g.norm() ** 2) for g in exact.values()) ** 0.5
        assert sum(float(g.norm() ** 2) for g in found.values()) ** 0.5 == pytest.approx(size, rel=0.1)

    def test_parameters_are_as_before_and_numbers_are_seeded(self) -> None:
        net, rule = build(lif), rv.rules.EvolutionStrategies(population=4)
        before = [q.clone() for q in net.parameters()]
        first = gradient(net, rule)
        assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
        assert distance(first, gradient(net, rule)) == 0

    def test_parameters_are_put_back_after_an_error(self) -> None:
        net, calls = build(lif), []
        before = [q.clone() for q in net.parameters()]

        def fails(out: torch.Tensor) -> torch.Tensor:
            calls.append(0)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return out.square().mean()

        with pytest.raises(KeyboardInterrupt):
            rv.rules.EvolutionStrategies(population=4).gradient(net, X, fails)
        assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))

    def test_perturbations_are_relative_to_the_size_of_a_parameter(self) -> None:
        torch.manual_seed(0)
        net = rv.Sequential(rv.Linear(8, 3), rv.LIF(3, tau=rv.Learn(17 * ms)), dt=1 * ms, dtype=torch.float64)
        tau, seen, losses = next(q for n, q in net.named_parameters() if n.endswith("tau")), [], []

        def criterion(out: torch.Tensor) -> torch.Tensor:
            seen.append(float(tau))
            losses.append(float((out.mean() + tau.detach()).square()))
            return (out.mean() + tau.detach()).square()

        rule = rv.rules.EvolutionStrategies(population=64, sigma=0.01, ranks=False)
        rule.gradient(net, X, criterion)
        e = (np.array(seen[1::2]) - seen[0]) / (0.01 * 16)
        assert 0.5 < e.std() < 2
        change = np.array(losses[1::2]) - losses[2::2]
        assert float(tau.grad) == pytest.approx(float((change * e).sum()) / (64 * 0.01 * 16), rel=1e-6)
