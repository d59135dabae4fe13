"""The threshold follows the membrane by its formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import DimensionError, EquationError
from ranvier.units import ms, mV

DOUBLE = torch.float64


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_it_is_the_formula(provider: str) -> None:
    cell = rv.DynamicThreshold(rv.LIF(4, tau=8 * ms), tau_theta=5 * ms, slope=0.3, gain=0.7, start=0.4, softness=0.01)
    net = rv.Sequential(cell, dt=1 * ms, dtype=DOUBLE, provider=provider)
    x = torch.rand(30, 2, 4, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    seen = net.observe(x, record={"lif1": ["v", "theta", "spikes"]})["lif1"]
    v, theta, beta, rho = 0.0, 0.0, np.exp(-1 / 8), np.exp(-1 / 5)
    for n, row in enumerate(x.numpy()):
        v = beta * v + row
        theta = rho * theta + (1 - rho) * (0.3 * v + 0.7 * 0.01 * np.logaddexp(0, (v - 0.4) / 0.01))
        spikes = v > 1 + theta
        v = v - spikes * (1 + theta)
        np.testing.assert_allclose(seen["theta"][n], theta, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(seen["v"][n], v, rtol=1e-12, atol=1e-12)
        assert np.array_equal(seen["spikes"][n].numpy() > 0, spikes)
    assert float(seen["spikes"].mean()) > 0.05


def test_a_slow_rise_does_not_fire_where_a_fast_one_does() -> None:
    cell = rv.DynamicThreshold(rv.IF(1), tau_theta=5 * ms, slope=1.0, gain=0.0)
    net = rv.Sequential(cell, dt=1 * ms)
    slow, fast = torch.full((40, 1, 1), 0.05), torch.zeros(40, 1, 1)
    fast[0] = 2.0
    assert float(net(slow)[0].sum()) == 0
    assert float(net(fast)[0].sum()) == 1


def test_units_and_mistakes() -> None:
    cell = rv.DynamicThreshold(rv.CurrentLIF(3), start=-60 * mV, softness=2 * mV)
    assert str(cell.system.dimensions["theta"]) == str(cell.system.dimensions["v"])
    with pytest.raises(DimensionError):
        rv.DynamicThreshold(rv.CurrentLIF(3))
    for cell, words in (
        (3, "3 is not a cell"),
        (rv.LeakyReadout(3), "does not compare 'v' with 'V_th'"),
        (rv.Izhikevich(3), "name them with variable=… and threshold=…"),
    ):
        with pytest.raises(EquationError, match=words):
            rv.DynamicThreshold(cell)  # type: ignore[arg-type]
    with pytest.raises(EquationError, match=r"softness=-0\.1 must be above 0"):
        rv.DynamicThreshold(rv.LIF(3), softness=-0.1)
