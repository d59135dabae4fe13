"""Functions that the language builds from others: their values and slopes on both providers."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.units import ms

BUILT = {"sinh": torch.sinh, "cosh": torch.cosh, "tan": torch.tan, "log10": torch.log10, "ceil": torch.ceil}


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
