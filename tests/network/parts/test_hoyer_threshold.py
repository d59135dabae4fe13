"""A threshold at the Hoyer extremum: its formula, gradients, plans, files, folding, and what refuses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.errors import EquationError, ShapeError, TrainingError
from ranvier.network import GraphError
from ranvier.units import ms

DOUBLE = torch.float64
X = torch.randn(6, 7, 5, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
PROVIDERS = pytest.mark.parametrize("provider", ["cpu", "reference"])


def network(provider: str | None = None, V_th: Any = 0.5, dtype: torch.dtype = DOUBLE) -> rv.Sequential:
    torch.manual_seed(0)
    cell = rv.HoyerThreshold(rv.LIF(6, tau=5 * ms, V_th=V_th), momentum=0.2)
    return rv.Sequential(rv.Linear(5, 6), cell, rv.Linear(6, 3), dt=1 * ms, dtype=dtype, provider=provider)


def running_extremum(net: rv.Sequential) -> torch.Tensor:
    norm = net.populations["lif1"].membrane_norm
    assert norm is not None
    return norm.get_buffer("running_extremum")


def into(net: rv.Sequential) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias before the cells."""
    weight, bias = net.projections["linear1"].parameters()
    return weight, bias


class Fire(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.save_for_backward(u)
        return (u > 0).to(u)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return grad * 0.5 * (ctx.saved_tensors[0].abs() < 1)


def written_out(net: rv.Sequential, level: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Outputs, spikes, and the running extremum, by the formula."""
    (weight, bias), (last, shift) = (list(net.projections[n].parameters()) for n in ("linear1", "linear2"))
    v, beta = torch.zeros(7, 6, dtype=DOUBLE), torch.exp(torch.tensor(-1 / 5, dtype=DOUBLE))
    spikes, running = [], torch.tensor(1.0, dtype=DOUBLE)
    for row in X:
        v = beta * v + row @ weight.T + bias
        z = (v / level).clamp(0, 1).detach()
        extremum = z.square().sum() / z.abs().sum()
        running = 0.8 * running + 0.2 * extremum
        spikes.append(Fire.apply(v / extremum - level))
        v = v - level * spikes[-1]
    fired = torch.stack(spikes)
    return fired @ last.T + shift, fired, running


@PROVIDERS
def test_it_fires_at_the_extremum_of_each_step(provider: str) -> None:
    net = network(provider)
    _, spikes, running = written_out(net, torch.tensor(0.5, dtype=DOUBLE))
    assert torch.equal(net.observe(X, record={"lif1": ["spikes"]})["lif1"]["spikes"], spikes)
    assert 0.1 < float(spikes.detach().mean()) < 0.9
    torch.testing.assert_close(running_extremum(net), running)


@PROVIDERS
def test_gradients_are_those_of_the_formula_also_for_a_learnt_threshold(provider: str) -> None:
    net = network(provider, V_th=rv.Learn(0.5, min=0.05))
    named = dict(net.named_parameters())
    level = next(q for n, q in named.items() if n.endswith("V_th"))
    weights = [*net.projections["linear1"].parameters(), level]
    found = torch.autograd.grad(net(X)[0].square().sum(), weights)
    wanted = torch.autograd.grad(written_out(net, level)[0].square().sum(), weights)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)
        assert float(ours.abs().max()) > 1e-3


@PROVIDERS
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_outside_training_it_is_a_threshold(provider: str, batch: int, dtype: torch.dtype, tmp_path: Path) -> None:
    net = network(provider, dtype=dtype)
    x = X[:, :batch].to(dtype)
    net(X.to(dtype))
    net.eval()
    extremum = float(running_extremum(net))
    assert extremum < 0.99
    seen = net.observe(x, record={"lif1": ["spikes", "v_before"]})["lif1"]
    assert torch.equal(seen["spikes"], (seen["v_before"] / extremum > 0.5).to(dtype))
    rv.save(net, tmp_path / "net.rvr")
    for other in (rv.fold_norms(net) if dtype is torch.float32 else net, rv.load(tmp_path / "net.rvr").eval()):
        torch.testing.assert_close(other(x)[0], net(x)[0])


def test_a_cut_changes_nothing() -> None:
    whole, _ = network()(X)
    net = network()
    first, state = net(X[:3])
    torch.testing.assert_close(torch.cat([first, net(X[3:], state)[0]]), whole)


def test_membranes_below_zero_do_not_fire_and_leave_numbers_finite() -> None:
    net = network()
    with torch.no_grad():
        into(net)[1].fill_(-100)
    out, _ = net(X)
    out.sum().backward()
    assert not net.observe(X, record={"lif1": ["spikes"]})["lif1"]["spikes"].any()
    assert all(q.grad is None or q.grad.isfinite().all() for q in net.parameters())


def test_its_regulariser_acts_on_it() -> None:
    ways = []
    for weight in (0.0, 1.0):
        net = network(dtype=torch.float32)
        data = (X.transpose(0, 1).float(), torch.arange(7) % 3)
        rv.train(net, data, epochs=2, lr=1e-2, regularizers=[rv.regularizers.HoyerSparsity(weight)] if weight else [], progress=False, seed=0)  # fmt: skip
        ways.append(into(net)[0].detach().clone())
    assert not torch.allclose(*ways)


def test_other_rules_refuse_its_training() -> None:
    criterion = rv.rules.PerStep(lambda out: out.square().mean(), True)
    for rule in (rv.rules.OTTT(), rv.rules.EProp(), rv.rules.RTRL()):
        with pytest.raises((GraphError, TrainingError), match=r"membranes of 'lif1'.*use"):
            rule.gradient(network(), X, criterion)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: rv.HoyerThreshold(3), EquationError, "3 is not a cell"),
        (lambda: rv.HoyerThreshold(rv.LIF), EquationError, "is not a cell"),
        (lambda: rv.HoyerThreshold(rv.LIF(3), momentum=0), EquationError, "momentum=0 must be a positive number"),
        (lambda: rv.HoyerThreshold(rv.LIF(3), momentum=2), EquationError, "momentum=2"),
        (lambda: rv.HoyerThreshold(rv.LIF(3), momentum="fast"), EquationError, "momentum='fast'"),
        (lambda: rv.HoyerThreshold(rv.LIF(3), variable="w"), EquationError, "'w' is no variable"),
        (lambda: rv.HoyerThreshold(rv.LIF(3), threshold="theta"), EquationError, "no.*compare.*parameter 'theta'"),
        (lambda: rv.HoyerThreshold(rv.LIF(3), threshold="tau"), EquationError, "does not compare.*'tau'"),
        (lambda: rv.HoyerThreshold(rv.LIF(3, V_th=0.0)), EquationError, "V_th=0.0.*not above 0"),
        (lambda: rv.HoyerThreshold(rv.CurrentLIF(3)), EquationError, "without unit|not above 0"),
        (lambda: rv.HoyerThreshold(rv.LeakyReadout(3)), EquationError, "does not compare"),
        (lambda: rv.HoyerThreshold(rv.HoyerThreshold(rv.LIF(3))), EquationError, "has a norm on v already"),
        (lambda: rv.HoyerThreshold(rv.MembraneNorm(rv.LIF(3))), EquationError, "has a norm on v already"),
        (lambda: rv.Sequential(rv.HoyerThreshold(rv.LIF()), dt=1 * ms), ShapeError, "'lif1' has a norm .* no size yet"),
    ],
)
def test_mistakes(make: Callable[[], object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
