"""The rectifier is its formula, keeps the spike of the step, and shrinks what the reset leaves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import EquationError
from ranvier.units import ms

DOUBLE = torch.float64


def phi(u: np.ndarray) -> np.ndarray:
    low, high = 1 - np.cbrt(1 - np.minimum(u, 0)), np.cbrt(np.maximum(u, 1))
    middle = np.tanh(3 * (u - 0.5)) / (2 * np.tanh(1.5)) + 0.5
    return np.where(u < 0, low, np.where(u > 1, high, middle))


def membranes(provider: str, dtype: torch.dtype, x: torch.Tensor, level: float = 1.0) -> dict[str, torch.Tensor]:
    cell = rv.MembraneRectifier(rv.IF(len(x), V_th=level / 2, reset=f"v -= {level}"), level=level)
    net = rv.Sequential(cell, dt=1 * ms, dtype=dtype, provider=provider)
    return net.observe(x[None, None], record={"if1": ["v", "v_before", "spikes"]})["if1"]


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (DOUBLE, 1e-14)])
def test_it_is_the_formula(provider: str, dtype: torch.dtype, tolerance: float) -> None:
    u = torch.linspace(-3, 4, 401, dtype=dtype)
    seen = membranes(provider, dtype, 2 * u, level=2.0)
    wanted = 2 * phi(u.double().numpy())
    np.testing.assert_allclose(seen["v_before"][0, 0].double(), wanted, rtol=0, atol=4 * tolerance)
    away = (u - 0.5).abs() > 1e-3
    assert torch.equal(seen["spikes"][0, 0][away], (u > 0.5).to(dtype)[away])
    assert float(seen["v"].square().mean()) < 0.35 * float((2 * u - 2 * (u > 0.5).to(dtype)).square().mean())


def test_fixed_points_and_gradient() -> None:
    """0, 1/2 and 1 stay; the derivative is that of finite differences."""
    fixed = torch.tensor([0.0, 0.5, 1.0], dtype=DOUBLE)
    torch.testing.assert_close(membranes("cpu", DOUBLE, fixed)["v_before"][0, 0], fixed, rtol=0, atol=1e-15)
    u = torch.tensor([-2.0, -0.3, 0.2, 0.45, 0.8, 1.7], dtype=DOUBLE, requires_grad=True)
    (found,) = torch.autograd.grad(membranes("cpu", DOUBLE, u)["v_before"].sum(), u)
    at = u.detach().numpy()
    np.testing.assert_allclose(found, (phi(at + 1e-6) - phi(at - 1e-6)) / 2e-6, rtol=1e-8)


def test_it_joins_what_a_cell_does_already() -> None:
    cell = rv.MembraneRectifier(rv.ALIF(3, before_firing="v += 0.1"))
    assert cell.before_firing is not None
    assert cell.before_firing.startswith("v += 0.1; v = ")
    assert rv.MembraneNorm(rv.MembraneRectifier(rv.LIF(4))).membrane_norm is not None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: rv.MembraneRectifier(3), "3 is not a cell"),
        (lambda: rv.MembraneRectifier(rv.LIF(3), variable="w"), "'w' is no variable of lif: name one of v"),
        (lambda: rv.MembraneRectifier(rv.LeakyReadout(3)), "readout never fires"),
        (lambda: rv.MembraneRectifier(rv.MembraneRectifier(rv.LIF(3))), "has a rectifier already"),
        (lambda: rv.MembraneRectifier(rv.LIF(3), level=0.0), "level=0.0 must be above 0"),
        (lambda: rv.MembraneRectifier(rv.LIF(3), level=rv.Learn(1.0, min=-1.0)), "must be above 0"),
    ],
)
def test_mistakes(make: object, words: str) -> None:
    with pytest.raises(EquationError, match=words):
        make()  # type: ignore[operator]
