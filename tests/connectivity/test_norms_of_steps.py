"""Norms with parameters for each step: their formulas, cuts in time, files, rules, and sequences that are too long."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ProviderError, ShapeError
from ranvier.units import ms

STEPS, BATCH, CHANNELS, DOUBLE = 5, 4, 3, torch.float64
KINDS = pytest.mark.parametrize("kind", [rv.TemporalBatchNorm, rv.BatchNormThroughTime])
X = torch.randn(STEPS, BATCH, 6, generator=torch.Generator().manual_seed(3), dtype=DOUBLE)


def data(*space: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(STEPS, BATCH, CHANNELS, *space, dtype=DOUBLE, generator=generator) * 3
    return x + torch.arange(STEPS).reshape(-1, 1, 1, *(1 for _ in space))


def moved(norm: nn.Module) -> nn.Module:
    """With parameters that differ."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for q in norm.parameters():
            q.add_(torch.rand(q.shape, generator=generator, dtype=q.dtype))
    return norm


@pytest.mark.parametrize("space", [(), (4, 2)])
def test_temporal(space: tuple[int, ...]) -> None:
    """tdBN times a factor for each step."""
    norm = moved(rv.TemporalBatchNorm(CHANNELS, STEPS, V_th=0.5, alpha=0.7, momentum=0.25).double())
    plain = rv.ThresholdBatchNorm(CHANNELS, V_th=0.5, alpha=0.7, momentum=0.25).double()
    plain.load_state_dict({n: t for n, t in norm.state_dict().items() if n != "scale"})
    for _ in range(2):
        wanted = plain(data(*space).flatten(0, 1)).unflatten(0, (STEPS, BATCH))
        torch.testing.assert_close(norm(data(*space)), wanted * norm.scale.reshape(-1, *(1 for _ in wanted.shape[1:])))
        torch.testing.assert_close(norm.running_var, plain.running_var)
        norm.eval(), plain.eval()


def test_temporal_learns_from_one_sample() -> None:
    """Its statistics are over time, so one sample of several steps is enough; a norm of each step needs more."""
    x = data()[:, :1]
    norm, plain = rv.TemporalBatchNorm(CHANNELS, STEPS).double(), rv.ThresholdBatchNorm(CHANNELS).double()
    torch.testing.assert_close(norm(x), plain(x.flatten(0, 1)).unflatten(0, (STEPS, 1)))
    for other in (rv.BatchNormThroughTime(CHANNELS, STEPS).double(), rv.StepBatchNorm(CHANNELS).double()):
        with pytest.raises(ShapeError, match="more than one value per channel"):
            other(x)
    with pytest.raises(ShapeError, match="more than one value per channel"):
        norm(x[:1])


@pytest.mark.parametrize("space", [(), (4, 2)])
def test_through_time(space: tuple[int, ...]) -> None:
    """A batch norm of torch for every step."""
    norm = moved(rv.BatchNormThroughTime(CHANNELS, STEPS, V_th=0.5, momentum=0.25).double())
    twins = [(nn.BatchNorm2d if space else nn.BatchNorm1d)(CHANNELS, momentum=0.25).double() for _ in range(STEPS)]
    x = data(*space)
    for twin, weight in zip(twins, norm.weight, strict=True):
        with torch.no_grad():
            twin.weight.copy_(0.5 * weight)
    for _ in range(2):
        torch.testing.assert_close(norm(x), torch.stack([t(row) for t, row in zip(twins, x, strict=True)]))
        torch.testing.assert_close(norm.running_mean, torch.stack([t.running_mean for t in twins]))
        torch.testing.assert_close(norm.running_var, torch.stack([t.running_var for t in twins]))
        norm.eval(), [t.eval() for t in twins]


@KINDS
@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_of_finite_differences(kind: type[nn.Module], training: bool) -> None:
    norm = moved(kind(CHANNELS, STEPS).double()).train(training)
    names = [n for n, _ in norm.named_parameters()]

    def call(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(norm, dict(zip(names, values, strict=True)), (x,)).square()

    given = [q.detach().clone().requires_grad_() for q in norm.parameters()]
    assert torch.autograd.gradcheck(call, (data().requires_grad_(), *given), atol=1e-5)


def network(kind: type[nn.Module], provider: str | None = None, steps: int = STEPS) -> rv.Sequential:
    torch.manual_seed(0)
    norm = moved(kind(8, steps, V_th=0.8))
    parts = (rv.Linear(6, 8, bias=False), norm, rv.LIF(8, tau=4 * ms), rv.Linear(8, 2), rv.LeakyReadout(2))
    return rv.Sequential(*parts, dt=1 * ms, dtype=DOUBLE, provider=provider)


@KINDS
def test_a_network_knows_the_step(kind: type[nn.Module], tmp_path: Path) -> None:
    """Whole, cut, step by step, on both providers, saved and loaded."""
    net = network(kind)
    for _ in range(3):
        net(X)
    wanted, _ = net.eval()(X)
    assert float(wanted.detach().abs().max()) > 0
    first, state = net(X[:2])
    torch.testing.assert_close(torch.cat([first, net(X[2:], state)[0]]), wanted)
    state, rows = None, []
    for row in X:
        out, state = net.step(row, state)
        rows.append(out)
    torch.testing.assert_close(torch.stack(rows), wanted)
    twin = network(kind, "reference")
    twin.load_state_dict(net.state_dict())
    torch.testing.assert_close(twin.eval()(X)[0], wanted)
    rv.save(net, tmp_path / "model")
    assert torch.equal(rv.load(tmp_path / "model").eval()(X)[0], wanted)
    torch.testing.assert_close(rv.fold_norms(net)(X)[0], wanted)  # it stays as it is
    with pytest.raises(ProviderError, match=kind.__name__):
        rv.step_graph(net)


@pytest.mark.parametrize("rule", [rv.rules.BPTT(), rv.rules.BPTT(window=2), rv.rules.SLTT(window=2)], ids=repr)
def test_rules_in_windows(rule: rv.rules.Rule) -> None:
    """Statistics of a step do not depend on the window, nor does the gradient of SLTT."""
    one, two = network(rv.BatchNormThroughTime), network(rv.BatchNormThroughTime)
    criterion = rv.rules.PerStep(lambda out: out.square().mean(), True)
    rule.gradient(one, X, criterion)
    whole = rv.rules.SLTT(window=STEPS) if isinstance(rule, rv.rules.SLTT) else rv.rules.BPTT()
    whole.gradient(two, X, criterion)
    torch.testing.assert_close(one.state_dict()["linear1.1.running_var"], two.state_dict()["linear1.1.running_var"])
    if rule.arguments().get("window") is None or isinstance(rule, rv.rules.SLTT):
        for a, b in zip(one.parameters(), two.parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad)
    assert float(one.state_dict(keep_vars=True)["linear1.1.weight"].grad.abs().min(1).values.max()) > 0


@KINDS
def test_longer_sequences_and_other_mistakes(kind: type[nn.Module]) -> None:
    net = network(kind, steps=3)
    with pytest.raises(ShapeError, match=r"for 3 steps, but step number 5 .* steps=5 or more"):
        net(X)
    _, state = net(X[:3])
    with pytest.raises(ShapeError, match=r"step number 4 of a sequence.*leave state= out"):
        net.step(X[0], state)
    for how, words in (({"steps": 0}, "steps=0"), ({"steps": 2, "V_th": -1}, "V_th=-1")):
        with pytest.raises(ShapeError, match=words):
            kind(3, **how)
    with pytest.raises(ShapeError, match="expects 3 channels"):
        kind(3, 4)(torch.ones(2, 2, 5))
    with pytest.raises(ShapeError, match="inside Sequential cannot know where a sequence begins"):
        rv.Sequential(nn.Sequential(nn.Linear(6, 8), kind(8, 5)), rv.LIF(8), dt=1 * ms)
