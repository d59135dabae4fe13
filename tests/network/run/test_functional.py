"""torch.func on networks: values and gradients are those of ordinary calls, or the error says what to write."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, jacrev, stack_module_state, vmap

import ranvier as rv
from ranvier.errors import ProviderError, RanvierError
from ranvier.units import Hz, ms

Tensor = torch.Tensor
STEPS, BATCH = 5, 3
F64 = {"dt": 1 * ms, "dtype": torch.float64}


def dense(seed: int = 0, provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(seed)
    tau = rv.Learn(10 * ms)
    return rv.Sequential(
        rv.Linear(4, 5), rv.LIF(5, tau=tau, V_th=0.2), rv.Linear(5, 2), rv.LeakyReadout(2), provider=provider, **F64
    )


def recurrent(seed: int = 0, provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(seed)
    delayed = rv.Linear(4, 5, delay=rv.Learn(rv.Uniform(0 * ms, 3 * ms), max=4 * ms))
    cell = rv.ALIF(5, V_th=0.2, v=rv.Learn(0.1))
    return rv.Sequential(delayed, rv.Recurrent(cell, rv.Linear(5, 5)), provider=provider, **F64)


def images(seed: int = 0, provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(seed)
    norm = nn.BatchNorm2d(3)
    norm.running_mean.normal_()
    net = rv.Sequential(
        rv.Conv2d(1, 3, 2), norm, rv.LIF(V_th=0.2), nn.Flatten(), rv.Linear(3, 2), rv.LIF(), provider=provider, **F64
    )
    return net.eval()


MAKE: dict[str, Callable[..., rv.Sequential]] = {"dense": dense, "recurrent": recurrent, "images": images}


def spikes(kind: str) -> Tensor:
    shape = (1, 2, 2) if kind == "images" else (4,)
    return (torch.rand(STEPS, BATCH, *shape, generator=torch.Generator().manual_seed(1)) < 0.6).double()


def score(net: nn.Module, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    out = functional_call(net, dict(parameters), (x,))[0]
    return (out.cumsum(0) * torch.linspace(1, 2, out.shape[2], dtype=out.dtype)).sin().sum()


def backward(net: nn.Module, x: Tensor) -> dict[str, Tensor]:
    names = dict(net.named_parameters())
    made = torch.autograd.grad(score(net, names, x), list(names.values()))
    return dict(zip(names, made, strict=True))


def check(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("kind", list(MAKE))
def test_gradients_for_one_and_for_each_sample_are_those_of_backward(kind: str, provider: str) -> None:
    net, x = MAKE[kind](provider=provider), spikes(kind)
    parameters = dict(net.named_parameters())
    check(grad(partial(score, net))(parameters, x), backward(net, x))
    each = vmap(grad(lambda p, one: score(net, p, one.unsqueeze(1))), in_dims=(None, 1))(parameters, x)
    alone = [backward(net, x[:, b : b + 1]) for b in range(BATCH)]
    check(each, {n: torch.stack([one[n] for one in alone]) for n in parameters})
    found = torch.func.grad(lambda x: score(net, parameters, x))(x)
    asking = x.clone().requires_grad_()
    torch.testing.assert_close(found, torch.autograd.grad(score(net, parameters, asking), asking)[0])


@pytest.mark.parametrize("kind", list(MAKE))
def test_vmap_over_samples_is_a_batch(kind: str) -> None:
    net, x = MAKE[kind](), spikes(kind)
    expected, state = net(x)
    alone = vmap(lambda one: net(one.unsqueeze(1))[0].squeeze(1), in_dims=1, out_dims=1)
    torch.testing.assert_close(alone(x), expected)
    further = vmap(lambda one, before: net(one, before)[0], in_dims=(0, None))  # other inputs after one state
    many = torch.stack([x, 1 - x])
    torch.testing.assert_close(further(many, state), torch.stack([net(one, state)[0] for one in many]))


@pytest.mark.parametrize("kind", list(MAKE))
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_an_ensemble_is_each_of_its_networks(kind: str, device: str) -> None:
    nets, x = [MAKE[kind](seed) for seed in range(3)], spikes(kind)
    parameters, buffers = stack_module_state(nets)  # pyright: ignore[reportArgumentType]
    base = copy.deepcopy(nets[0]).to(device)

    def out(p: Any, b: Any, x: Tensor) -> Tensor:
        return functional_call(base, (p, b), (x,))[0]

    expected = torch.stack([net(x)[0] for net in nets])
    torch.testing.assert_close(vmap(out, in_dims=(0, 0, None))(parameters, buffers, x), expected)
    torch.testing.assert_close(vmap(out)(parameters, buffers, x.expand(3, *x.shape)), expected)
    found = vmap(grad(lambda p, b, x: out(p, b, x).square().sum()), in_dims=(0, 0, None))(parameters, buffers, x)
    for n, value in found.items():
        wanted = [torch.autograd.grad(net(x)[0].square().sum(), net.get_parameter(n))[0] for net in nets]
        torch.testing.assert_close(value, torch.stack(wanted))


def test_jacobians_steps_hidden_signals_layers_and_modules_around() -> None:
    net, x = dense(), spikes("dense")
    found = jacrev(lambda x: net(x)[0].sum(0))(x)
    torch.testing.assert_close(found, torch.autograd.functional.jacobian(lambda x: net(x)[0].sum(0), x))
    names = dict(net.named_parameters())

    def stepped(p: Mapping[str, Tensor]) -> Tensor:
        state, total = None, torch.zeros((), dtype=torch.float64)
        for row in x:
            out, state = functional_call(net, dict(p), (row.unsqueeze(0), state))
            total = total + out.square().sum()
        return total

    wanted = torch.autograd.grad(net(x)[0].square().sum(), list(names.values()))
    check(grad(stepped)(names), dict(zip(names, wanted, strict=True)))
    one = grad(lambda row: net.step(row)[0].square().sum())(x[0])
    torch.testing.assert_close(one, grad(lambda row: net(row)[0].square().sum())(x[:1])[0])
    hidden = grad(lambda x: net.observe(x, record={"lif1": ["v"]})["lif1"]["v"].square().sum())
    asking = x.clone().requires_grad_()
    net.observe(asking, record={"lif1": ["v"]})["lif1"]["v"].square().sum().backward()
    torch.testing.assert_close(hidden(x), asking.grad)
    lif = rv.LIF(4, tau=rv.Learn(10 * ms)).layer(dt=1 * ms)
    model = nn.Sequential(nn.Linear(4, 4), lif.output_only(), nn.Linear(4, 2))
    own, x32 = dict(model.named_parameters()), x.float()
    each = vmap(grad(lambda p, one: functional_call(model, p, (one.unsqueeze(1),)).sum()), in_dims=(None, 1))(own, x32)
    wanted = torch.autograd.grad(model(x32).sum(), list(own.values()))
    for value, whole in zip(each.values(), wanted, strict=True):
        torch.testing.assert_close(value.sum(0), whole)
    alone, plain = net.output_only(), dict(net.named_parameters())
    check(grad(lambda p: functional_call(alone, p, (x,)).square().sum())(plain), grad(stepped)(names))


def test_a_network_is_left_as_it_was() -> None:
    """Also where a call fails inside."""
    net, x = dense(), spikes("dense")
    before, expected = dict(net.named_parameters()), net(x)[0]
    with pytest.raises(RanvierError, match="nan"):
        grad(lambda x: net(x)[0].sum())(torch.full_like(x, torch.nan))
    grad(partial(score, net))({n: 2 * q.detach() for n, q in before.items()}, x)
    assert all(q is before[n] for n, q in net.named_parameters())
    assert torch.equal(net(x)[0], expected)


def total(net: rv.Network, x: Tensor) -> Tensor:
    return net(x)[0].sum()


def noisy() -> rv.Network:
    net = rv.Network(dt=1 * ms)
    net.input("x", 4)
    net.source("noise", rv.Poisson(100 * Hz, 5))
    net.population("cells", 5, rv.LIF(), output=True)
    net.connect("x", "cells", rv.Linear(4, 5), same_step=True)
    net.connect("noise", "cells", rv.OneToOne())
    return net


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda net, x: torch.func.jvp(lambda x: net(x)[0], (x,), (x,)), "forward-mode derivatives.*jacrev or vjp"),
        (lambda net, x: torch.func.jacfwd(lambda x: net(x)[0])(x), "forward-mode derivatives"),
        (lambda net, x: torch.func.hessian(lambda x: net(x)[0].sum())(x), "forward-mode derivatives"),
        (lambda net, x: grad(lambda x: grad(lambda x: net(x)[0].sin().sum())(x).sum())(x), r"no second derivative.*create_graph=True.*provider='reference'"),
        (lambda net, x: grad(partial(total, noisy()))(x.float()), "draws numbers in a call"),
        (lambda net, x: grad(partial(total, images().train()))(spikes("images")), r"norms or dropout in training \(call net\.eval\(\) first\)"),
        (lambda net, x: grad(lambda x: net(x, lengths=torch.full((BATCH,), 3))[0].sum())(x), "a call with lengths=…: leave it out"),
        (lambda net, x: vmap(lambda x: net.run(5 * ms, inputs={"input": x}).state.variables["lif1"]["v"])(x.transpose(0, 1)), "torch.func supports calls of a network"),
    ],
)  # fmt: skip
def test_what_torch_func_cannot_do_says_what_to_write(ask: Callable[..., Any], words: str) -> None:
    with pytest.raises(ProviderError, match=words):
        ask(dense(), spikes("dense"))


class Counts(nn.Module):
    """Divides by the number of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x / self.calls


class Noisy(nn.Module):
    """Adds a random number."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


@pytest.mark.parametrize(
    ("made", "words"), [(nn.RReLU, "draws numbers"), (Noisy, "draws numbers"), (Counts, "changes buffers")]
)
@pytest.mark.parametrize("way", ["func", "compile"])
def test_modules_whose_calls_differ_are_refused(made: Callable[[], nn.Module], words: str, way: str) -> None:
    """The backward pass would run another call, and its gradient would be that of no call."""
    net = rv.Sequential(rv.Linear(4, 5), made(), rv.LIF(5, V_th=0.2), **F64)
    call = partial(grad(partial(total, net)), spikes("dense"))
    if way == "compile":
        call = partial(torch.compile(partial(total, net), backend="eager"), spikes("dense"))
    with pytest.raises(ProviderError, match=rf"module of the network {words} in a call.*call net\.eval\(\)"):
        call()
    if made is nn.RReLU:
        net.eval()
        call()


def test_hooks_on_parts_are_refused() -> None:
    net, x = dense(), spikes("dense")
    net.lif1.register_forward_hook(lambda *_: None)
    with pytest.raises(ProviderError, match="has hooks on its parts"):
        grad(lambda x: net(x)[0].sum())(x)


def test_products_follow_autocast() -> None:
    net, x = dense().float(), spikes("dense").float() + 0.1
    names = dict(net.named_parameters())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = net(x)[0]
        torch.testing.assert_close(
            vmap(lambda one: net(one.unsqueeze(1))[0].squeeze(1), in_dims=1, out_dims=1)(x), expected
        )
        found = grad(lambda p: functional_call(net, p, (x,))[0].sum())(names)
    assert not torch.equal(expected, net(x)[0])
    wanted = torch.autograd.grad(expected.sum(), list(names.values()))
    check(found, dict(zip(names, wanted, strict=True)))
