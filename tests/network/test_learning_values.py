"""Parameters and initial values learn: with bounds, one for all or one for each."""

from __future__ import annotations

import math

import pytest
import torch

import ranvier as rv
from ranvier.units import ms, mV

X = torch.ones(6, 2, 3, dtype=torch.float64)


def net(cell: rv.Cell) -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(rv.Linear(3, 4), cell, dt=1 * ms, dtype=torch.float64)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_a_value_without_bounds(provider: str) -> None:
    made = net(rv.LIF(4, V_th=rv.Learn(0.3)))
    made.provider = provider
    made(X)[0].sum().backward()
    assert made.populations["lif1"].V_th.grad != 0


@pytest.mark.parametrize(("given", "used"), [(5.0, 5.0), (0.5, 1.0), (90.0, 20.0)])
def test_bounds_hold_in_the_forward_pass_and_let_gradient_pass(given: float, used: float) -> None:
    cell = rv.LeakyReadout(4, tau=rv.Learn(5 * ms, min=1 * ms, max=20 * ms))
    made, plain = net(cell), net(rv.LeakyReadout(4, tau=used * ms))
    with torch.no_grad():
        made.populations["readout1"].tau.fill_(given)
    out, _ = made(X)
    torch.testing.assert_close(out, plain(X)[0], rtol=1e-12, atol=1e-12)
    out.sum().backward()
    assert made.populations["readout1"].tau.grad != 0


def test_a_time_constant_stays_positive_by_itself() -> None:
    made = net(rv.LeakyReadout(4, tau=rv.Learn(5 * ms)))
    with torch.no_grad():
        made.populations["readout1"].tau.fill_(-3)
    assert torch.isfinite(made(X)[0]).all()


def test_each_cell_may_learn_its_own() -> None:
    for value, shape in (
        (rv.Learn(5 * ms), ()),
        (rv.Learn(5 * ms, each=True), (4,)),
        (rv.Learn(rv.Uniform(3 * ms, 9 * ms)), (4,)),
    ):
        made = net(rv.LeakyReadout(4, tau=value))
        tau = made.populations["readout1"].tau
        assert tau.shape == shape
        made(X)[0].square().sum().backward()
        assert (tau.grad != 0).all()


def test_the_gradient_of_a_time_constant_is_right() -> None:
    """v = (1 - beta^T) x for constant x: dv/dtau = -T beta^T / tau^2 times x dt."""
    made = rv.Sequential(rv.LeakyReadout(1, tau=rv.Learn(5 * ms)), dt=1 * ms, dtype=torch.float64)
    out, _ = made(torch.ones(6, 1, 1))
    out[-1].sum().backward()
    tau = made.populations["readout1"].tau
    assert float(tau.grad) == pytest.approx(-6 / 25 * math.exp(-6 / 5), rel=1e-10)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_initial_values_learn(provider: str) -> None:
    """v after one step of a readout: beta v0; summed over the batch."""
    made = rv.Sequential(
        rv.LeakyReadout(3, tau=5 * ms, v=rv.Learn(0.5, max=1.0)), dt=1 * ms, dtype=torch.float64, provider=provider
    )
    out, _ = made(torch.zeros(1, 2, 3))
    torch.testing.assert_close(out, torch.full((1, 2, 3), 0.5 * math.exp(-0.2), dtype=torch.float64))
    out.sum().backward()
    start = dict(made.named_parameters())["readout1.v_0"]
    assert float(start.grad) == pytest.approx(6 * math.exp(-0.2), rel=1e-12)


def test_units_are_kept() -> None:
    cell = rv.Cell("dv/dt = (E - v)/tau : mV", emit="v", E=rv.Learn(-60 * mV), tau=5 * ms, v=-50 * mV)
    made = rv.Network(dt=1 * ms)
    made.population("cells", 2, cell)
    assert float(made.populations["cells"].E) == -60.0
    assert made.run(1 * ms, stream=0, record={"cells": ["v"]})["cells"].v[0, 0] == pytest.approx(
        -60 + 10 * math.exp(-0.2), rel=1e-6
    )
