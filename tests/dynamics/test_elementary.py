"""Functions that the language builds from others: their values and slopes on both providers."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.errors import DimensionError
from ranvier.units import ms

BUILT = {"sinh": torch.sinh, "cosh": torch.cosh, "tan": torch.tan, "log10": torch.log10, "ceil": torch.ceil}


#: text, and the function of torch
FURTHER = {
    "arctan(x)": torch.atan, "arcsin(x/8)": lambda x: torch.asin(x / 8), "arccos(x/8)": lambda x: torch.acos(x / 8), "erf(x)": torch.erf,
    "x % 3": lambda x: torch.remainder(x, 3), "mod(x, -0.7)": lambda x: torch.remainder(x, -0.7), "x // 0.3": lambda x: torch.floor(x / 0.3),
    "round(x)": torch.round,
}  # fmt: skip


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_inverses_and_whole_quotients_equal_those_of_torch(dtype: torch.dtype, provider: str):
    x = torch.tensor([-7.9, -2.6, -0.4, 1e-6, 0.5, 1.4, 2.5, 8.0], dtype=torch.float64)
    text = "x' = x : 1\n" + "\n".join(f"y{k} = {e} : 1" for k, e in enumerate(FURTHER))
    net = rv.Network(dt=1 * ms, dtype=dtype, provider=provider)
    net.population("p", len(x), rv.Cell(text, x=rv.Learn(x)))
    run = net.run(1 * ms, record={"p": [f"y{k}" for k in range(len(FURTHER))]}, grad=True)
    (start,) = net.parameters()
    close = 3e-6 if dtype == torch.float32 else 1e-14
    for k, function in enumerate(FURTHER.values()):
        twin = start.detach().double().requires_grad_()
        expected = function(twin)
        found = run["p"][f"y{k}"][0, 0]
        torch.testing.assert_close(found.double(), expected, rtol=close, atol=close)
        slopes = [
            torch.autograd.grad(y.sum(), at, retain_graph=True)[0] for y, at in ((found, start), (expected, twin))
        ]
        slopes[1] = torch.where(slopes[1].isinf(), 0.0, slopes[1])  # an infinite slope counts as 0
        torch.testing.assert_close(*(s.double() for s in slopes), rtol=30 * close, atol=close)


@pytest.mark.parametrize("text", ["v % (3*mV)", "v // (3*mV)", "mod(v, 3*mV)", "round(3*mV)"])
def test_whole_quotients_of_unlike_dimensions_are_refused(text: str):
    with pytest.raises(DimensionError, match=r"take the whole quotient of 'v'|round needs a plain number"):
        rv.Cell(f"dv/dt = -v/(5*ms) : 1\nx = {text} : 1")


def test_the_whole_quotient_of_two_voltages_is_a_number():
    cell = rv.Cell("v' = v : mV\nn = v // (20*mV) : 1\nrest = v % (20*mV) : mV", v=-50 * rv.units.mV, size=1)
    net = rv.Network(dt=1 * ms)
    net.population("p", 1, cell)
    run = net.run(1 * ms, record={"p": ["n", "rest"]})
    assert (run["p"].n[0, 0], run["p"].rest[0, 0]) == (-3, 10)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_built_functions_equal_those_of_torch(dtype: torch.dtype, provider: str):
    x = torch.tensor([1e-6, 0.2, 1.0, 1.4, 3.7, 12.0], dtype=torch.float64)
    text = "x' = x : 1\n" + "\n".join(f"{n}_x = {n}(x) : 1" for n in BUILT)
    net = rv.Network(dt=1 * ms, dtype=dtype, provider=provider)
    net.population("p", len(x), rv.Cell(text, x=rv.Learn(x)))
    run = net.run(1 * ms, record={"p": [f"{n}_x" for n in BUILT]}, grad=True)
    (start,) = net.parameters()
    close = 3e-6 if dtype == torch.float32 else 1e-14
    for name, function in BUILT.items():
        twin = start.detach().double().requires_grad_()
        expected = function(twin)
        found = run["p"][f"{name}_x"][0, 0]
        torch.testing.assert_close(found.double(), expected, rtol=close, atol=0)
        slopes = (
            torch.autograd.grad(y.sum(), at, retain_graph=True)[0] for y, at in ((found, start), (expected, twin))
        )
        torch.testing.assert_close(*(s.double() for s in slopes), rtol=20 * close, atol=close)
