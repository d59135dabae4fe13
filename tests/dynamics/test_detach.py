"""``detach(x)`` is x without its derivative: in every provider, in loops and in files of programs."""

from __future__ import annotations

import pytest
import sympy as sp
import torch

import ranvier as rv
from ranvier.dynamics import read_system
from ranvier.dynamics.functions import FUNCTIONS
from ranvier.errors import DimensionError
from ranvier.units import ms, mV


def test_it_is_its_argument_and_has_no_derivative() -> None:
    build, _ = FUNCTIONS["detach"]
    assert build(sp.Float(0.3)) == 0.3
    x = sp.Symbol("x")
    assert (x * build(x)).diff(x) == build(x)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_gradients_pass_it_by(provider: str) -> None:
    text = "v' = 0.9*v + gain*x - 0.1*detach(v*gain) : 1\nx : 1 (input)"
    cell = rv.Cell(text, gain=rv.Learn(1.3), emit="v", name="lif", size=3)
    net = rv.Sequential(cell, dt=1 * ms, dtype=torch.float64, provider=provider)
    x = torch.randn(20, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    out, _ = net(x)
    gain, v, rows = torch.tensor(1.3, dtype=torch.float64, requires_grad=True), torch.zeros(2, 3), []
    for now in x:
        v = 0.9 * v + gain * now - 0.1 * (v * gain).detach()
        rows.append(v)
    expected = torch.stack(rows)
    assert torch.allclose(out, expected, rtol=1e-12)
    (found,) = torch.autograd.grad((out**2).sum(), list(net.parameters()))
    (wanted,) = torch.autograd.grad((expected**2).sum(), gain)
    assert torch.allclose(found, wanted.to(found), rtol=1e-10)


def test_a_linear_equation_with_it_keeps_its_value() -> None:
    """An equation is not taken for one without v because the derivative in v is 0."""
    cell = rv.Cell("dv/dt = -detach(v)/tau : 1", tau=10 * ms, v=1.0, emit="v", size=1)
    net = rv.Network(dt=1 * ms, dtype=torch.float64)
    net.population("cells", 1, cell)
    v = net.run(3 * ms, record={"cells": ["v"]})["cells"].v[:, 0]
    assert v == pytest.approx([0.9, 0.81, 0.729])


def test_it_keeps_dimensions_and_times() -> None:
    system = read_system("v' = detach(E) : mV\nlast' = detach(last) : ms", (), {"E": mV.dimension})
    assert system.times == ("last",)
    with pytest.raises(DimensionError, match="dimension"):
        read_system("v' = detach(E) : 1", (), {"E": mV.dimension})
