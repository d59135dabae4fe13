"""One population as a module of torch: the numbers of a network, and what torch users do with a module."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms, mV
from tests.training.crossed.cells import Spike

Tensor = torch.Tensor


def spikes(steps: int = 12, batch: int = 3, cells: int = 6, seed: int = 0) -> Tensor:
    return (torch.rand(steps, batch, cells, generator=torch.Generator().manual_seed(seed)) < 0.4).double()


def own_equations() -> rv.Cell:
    return rv.Cell(
        "dv/dt = (x*mV - v - w)/tau : mV (unless refractory)\ndw/dt = (a*v - w)/(3*tau) : mV\nx : 1 (input)",
        threshold="v > V_th", reset="v = 0*mV; w += 0.1*mV", refractory=2 * ms, size=6, name="own",
        tau=rv.Learn(4 * ms), a=0.3, V_th=0.2 * mV, v=rv.Learn(0.05 * mV),
    )  # fmt: skip


CELLS: dict[str, Callable[[], rv.Cell | rv.Recurrent]] = {
    "lif": lambda: rv.LIF(6, tau=rv.Learn(5 * ms), V_th=rv.Learn(0.8)),
    "per cell": lambda: rv.LIF(6, tau=rv.Learn(rv.Uniform(3 * ms, 9 * ms))),
    "no size": lambda: rv.LIF(tau=rv.Learn(5 * ms)),
    "hard reset": lambda: rv.LIF(6, tau=rv.Learn(5 * ms), reset="v = 0"),
    "two states": lambda: rv.ALIF(6, tau=rv.Learn(5 * ms), tau_a=rv.Learn(30 * ms)),
    "synapses": lambda: rv.LIF(6, tau=rv.Learn(5 * ms)) + rv.Exponential("x", tau=rv.Learn(4 * ms)),
    "read-out": lambda: rv.LeakyReadout(6, tau=rv.Learn(5 * ms)),
    "own equations": own_equations,
    "recurrent": lambda: rv.Recurrent(rv.LIF(6, tau=rv.Learn(5 * ms)), nn.Linear(6, 6)),
    "recurrent delays": lambda: rv.Recurrent(
        rv.LIF(6, tau=5 * ms), rv.Linear(6, 6, delay=rv.Learn(2 * ms, max=4 * ms))
    ),
}


def pair(kind: str, dtype: torch.dtype, provider: str | None = None) -> tuple[rv.Layer, rv.Sequential]:
    """A layer, and a network of the same cells with equal numbers."""
    torch.manual_seed(1)
    layer = CELLS[kind]().layer(dt=1 * ms, dtype=dtype, provider=provider)
    net = rv.Sequential(CELLS[kind](), dt=1 * ms, dtype=dtype)
    with torch.no_grad():
        for theirs, ours in zip(net.parameters(), layer.parameters(), strict=True):
            theirs.copy_(ours)
    return layer, net


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", list(CELLS))
def test_a_layer_has_the_numbers_and_gradients_of_a_network(kind: str, dtype: torch.dtype, provider: str) -> None:
    layer, net = pair(kind, dtype, provider)
    x = spikes().to(dtype)
    rtol = 1e-4 if dtype is torch.float32 else 1e-9
    found = []
    for module in (layer, net):
        given = x.clone().requires_grad_()
        out, state = module(given)
        out, _ = module(given, state)
        weights = torch.rand(out.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64).to(dtype)
        found.append((out.detach(), *torch.autograd.grad((out * weights).sum(), [given, *module.parameters()])))
    assert found[0][0].any()
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=rtol)


def test_a_layer_equals_a_loop_of_torch() -> None:
    """v' = beta*v + x and a subtracted threshold, with the arctangent at the spike, written by hand."""
    lif = rv.LIF(6, tau=rv.Learn(5 * ms)).layer(
        dt=1 * ms, dtype=torch.float64, surrogate=rv.surrogates.ArcTan(alpha=2.0)
    )
    x, tau = spikes().requires_grad_(), torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    v, rows = torch.zeros(3, 6, dtype=torch.float64), []
    for row in x:
        v = torch.exp(-1 / tau) * v + row
        s = Spike.apply(v - 1.0)
        v = v - s
        rows.append(s)
    wanted = torch.stack(rows)
    out, _ = lif(x)
    assert torch.equal(out, wanted)
    weights = torch.arange(12.0, dtype=torch.float64).reshape(-1, 1, 1)
    ours = torch.autograd.grad((out * weights).sum(), [x, lif.tau])
    theirs = torch.autograd.grad((wanted * weights).sum(), [x, tau])
    scale = theirs[1] / ours[1]  # the height of a surrogate is its own convention
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a * scale, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", list(CELLS))
def test_sequences_cut_and_steps_equal_the_whole(kind: str) -> None:
    layer, _ = pair(kind, torch.float64)
    x = spikes()
    with torch.no_grad():
        whole, end = layer(x)
        first, state = layer(x[:5])
        second, _ = layer(x[5:], state)
        torch.testing.assert_close(torch.cat([first, second]), whole, rtol=1e-12, atol=1e-12)
        state, rows = None, []
        for row in x:
            out, state = layer.step(row, state)
            rows.append(out)
    torch.testing.assert_close(torch.stack(rows), whole, rtol=1e-12, atol=1e-12)
    assert state.step == end.step == 12


class Own(nn.Module):
    """A network as torch users write it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(6, 16)
        self.lif = rv.LIF(16, tau=rv.Learn(5 * ms), V_th=0.3).layer(dt=1 * ms)
        self.back = rv.Recurrent(rv.LIF(16, V_th=0.3), rv.Linear(16, 16)).layer(dt=1 * ms)
        self.out = nn.Linear(16, 2)
        self.readout = rv.LeakyReadout(2).layer(dt=1 * ms)

    def forward(self, x: Tensor) -> Tensor:
        s, _ = self.lif(self.hidden(x))
        s, _ = self.back(s)
        v, _ = self.readout(self.out(s))
        return v


class TestTorch:
    def test_an_own_forward_learns(self) -> None:
        torch.manual_seed(0)
        model, x = Own(), spikes(20, 16).float()
        target = (x[..., :3].sum((0, 2)) > x[..., 3:].sum((0, 2))).long()
        optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        before = model.lif.tau.item()
        losses = []
        for _ in range(25):
            loss = nn.functional.cross_entropy(8 * model(x).mean(0), target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        assert losses[-1] < 0.6 * losses[0]
        assert model.lif.tau.item() != before

    def test_keys_are_short_and_load(self) -> None:
        torch.manual_seed(0)
        model, other = Own(), Own()
        assert [n for n, _ in model.named_parameters()] == [
            "hidden.weight", "hidden.bias", "lif.tau", "back.recurrent.weight", "back.recurrent.bias", "out.weight", "out.bias",
        ]  # fmt: skip
        x = spikes().float()
        assert not torch.equal(model(x), other(x))
        other.load_state_dict(model.state_dict())
        assert torch.equal(model(x), other(x))

    def test_fixed_delays_are_part_of_the_keys(self) -> None:
        torch.manual_seed(0)

        def make() -> rv.Layer:
            torch.manual_seed(torch.initial_seed() + 1)
            back = rv.Linear(6, 6, delay=rv.Uniform(0 * ms, 6 * ms))
            return rv.Recurrent(rv.LIF(6, V_th=0.2), back).layer(dt=1 * ms)

        one, other, x = make(), make(), spikes().float()
        assert "recurrent_delays.latency_table" in one.state_dict()
        assert not torch.equal(one(x)[0], other(x)[0])
        other.load_state_dict(one.state_dict())
        assert torch.equal(one(x)[0], other(x)[0])

    @pytest.mark.parametrize("kind", list(CELLS))
    def test_copies_are_equal_and_apart(self, kind: str) -> None:
        layer, x = pair(kind, torch.float64)[0], spikes()

        def seen(module: rv.Layer) -> Tensor:
            return module.observe(x, record=["v"])["v"]

        wanted = seen(layer)
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        for made in (copy.deepcopy(layer), torch.load(file, weights_only=False)):
            assert torch.equal(seen(made), wanted)
            with torch.no_grad():
                for p in made.parameters():
                    p.mul_(1.5)
            assert torch.equal(seen(layer), wanted), "a copy shares nothing"
            assert not torch.equal(seen(made), wanted)

    @pytest.mark.parametrize("kind", list(CELLS))
    def test_the_dtype_follows(self, kind: str) -> None:
        layer, net = pair(kind, torch.float32)
        model = nn.Sequential(layer.output_only()).double()
        assert {p.dtype for p in model.parameters()} <= {torch.float64}
        assert layer.network.dtype is torch.float64
        torch.testing.assert_close(model(spikes()), net.double()(spikes())[0], rtol=1e-9, atol=1e-9)

    def test_replaced_parameters_are_used(self) -> None:
        lif, x = rv.LIF(6, tau=rv.Learn(5 * ms)).layer(dt=1 * ms, dtype=torch.float64), spikes()
        other = rv.LIF(6, tau=rv.Learn(2 * ms)).layer(dt=1 * ms, dtype=torch.float64)
        wanted = other(x)[0]
        tau = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
        out = torch.func.functional_call(lif, {"tau": tau}, (x,))[0]
        assert torch.equal(out, wanted)
        (ours,), (theirs,) = torch.autograd.grad(out.sum(), [tau]), torch.autograd.grad(wanted.sum(), [other.tau])
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
        lif.tau = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
        assert torch.equal(lif(x)[0], wanted)

    @pytest.mark.parametrize("shown", [lambda layer: layer, rv.Layer.output_only], ids=["layer", "output only"])
    def test_a_replaced_recurrence_is_used(self, shown: Callable[[rv.Layer], nn.Module]) -> None:
        torch.manual_seed(0)
        first, other, x = nn.Linear(6, 6), nn.Linear(6, 6), spikes().float()
        layer = rv.Recurrent(rv.LIF(6), first).layer(dt=1 * ms)
        before, wanted = layer(x)[0], rv.Recurrent(rv.LIF(6), other).layer(dt=1 * ms)(x)[0]
        shown(layer).recurrent = other
        assert torch.equal(layer(x)[0], wanted)
        assert not torch.equal(before, wanted)
        assert torch.equal(layer.state_dict()["recurrent.weight"], other.weight)
        assert layer.network["recurrent"] is layer.recurrent is other

    def test_what_cannot_be_replaced_says_so(self) -> None:
        layer = rv.Recurrent(rv.MembraneNorm(rv.LIF(6)), [nn.Identity(), nn.Linear(6, 6)]).layer(dt=1 * ms)
        with pytest.raises(RanvierError, match="'membrane_norm' of a layer cannot be replaced"):
            layer.membrane_norm = nn.Identity()
        with pytest.raises(RanvierError, match=r"'recurrent' cannot be replaced.*\[0\] = "):
            layer.recurrent = nn.Linear(6, 6)

    def test_a_class_of_its_own_has_modules_of_its_own(self) -> None:
        class Own(rv.Layer):
            def __init__(self) -> None:
                super().__init__(rv.LIF(6), dt=1 * ms)
                self.before = nn.Identity()
                self.before = nn.Linear(6, 6)

            def forward(self, x: Any, state: rv.State | None = None, **how: Any) -> tuple[Tensor, rv.State]:
                return super().forward(self.before(x), state, **how)

        layer, x = Own(), spikes().float()
        assert torch.equal(layer(x)[0], layer.network(layer.before(x))[0])
        assert "before.weight" in layer.state_dict()

    def test_hooks_are_called_once_in_calls_and_steps(self) -> None:
        lif, seen = rv.LIF(6).layer(dt=1 * ms), []
        lif.register_forward_pre_hook(lambda m, args: seen.append(tuple(args[0].shape)))
        lif.register_forward_hook(lambda m, args, out: (2 * out[0], out[1]))
        plain = rv.LIF(6).layer(dt=1 * ms)
        x = spikes().float()
        assert torch.equal(lif(x)[0], 2 * plain(x)[0])
        assert torch.equal(lif.step(x[0])[0], 2 * plain.step(x[0])[0])
        assert seen == [(12, 3, 6), (1, 3, 6)]

    def test_modes_reach_a_norm_on_the_membrane(self) -> None:
        lif = rv.MembraneNorm(rv.LIF(6)).layer(dt=1 * ms)
        model, x = nn.Sequential(lif.output_only()), spikes().float()
        model.eval()(x)
        assert float(lif.membrane_norm.running_mean.abs().sum()) == 0
        model.train()(x)
        assert float(lif.membrane_norm.running_mean.abs().sum()) > 0

    def test_seeds_come_from_torch_unless_given(self) -> None:
        def drawn(seed: int | None = None) -> Tensor:
            return rv.LIF(6, tau=rv.Uniform(2 * ms, 9 * ms)).layer(dt=1 * ms, seed=seed).tau

        torch.manual_seed(3)
        one, other = drawn(), drawn()
        torch.manual_seed(3)
        again = drawn()
        assert torch.equal(one, again)
        assert not torch.equal(one, other)
        assert torch.equal(drawn(5), drawn(5))

    def test_noise_is_new_in_every_call_and_repeats_by_stream(self) -> None:
        cell = rv.Cell("dv/dt = (x - v)/tau + xi*tau**-0.5 : 1\nx : 1 (input)", emit="v", tau=5 * ms, size=6)
        layer, x = cell.layer(dt=1 * ms), spikes().float()
        assert not torch.equal(layer(x)[0], layer(x)[0])
        assert torch.equal(layer(x, stream=1)[0], layer(x, stream=1)[0])


class TestOutputOnly:
    def test_stands_in_torch_sequential(self) -> None:
        torch.manual_seed(0)
        lif, head = rv.LIF(4, tau=rv.Learn(5 * ms), V_th=0.2).layer(dt=1 * ms), rv.LeakyReadout(2).layer(dt=1 * ms)
        first, last = nn.Linear(6, 4), nn.Linear(4, 2)
        model = nn.Sequential(first, lif.output_only(), last, head.output_only())
        x = spikes().float()
        assert torch.equal(model(x), head(last(lif(first(x))[0]))[0])
        assert "1.tau" in model.state_dict()
        assert [n for n, _ in model.named_parameters()] == ["0.weight", "0.bias", "1.tau", "2.weight", "2.bias"]

    def test_shows_a_network(self) -> None:
        net = rv.Sequential(rv.Linear(6, 4), rv.LIF(4, tau=rv.Learn(5 * ms)), dt=1 * ms)
        model, x = net.output_only(), spikes().float()
        assert torch.equal(model(x), net(x)[0])
        assert model.state_dict().keys() == net.state_dict().keys()
        assert [n for n, _ in model.named_parameters()] == [n for n, _ in net.named_parameters()]
        other = rv.Sequential(rv.Linear(6, 4), rv.LIF(4, tau=rv.Learn(3 * ms)), dt=1 * ms).output_only()
        assert other.load_state_dict(net.state_dict()).missing_keys == []
        assert torch.equal(other(x), net(x)[0])
        model.double()
        assert net.dtype is torch.float64
        assert model.eval().module is net
        assert not net.training

    def test_a_replaced_transform_is_used(self) -> None:
        torch.manual_seed(0)
        net, x = rv.Sequential(rv.Linear(6, 4), rv.LIF(4), dt=1 * ms), spikes().float()
        model, keys = net.output_only(), list(net.state_dict())
        model.linear1 = nn.Linear(6, 4)
        with torch.no_grad():
            model.module["linear1"].weight.fill_(1.0)
        assert torch.equal(net["linear1"].weight, torch.ones(4, 6))
        assert torch.equal(model(x), net(x)[0])
        assert list(net.state_dict()) == keys


class TestPorts:
    def test_a_state_may_be_the_port(self) -> None:
        x = spikes()
        layer = rv.CurrentLIF(6).layer(dt=1 * ms, to="I", dtype=torch.float64)
        net = rv.Network(dt=1 * ms, dtype=torch.float64)
        net.input("x", 6)
        net.population("cells", 6, rv.CurrentLIF(), output=True)
        net.connect("x", "cells", nn.Identity(), to="I")
        out, later = layer(x)[0], net(x)[0]  # what connect joins arrives a step later
        assert out.any()
        assert torch.equal(out[:-1], later[1:])

    def test_several_ports_take_a_mapping(self) -> None:
        cell = rv.Cell("v' = 0.5*v + a - b : 1\na : 1 (input)\nb : 1 (input)", emit="v", size=6)
        a, b = spikes(seed=1), spikes(seed=2)
        both = cell.layer(dt=1 * ms, to=("a", "b"), dtype=torch.float64)({"a": a, "b": b})[0]
        one = rv.Cell("v' = 0.5*v + a : 1\na : 1 (input)", emit="v", size=6).layer(dt=1 * ms, dtype=torch.float64)
        torch.testing.assert_close(both, one(a - b)[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (
            lambda: rv.LIF(6).layer(dt=1 * ms)(torch.rand(3, 6)),
            r"shape \(3, 6\).*one step \[B, …\] call .step\(x, state\)",
        ),
        (lambda: rv.LIF(6).layer(dt=1 * ms)(torch.rand(3, 2, 5)), r"shape \(3, 2, 5\); expected \[T, B, 6\]"),
        (
            lambda: rv.LIF(6).layer(dt=1 * ms)(torch.rand(3, 2, 6), torch.zeros(2, 6)),
            "state is Tensor: pass on the state",
        ),
        (lambda: rv.CurrentLIF(6).layer(dt=1 * ms), "has the ports v, I: say where x arrives"),
        (lambda: rv.LIF(6).layer(dt=1 * ms, to="y"), "no port 'y'"),
        (lambda: rv.Layer(nn.Linear(2, 2), dt=1 * ms), "rv.Layer takes a cell, got Linear"),  # type: ignore[arg-type]
        (lambda: rv.LIF(6).layer(dt=1), r"dt=1"),
    ],
)
def test_mistakes(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(RanvierError, match=words):
        ask()
