"""Modes of torch that a network cannot follow are refused, or warned of, with what to write instead."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierWarning, StateError
from ranvier.units import ms

X = torch.ones(9, 8, 4)


def chain(**how: object) -> rv.Sequential:
    return rv.Sequential(rv.Linear(4, 3), rv.LIF(3), rv.Linear(3, 2), rv.LeakyReadout(2), dt=1 * ms, **how)


def recurrent(**how: object) -> rv.Sequential:
    return rv.Sequential(rv.Linear(4, 3), rv.Recurrent(rv.LIF(3), rv.Linear(3, 3)), dt=1 * ms, **how)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_functional_call_is_a_call(provider: str) -> None:
    net = chain(provider=provider)
    weights = dict(net.named_parameters())
    assert torch.equal(torch.func.functional_call(net, weights, (X,))[0], net(X)[0])


def test_autocast_rounds_no_run_with_a_gradient() -> None:
    def run() -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(0)
        net = rv.Network(dt=1 * ms, seed=1)
        signal = rv.TimedArray(torch.randn(9, 6, generator=torch.Generator().manual_seed(1)), dt=1 * ms)
        net.source("in", signal)
        net.population("out", 5, rv.Cell("v' = v/2 + x : 1\nx : 1 (input)", emit="v"))
        net.connect("in", "out", rv.Linear(6, 5, bias=False), to="x")
        made = net.run(9 * ms, grad=True, record={"out": ["v"]})
        return made["out"].v, next(net.parameters())

    v, weight = run()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        other, _ = run()
    assert torch.equal(v, other)
    right = torch.autograd.grad(v.pow(2).sum(), weight, retain_graph=True)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16), pytest.warns(RanvierWarning, match=r"call backward\(\) outside"):
        torch.autograd.grad(v.pow(2).sum(), weight, retain_graph=True)
    assert torch.equal(right, torch.autograd.grad(v.pow(2).sum(), weight)[0])


def deep(**how: object) -> rv.Sequential:
    return rv.Sequential(
        rv.Linear(4, 16), torch.nn.Unflatten(1, (1, 4, 4)), torch.nn.Conv2d(1, 2, 3), rv.LIF((2, 2, 2)), torch.nn.Flatten(),
        rv.Linear(8, 2), rv.LeakyReadout(2), dt=1 * ms, **how,
    )  # fmt: skip


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("make", [chain, recurrent, deep])
@pytest.mark.parametrize("of", ["output", "state", "record"])
def test_a_backward_pass_under_autocast_has_the_precision_of_the_call(make: Callable, of: str, provider: str) -> None:
    x = torch.rand(9, 8, 4, generator=torch.Generator().manual_seed(0)) * 3

    def learnt(inside: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        net, given = make(provider=provider), x.clone().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            if of == "record":
                name = net.outputs[0]
                read = net.observe(given, record={name: ["v"]}, stream=0)[name]["v"]
            else:
                out, state = net(given, stream=0)
                read = out if of == "output" else state.variables[net.outputs[0]]["v"]
            loss = read.square().sum()
            if inside:
                loss.backward()
            assert torch.is_autocast_enabled("cpu")
        if not inside:
            loss.backward()
        return [given.grad, *(p.grad for p in net.parameters())]

    right, found = learnt(False), learnt(True)
    for a, b in zip(found, right, strict=True):
        assert torch.equal(a, b)


def test_a_run_with_a_gradient_and_its_backward_pass_under_autocast() -> None:
    def learnt(autocast: bool) -> torch.Tensor:
        torch.manual_seed(0)
        net = rv.Network(dt=1 * ms, seed=1, provider="reference")
        signal = rv.TimedArray(torch.randn(9, 6, generator=torch.Generator().manual_seed(1)), dt=1 * ms)
        net.source("in", signal)
        net.population("out", 5, rv.Cell("v' = v/2 + x : 1\nx : 1 (input)", emit="v"))
        net.connect("in", "out", rv.Linear(6, 5, bias=False), to="x")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            net.run(9 * ms, grad=True, record={"out": ["v"]})["out"].v.square().sum().backward()
        return next(net.parameters()).grad

    assert torch.equal(learnt(True), learnt(False))


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("steps", [9, 2])
@pytest.mark.parametrize("make", [chain, recurrent])
def test_a_state_kept_from_a_batch_that_was_learnt_is_told(make: Callable, steps: int, provider: str) -> None:
    net, x = make(provider=provider), X[:steps]
    out, state = net(x)
    out.sum().backward()
    out, _ = net(x, state)
    with pytest.raises(StateError, match=r"pass state\.detach\(\)"):
        out.sum().backward()
    assert torch.equal(out, net(x, state.detach())[0])
    net(x, state.detach())[0].sum().backward()


@pytest.mark.parametrize("make", [chain, recurrent])
def test_a_state_may_hang_on_a_graph_that_is_still_there(make: Callable) -> None:
    torch.manual_seed(0)
    net = make(dtype=torch.float64)
    x = X.double()
    whole = net(x)[0].sum()
    expected = torch.autograd.grad(whole, list(net.parameters()))
    first, state = net(x[:4])
    second, _ = net(x[4:], state)
    found = torch.autograd.grad(first.sum() + second.sum(), list(net.parameters()))
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)


def test_outputs_and_records_are_pickled_without_a_warning() -> None:
    net = chain()
    out, state = net(X)
    assert out.requires_grad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.save([out, state.variables], io.BytesIO())
        pickle.dumps(net.observe(X, record={net.outputs[0]: ["v"]}))
