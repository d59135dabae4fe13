"""Networks with delays: cpu equals reference, a cut changes nothing, recurrent parts stay one operation, rounding."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import ranvier as rv
from ranvier.connectivity import Conv2d
from ranvier.errors import ShapeError
from ranvier.network import Network, compare_rounding, rounded_delays
from ranvier.synapses import Plasticity
from ranvier.units import ms
from ranvier.values import Distribution
from tests.differences import slope

DOUBLE = torch.float64
STEPS = 30


def learn(longest: float) -> rv.Learn:
    return rv.Learn(rv.Uniform(0 * ms, longest * ms), max=longest * ms)


def drawn(longest: float) -> Distribution:
    return rv.Uniform(0 * ms, longest * ms)


def feedforward(provider: str | None, **options: object) -> Network:
    return rv.Sequential(
        rv.Linear(20, 24, delay=learn(9), **options), rv.LIF(24, tau=10 * ms),
        rv.Linear(24, 5), rv.LeakyReadout(5, tau=20 * ms), dt=1 * ms, dtype=DOUBLE, provider=provider,
    )  # fmt: skip


def recurrent(provider: str | None, delay: object = None, **options: object) -> Network:
    loop = rv.Linear(24, 24, delay=learn(6) if delay is None else delay, **options)
    return rv.Sequential(
        rv.Linear(20, 24), rv.Recurrent(rv.LIF(24, tau=10 * ms), loop), rv.Linear(24, 5), rv.LeakyReadout(5, tau=20 * ms),
        dt=1 * ms, dtype=DOUBLE, provider=provider,
    )  # fmt: skip


def circuit(provider: str | None, delay: object = None, **options: object) -> Network:
    """Two populations that excite each other through single synapses."""
    net = Network(dt=1 * ms, seed=3, dtype=DOUBLE, provider=provider)
    net.input("x", 20)
    for name in ("a", "b"):
        net.population(name, 20, rv.LIF(20, tau=10 * ms), output=name == "b")
    delay = learn(6) if delay is None else delay
    weight = rv.Learn(rv.Uniform(0.2, 0.8))
    net.connect("x", "a", rv.FixedProbability(0.4), weight=weight, delay=delay, **options)
    net.connect("a", "b", rv.OneToOne(), weight=weight, delay=delay, **options)
    net.connect("b", "a", rv.FixedProbability(0.1), weight=weight, delay=delay, **options)
    return net


NETWORKS: dict[str, Callable[[str | None], Network]] = {
    "feedforward": feedforward,
    "gaussian": lambda p: feedforward(p, interpolation="gaussian", width=rv.Learn(1 * ms)),
    "per pre": lambda p: feedforward(p, per="pre"),
    "per post": lambda p: feedforward(p, per="post"),
    "recurrent": recurrent,
    "recurrent gaussian": lambda p: recurrent(p, interpolation="gaussian", width=1 * ms),
    "recurrent fixed": lambda p: recurrent(p, drawn(6)),
    "synapses": circuit,
    "synapses gaussian": lambda p: circuit(p, interpolation="gaussian", width=1 * ms),
    "synapses fixed": lambda p: circuit(p, drawn(6)),
}


def build(kind: str, provider: str | None) -> Network:
    torch.manual_seed(0)
    net = NETWORKS[kind](provider)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, rv.Linear):
                module.weight.mul_(5)
    return net


def spikes(batch: int = 3) -> Tensor:
    return (torch.rand(STEPS, batch, 20, generator=torch.Generator().manual_seed(1)) < 0.2).double()


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("batch", [1, 9])
def test_cpu_equals_reference_with_gradients(kind: str, batch: int) -> None:
    results = []
    for provider in ("cpu", "reference"):
        net, x = build(kind, provider), spikes(batch).requires_grad_()
        first, state = net(x[:7])
        second, _ = net(x[7:], state)
        out = torch.cat([first, second])
        weight = torch.linspace(-1, 1, out.numel(), dtype=DOUBLE).reshape(out.shape)
        leaves = [x, *net.parameters()]
        results.append((out.detach(), torch.autograd.grad((out * weight).sum(), leaves)))
    (out, grads), (wanted, expected) = results
    assert float(wanted.abs().sum()) > 0
    torch.testing.assert_close(out, wanted, rtol=0, atol=1e-10)
    for a, b in zip(grads, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10 * max(1.0, float(b.abs().max())))


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("cut", [1, 4, 20])
def test_a_cut_changes_nothing(kind: str, cut: int) -> None:
    net, x = build(kind, "cpu"), spikes()
    with torch.no_grad():
        whole, _ = net(x)
        first, state = net(x[:cut])
        second, _ = net(x[cut:], state)
    torch.testing.assert_close(torch.cat([first, second]), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["recurrent", "recurrent gaussian", "recurrent fixed", "synapses", "synapses fixed"])
def test_recurrent_parts_are_one_operation(kind: str) -> None:
    plan = build(kind, "cpu").plan(gradient=True)
    assert plan.fused
    window = next(p.window for p in plan.parts if p.cyclic)
    assert window == 1


def test_position_gradient_equals_finite_differences() -> None:
    net = rv.Sequential(
        rv.Linear(6, 4, delay=learn(5)), rv.LeakyReadout(4, tau=20 * ms), dt=1 * ms, dtype=DOUBLE, provider="cpu"
    )  # fmt: skip
    x = (torch.rand(20, 2, 6) < 0.3).double()
    position = net.projections["linear1"].chain[0].delay.position
    with torch.no_grad():
        position.copy_(position.floor() + 0.2 + 0.6 * torch.rand_like(position))
    weight = torch.randn(20, 2, 4, dtype=DOUBLE)

    def loss() -> Tensor:
        return (net(x)[0] * weight).sum()

    (grad,) = torch.autograd.grad(loss(), position)
    for place in [(0, 0), (1, 3), (3, 5)]:
        assert slope(loss, position, place, 1e-4) == pytest.approx(float(grad[place]), rel=1e-7, abs=1e-9)


def test_a_delay_can_be_found_by_descent() -> None:
    torch.manual_seed(0)
    x = (torch.rand(200, 4, 3) < 0.1).float()
    bell = {"interpolation": "gaussian", "width": 2 * ms}
    layer = rv.Linear(3, 1, bias=False, delay=rv.Learn(4 * ms, max=12 * ms), **bell)
    net = rv.Sequential(layer, rv.LeakyReadout(1, tau=5 * ms), dt=1 * ms)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.delay.position.copy_(torch.tensor([[2.3, 7.6, 9.1]]))
        wanted, _ = net(x)
        layer.delay.position.copy_(torch.tensor([[4.0, 6.0, 7.0]]))
    slow = torch.optim.Adam([layer.delay.position], lr=0.1)
    for _ in range(150):
        slow.zero_grad()
        (net(x)[0] - wanted).square().sum().backward()
        slow.step()
    torch.testing.assert_close(layer.delay.position.detach(), torch.tensor([[2.3, 7.6, 9.1]]), rtol=0, atol=0.02)


def test_a_convolution_with_delays_joins_populations() -> None:
    results = []
    for provider in ("cpu", "reference"):
        torch.manual_seed(0)
        net = Network(dt=1 * ms, seed=3, dtype=DOUBLE, provider=provider)
        net.input("x", (2, 6, 6))
        net.population("a", (3, 4, 4), rv.LIF(tau=10 * ms), output=True)
        net.connect("x", "a", Conv2d(2, 3, 3, delay=learn(5)))
        x = (torch.rand(15, 2, 2, 6, 6, generator=torch.Generator().manual_seed(1)) < 0.3).double()
        first, state = net(4 * x[:4])
        out = torch.cat([first, net(4 * x[4:], state)[0]])
        results.append((out, torch.autograd.grad(out.sum(), list(net.parameters()))))
    assert float(results[0][0].detach().sum()) > 0
    torch.testing.assert_close(results[0], results[1])


class TestRounding:
    @pytest.mark.parametrize("kind", ["feedforward", "gaussian", "recurrent", "synapses"])
    def test_a_rounded_copy_has_whole_steps(self, kind: str) -> None:
        net, x = build(kind, "cpu"), spikes()
        fixed = rounded_delays(net)
        report = compare_rounding(net, lambda n: float(n(x)[0].sum()))
        assert report.before == float(net(x)[0].detach().sum())
        assert 0 < report.largest <= 0.5
        assert "on whole steps" in str(report)
        assert not [n for n, _ in fixed.named_parameters() if "position" in n]
        assert [n for n, _ in net.named_parameters() if "position" in n]
        with torch.no_grad():
            for name, p in net.projections.items():
                if getattr(p.chain[0], "delay", None) is not None:
                    p.chain[0].delay.position.copy_(p.chain[0].delay.position.round())
                    steps = p.lag + p.chain[0].delay.rounded(net.dt)
                    assert bool((fixed.projections[name].bound_transform.table == steps).all())
            if kind != "gaussian":
                torch.testing.assert_close(fixed(x)[0], net(x)[0])

    def test_nothing_to_round_moves_nothing(self) -> None:
        net = rv.Sequential(rv.Linear(3, 2), rv.LIF(2), dt=1 * ms)
        assert compare_rounding(net, lambda n: 1.0).largest == 0

    def test_single_synapses_become_a_compiled_loop(self) -> None:
        net = circuit("cpu")
        assert not net.plan(gradient=False).circuits
        assert rounded_delays(net).plan(gradient=False).circuits


def test_plastic_synapses_need_fixed_delays() -> None:
    net = Network(dt=1 * ms)
    net.population("a", 5, rv.LIF(5))
    rule = Plasticity(on_pre="w += 0.1")
    with pytest.raises(ShapeError, match="fixed delays"):
        net.connect("a", "a", rv.AllToAll(), delay=learn(4), plasticity=rule)


def test_only_the_first_transform_of_a_chain_can_wait() -> None:
    with pytest.raises(ShapeError, match="only the first transform"):
        rv.Sequential(rv.Linear(3, 4), rv.Linear(4, 2, delay=learn(4)), rv.LIF(2), dt=1 * ms)
