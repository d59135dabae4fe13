"""Expressions written for torch."""

from __future__ import annotations

import pytest
import sympy as sp
import torch

import ranvier as rv
from ranvier.kernels.eager._torch import compile_function, source
from ranvier.units import ms


@pytest.mark.parametrize("n", [3, 2**53 - 1, 2**53, 2**63, -(2**64), 10**30, -(10**300)])
def test_whole_numbers_of_any_size(n: int) -> None:
    """Torch takes no whole number beyond 63 bits."""
    x = sp.Symbol("x")
    e = sp.Add(sp.Mul(sp.Integer(n), x, evaluate=False), sp.Integer(n), evaluate=False)
    function = compile_function("f", ["def f(x, _like):", f"    return {source(e)}"])
    value = torch.tensor([0.5, -2.0], dtype=torch.float64)
    torch.testing.assert_close(function(value, value), float(n) * value + float(n), rtol=1e-15, atol=0)


#: a value of v at which the power is 0 in float64, and the same function in torch
VANISHING = {
    "1/(1 + exp((v - 1)*3))**0.5": (800, lambda v: 1 / (1 + torch.exp((v - 1) * 3)) ** 0.5),
    "(1/(1 + exp(v)))**1.5": (800, lambda v: (1 / (1 + torch.exp(v))) ** 1.5),
    "sqrt(sigmoid(v))": (-800, lambda v: torch.sqrt(torch.sigmoid(v))),
    "sigmoid(v)**0.3": (-800, lambda v: torch.sigmoid(v) ** 0.3),
    "(v/(exp(v) - 1))**0.5": (800, lambda v: (v / torch.expm1(v)) ** 0.5),
    "1/sqrt(exprel(v))": (800, lambda v: torch.sqrt(v / torch.expm1(v))),
    "sqrt(exp(-v))": (800, lambda v: torch.exp(-v / 2)),
}


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("text", VANISHING)
def test_a_power_that_vanishes_has_a_gradient(text: str, provider: str) -> None:
    """Its own is right where it is large, and 0, not NaN, where it is below the smallest number."""
    far, function = VANISHING[text]
    net = rv.Network(dt=1 * ms, dtype=torch.float64, provider=provider)
    net.input("x", 4)
    net.population("a", 4, rv.Cell(f"dv/dt = {text}/ms : 1", emit="v", method="euler"), output=True, v=1.0)
    net.connect("x", "a", rv.OneToOne(), to="v", weight=1.0)
    start = torch.tensor([far, 0.5, -0.7, 3.0], dtype=torch.float64)
    x = torch.stack([start, torch.zeros(4, dtype=torch.float64)])[:, None].requires_grad_()
    out, _ = net(x)
    (found,) = torch.autograd.grad(out[1].sum(), x)
    first = torch.ones(3, dtype=torch.float64)
    v = (first + function(first) + start[1:]).requires_grad_()
    wanted = v + function(v)
    (slope,) = torch.autograd.grad(wanted.sum(), v)
    torch.testing.assert_close(out[1, 0, 1:], wanted, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(found[0, 0, 1:], slope, rtol=1e-12, atol=1e-12)
    assert float(out[1, 0, 0].detach()) == pytest.approx(far + float((first + function(first))[0]), abs=1e-12)
    assert float(found[0, 0, 0]) == pytest.approx(1.0, abs=1e-12)
