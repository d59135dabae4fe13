"""A norm on the membrane: its formula, gradients, plans, files, folding, and what refuses it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import EquationError, ShapeError, TrainingError
from ranvier.kernels.step import NumpyStep
from ranvier.network import GraphError
from ranvier.units import ms

DOUBLE = torch.float64
STEPS, BATCH, CELLS = 8, 12, 6
X = (torch.rand(STEPS, BATCH, 5, generator=torch.Generator().manual_seed(0)) < 0.5).double()
PROVIDERS = pytest.mark.parametrize("provider", ["cpu", "reference"])


def network(provider: str | None = None, recurrent: bool = False, tau: float = 5) -> rv.Sequential:
    torch.manual_seed(0)
    cell = rv.MembraneNorm(rv.LIF(CELLS, tau=tau * ms, V_th=0.5), momentum=0.2)
    middle = rv.Recurrent(cell, rv.Linear(CELLS, CELLS)) if recurrent else cell
    parts = (rv.Linear(5, CELLS), middle, rv.Linear(CELLS, 3), rv.LeakyReadout(3))
    net = rv.Sequential(*parts, dt=1 * ms, dtype=DOUBLE, provider=provider)
    norm = net.populations["lif1"].membrane_norm
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.6, 1.4, CELLS))
        norm.bias.copy_(torch.linspace(-0.3, 0.3, CELLS))
    return net


def written_out(net: rv.Sequential, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Spikes, and the running mean and variance, by the formula."""
    (weight, bias), norm = net.projections["linear1"].parameters(), net.populations["lif1"].membrane_norm
    v, beta, spikes = torch.zeros(BATCH, CELLS, dtype=DOUBLE), np.exp(-1 / 5), []
    running = [torch.zeros(CELLS, dtype=DOUBLE), torch.ones(CELLS, dtype=DOUBLE)]
    for row in x:
        v = beta * v + row @ weight.T + bias
        running = [0.8 * old + 0.2 * new for old, new in zip(running, (v.mean(0), v.var(0)), strict=True)]
        y = norm.weight * (v - v.mean(0)) / (v.var(0, correction=0) + 1e-5).sqrt() + norm.bias
        spikes.append((y > 0.5).double())
        v = v - 0.5 * spikes[-1]
    return torch.stack(spikes), *running


@PROVIDERS
def test_each_step_has_its_own_statistics(provider: str) -> None:
    net = network(provider)
    spikes, mean, var = written_out(net, X)
    assert torch.equal(net.observe(X, record={"lif1": ["spikes"]})["lif1"]["spikes"], spikes)
    assert 0.1 < float(spikes.mean()) < 0.9
    norm = net.populations["lif1"].membrane_norm
    torch.testing.assert_close(norm.running_mean, mean)
    torch.testing.assert_close(norm.running_var, var)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("training", [True, False])
def test_providers_agree_with_gradients(recurrent: bool, training: bool) -> None:
    found = []
    for provider in ("cpu", "reference"):
        net = network(provider, recurrent)
        net(X)
        out, _ = net.train(training)(X)
        found.append((out.detach(), *torch.autograd.grad(out.square().sum(), list(net.parameters()))))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)
    assert all(float(g.abs().max()) > 1e-9 for g in found[0][1:3])


@PROVIDERS
def test_the_gradient_is_that_of_the_formula_with_the_surrogate(provider: str) -> None:
    """The same written in torch, with the same surrogate at y - V_th and through the reset."""
    net = network(provider)
    out, _ = net(X)
    names = ["linear1.weight", "lif1.membrane_norm.weight"]
    wanted = dict(net.named_parameters())
    found = torch.autograd.grad(out.square().sum(), [wanted[n] for n in names])

    class Fire(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u):
            ctx.save_for_backward(u)
            return (u > 0).double()

        @staticmethod
        def backward(ctx, grad):
            (u,) = ctx.saved_tensors
            probe = u.detach()
            slope = net.populations["lif1"].surrogate
            return grad * torch.from_numpy(np.asarray(numeric(slope, probe.numpy())))

    def numeric(slope: rv.surrogates.Surrogate, u: np.ndarray) -> np.ndarray:
        import sympy as sp

        expression = slope.slope.subs({n: v for n, v in slope.values.items()})
        return sp.lambdify(sp.Symbol("u"), expression, "numpy")(u)

    (weight, bias), norm = net.projections["linear1"].parameters(), net.populations["lif1"].membrane_norm
    last = list(net.projections["linear2"].parameters())
    v, m, beta, slow, total = (
        torch.zeros(BATCH, CELLS, dtype=DOUBLE),
        torch.zeros(BATCH, 3, dtype=DOUBLE),
        np.exp(-1 / 5),
        np.exp(-1 / 20),
        0,
    )
    for row in X:
        v = beta * v + row @ weight.T + bias
        y = norm.weight * (v - v.mean(0)) / (v.var(0, correction=0) + 1e-5).sqrt() + norm.bias
        spike = Fire.apply(y - 0.5)
        v = v - 0.5 * spike
        m = slow * m + (1 - slow) * (spike @ last[0].T + last[1])
        total = total + m.square().sum()
    for ours, theirs in zip(found, torch.autograd.grad(total, [weight, norm.weight]), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)


def test_a_cut_changes_nothing() -> None:
    whole, _ = network()(X)
    net = network()
    first, state = net(X[:3])
    torch.testing.assert_close(torch.cat([first, net(X[3:], state)[0]]), whole)


def test_channels_of_a_plane_share_a_norm() -> None:
    torch.manual_seed(0)
    net = rv.Sequential(
        rv.Conv2d(2, 3, 3), rv.MembraneNorm(rv.LIF((3, 4, 4), tau=5 * ms, V_th=0.5)), dt=1 * ms, dtype=DOUBLE
    )
    x = (torch.rand(1, 7, 2, 6, 6) < 0.5).double()
    v = net.projections["conv2d1"].chain[0](x[0]).detach()
    y = (v - v.mean((0, 2, 3), keepdim=True)) / (v.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    assert torch.equal(net(x)[0][0], (y > 0.5).double())


@PROVIDERS
def test_outside_training_it_is_a_threshold(provider: str) -> None:
    """Planned with its neighbours, saved, folded and printed as a step graph: always the same."""
    net = network(provider)
    for _ in range(3):
        net(X)
    assert any(u.how == "steps" for u in net.plan(steps=100, batch=BATCH).units)
    net.eval()
    norm = net.populations["lif1"].membrane_norm
    level = (0.5 - norm.bias) * (norm.running_var + 1e-5).sqrt() / norm.weight + norm.running_mean
    weight, bias = net.projections["linear1"].parameters()
    first = net.observe(X[:1], record={"lif1": ["spikes"]})["lif1"]["spikes"][0]
    assert torch.equal(first, ((X[0] @ weight.T + bias) > level).double())
    assert bool(first.any())
    if provider == "cpu":
        assert [u.how for u in net.plan(steps=100, batch=BATCH).units] == ["joined"]


def test_it_is_saved_and_folded(tmp_path: Path) -> None:
    net = network()
    for _ in range(3):
        net(X)
    net.eval()
    wanted, _ = net(X)
    rv.save(net, tmp_path / "model")
    again = rv.load(tmp_path / "model").eval()
    assert torch.equal(again(X)[0], wanted)
    assert {n for n, _ in again.named_parameters()} == {n for n, _ in net.named_parameters()}
    folded = rv.fold_norms(net)
    assert folded.populations["lif1"].membrane_norm is None
    assert not any("norm" in n for n, _ in folded.named_parameters())
    torch.testing.assert_close(folded(X)[0], wanted)
    torch.testing.assert_close(folded.train()(X)[0], wanted)
    rv.save(folded, tmp_path / "folded")
    torch.testing.assert_close(rv.load(tmp_path / "folded")(X)[0], wanted)
    plain = NumpyStep(rv.step_graph(net))
    for row, out in zip(X[:, 0].numpy(), wanted[:, 0].detach().numpy(), strict=True):
        np.testing.assert_allclose(plain.step({"input_input": row})["output_readout1"], out, rtol=1e-9, atol=1e-12)


def random_network(kind: str, seed: int) -> tuple[rv.Sequential, torch.Tensor]:
    """A drawn network of two layers with norms on their membranes, of statistics and parameters that are drawn, too."""
    torch.manual_seed(seed)
    reset = ("v -= V_th", "v = 0")[seed % 2]

    def cell(*shape: int) -> rv.Cell:
        return rv.MembraneNorm(rv.LIF(shape, tau=float(torch.rand(())) * 9 * ms + 1 * ms, V_th=0.7, reset=reset))

    if kind == "dense":
        parts, shape = (rv.Linear(8, 12), cell(12), rv.Linear(12, 9), cell(9), rv.Linear(9, 3)), (8,)
    else:
        norm = torch.nn.BatchNorm2d(4)
        parts = (rv.Conv2d(2, 4, 3), norm, cell(4, 4, 4), torch.nn.AvgPool2d(2), rv.Conv2d(4, 5, 2), cell(5, 1, 1))
        parts, shape = (*parts, torch.nn.Flatten(), rv.Linear(5, 3)), (2, 6, 6)
    net = rv.Sequential(*parts, dt=1 * ms, dtype=DOUBLE, seed=seed)
    with torch.no_grad():
        for population in net.populations.values():
            norm = population.membrane_norm
            norm.weight.uniform_(0.3, 2.0).mul_(torch.randn_like(norm.weight).sign())  # of both signs
            norm.bias.uniform_(-0.5, 0.5)
    x = torch.randn(20, 16, *shape, dtype=DOUBLE)
    for _ in range(2):
        net(x)
    return net.eval(), x


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_folded_into_thresholds_the_spikes_are_identical(kind: str, provider: str) -> None:
    """Those of the normalised membrane, and of a plain threshold for each channel, over drawn networks."""
    for seed in range(6):
        net, x = random_network(kind, seed)
        record = {n: ["spikes", "v_before"] for n in net.populations}
        seen = net.observe(x, record=record)
        folded = rv.fold_norms(net)
        again = folded.observe(x, record={n: ["spikes"] for n in net.populations})
        for name, population in net.populations.items():
            spikes, norm = seen[name]["spikes"], population.membrane_norm
            assert torch.equal(again[name]["spikes"], spikes)
            assert 0.02 < float(spikes.mean()) < 0.98
            each = (len(norm.weight), *(1 for _ in population.shape[1:]))
            weight, bias, mean, var = (
                q.detach().reshape(each) for q in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
            )
            level = (0.7 - bias) * (var + 1e-5).sqrt() / weight + mean
            v = seen[name]["v_before"]
            assert torch.equal(spikes, torch.where(weight > 0, v > level, v < level).double())


@pytest.mark.parametrize(
    "rule", [rv.rules.SLTT(keep=2), rv.rules.OTTT(), rv.rules.EProp(), rv.rules.RTRL(), rv.rules.SnAp1()], ids=repr
)
def test_other_rules_refuse_its_training(rule: rv.rules.Rule) -> None:
    criterion = rv.rules.PerStep(lambda out: out.square().mean(), True)
    with pytest.raises((GraphError, TrainingError), match=r"membranes of 'lif1'.*use"):
        rule.gradient(network(), X, criterion)


def test_training_in_windows_keeps_the_statistics() -> None:
    one, two = network(), network()
    one(X)
    two(X, window=3)
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(*(getattr(n.populations["lif1"].membrane_norm, name) for n in (one, two)))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: rv.MembraneNorm(3), EquationError, "3 is not a cell"),
        (lambda: rv.MembraneNorm(rv.LIF(3), eps=0), EquationError, "eps=0 must be a positive number"),
        (lambda: rv.MembraneNorm(rv.LIF(3), momentum=2), EquationError, "momentum=2"),
        (lambda: rv.MembraneNorm(rv.LIF(3), variable="w"), EquationError, "'w' is no variable"),
        (lambda: rv.MembraneNorm(rv.CurrentLIF(3)), EquationError, "without unit"),
        (lambda: rv.MembraneNorm(rv.LeakyReadout(3)), EquationError, "does not compare 'v'"),
        (lambda: rv.MembraneNorm(rv.MembraneNorm(rv.LIF(3))), EquationError, "has a norm on v already"),
        (lambda: rv.Sequential(rv.MembraneNorm(rv.LIF()), dt=1 * ms), ShapeError, "'lif1' has a norm .* no size yet"),
        (lambda: network()(X[:, :1]), ShapeError, "more than one value per channel"),
    ],
)
def test_mistakes(make: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()  # type: ignore[operator]


def test_thresholds_keep_their_other_words() -> None:
    assert rv.MembraneNorm(rv.ALIF(3)).threshold == "norm_scale * v + norm_shift > V_th + beta_a * a"
