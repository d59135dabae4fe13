"""A function that a program uses very often is called, not copied: equal numbers, and compiled within seconds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.kernels.cpu.llvm.outlined import MOST_COPIES
from ranvier.units import ms


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_often_used_functions_have_their_values_and_slopes(dtype: torch.dtype):
    names = ("sin", "exp", "tanh")
    rows = [f"{n}_x = {' + '.join(f'{n}(-0.01*{k}*v)' for k in range(45))} : 1" for n in names]
    cell = rv.Cell("v' = v : 1\n" + "\n".join(rows), v=rv.Learn(torch.tensor([0.3, 1.7, -2.4]).double()))
    assert all(str(cell.step().program).count(f"{n}(") > MOST_COPIES for n in names)
    assert str(rv.TraubMiles(method="rk4").step().program).count("exp") < MOST_COPIES
    net = rv.Network(dt=1 * ms, dtype=dtype)
    net.population("p", 3, cell)
    run = net.run(1 * ms, record={"p": [f"{n}_x" for n in names]}, grad=True)["p"]
    (start,) = net.parameters()
    v, a = start.detach().double().numpy(), -0.01 * np.arange(45)[:, None]
    values = {"sin": np.sin(a * v), "exp": np.exp(a * v), "tanh": np.tanh(a * v)}
    slopes = {"sin": a * np.cos(a * v), "exp": a * np.exp(a * v), "tanh": a * (1 - np.tanh(a * v) ** 2)}
    close = 2e-6 if dtype == torch.float32 else 1e-14
    for n in names:
        found = getattr(run, f"{n}_x")[0, 0]
        (slope,) = torch.autograd.grad(found.sum(), start, retain_graph=True)
        np.testing.assert_allclose(found.detach(), values[n].sum(0), rtol=close)
        np.testing.assert_allclose(slope, slopes[n].sum(0), rtol=10 * close)
