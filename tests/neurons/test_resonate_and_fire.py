"""Resonate-and-fire: the membrane is a damped oscillation in closed form, with and without a reset."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import DimensionError, EquationError
from ranvier.units import Hz, ms
from tests.differences import slope


def run(cell: rv.Cell, x: torch.Tensor, **how) -> dict[str, np.ndarray]:
    layer = cell.layer(dt=1 * ms, dtype=torch.float64, **how)
    hidden = layer.observe(x, record=["u", "v", "spikes"])
    return {n: hidden[n].detach().numpy() for n in ("u", "v", "spikes")}


def test_without_a_reset_it_is_a_damped_oscillation() -> None:
    x = torch.randn(300, 1, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    f, tau = np.array([15.0, 40.0]), 60.0
    out = run(rv.ResonateAndFire(2, f=f * Hz, tau=tau * ms, V_th=1.5, reset=None), x)
    z, pole = np.zeros((1, 2), complex), np.exp(-1 / tau + 2j * math.pi * f / 1000)
    for n in range(300):
        z = pole * z + x[n].numpy()
        np.testing.assert_allclose(out["u"][n] + 1j * out["v"][n], z, atol=1e-12)
        np.testing.assert_array_equal(out["spikes"][n], z.imag > 1.5)
    assert 0.02 < out["spikes"].mean() < 0.5


def test_the_reset_of_the_source_puts_it_on_the_threshold() -> None:
    x = torch.zeros(60, 1, 1, dtype=torch.float64)
    x[0] = 3.0
    out = run(rv.ResonateAndFire(1, f=10 * Hz, tau=50 * ms), x)
    first = int(out["spikes"][:, 0, 0].argmax())
    pole = cmath.exp(-1 / 50 + 2j * math.pi / 100)
    assert (3 * pole**first).imag > 1 > (3 * pole ** (first - 1)).imag
    assert (out["u"][first], out["v"][first]) == (0, 1)
    after = 1j * pole ** np.arange(1, 60 - first)
    np.testing.assert_allclose(out["u"][first + 1 :, 0, 0] + 1j * out["v"][first + 1 :, 0, 0], after, atol=1e-12)
    assert out["spikes"].sum() == 1


def test_it_answers_to_its_own_frequency() -> None:
    time = torch.arange(1000, dtype=torch.float64) / 1000
    drive = 0.05 * torch.sin(2 * math.pi * 20 * time).reshape(-1, 1, 1).expand(-1, 1, 4)
    spikes = run(rv.ResonateAndFire(4, f=np.array([5, 20, 35, 60]) * Hz, reset=None), drive)["spikes"].sum((0, 1))
    assert spikes.argmax() == 1
    assert spikes[1] > 50 > spikes[[0, 2, 3]].max()


@pytest.mark.parametrize("name", ["f", "tau"])
def test_gradients_of_the_oscillation_equal_finite_differences(name: str) -> None:
    x = torch.randn(80, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight = torch.randn(80, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values = {"f": rv.Learn(np.array([5.0, 12.0, 30.0]) * Hz), "tau": rv.Learn(np.array([20.0, 50.0, 90.0]) * ms)}
    layer = rv.ResonateAndFire(3, V_th=1e9, reset=None, **values).layer(dt=1 * ms, dtype=torch.float64)

    def loss() -> torch.Tensor:
        return (layer.observe(x, record=["v"])["v"] * weight).sum()

    loss().backward()
    parameter = dict(layer.named_parameters())[name]
    for k in range(3):
        expected = slope(loss, parameter, k, 1e-6 * float(parameter[k].detach().abs()))
        assert float(parameter.grad[k]) == pytest.approx(expected, rel=1e-5)


def test_wrong_values_are_refused() -> None:
    for f in (10, 10 * ms, rv.Learn(10.0), rv.Uniform(1, 10)):
        with pytest.raises(DimensionError, match=r"is not a frequency: write f=10\*Hz"):
            rv.ResonateAndFire(f=f)
    with pytest.raises(EquationError, match='reset="v -= V_th"'):
        rv.ResonateAndFire(reset="zero")
    with pytest.raises(EquationError, match="omega"):
        rv.ResonateAndFire(omega=3 * Hz)
