"""Synaptic kernels against their closed forms, alone and composed with cells."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.errors import EquationError, RanvierError
from ranvier.neurons import LIF, AdEx, Cell
from ranvier.synapses import Alpha, Conductance, DoubleExponential, Exponential
from ranvier.units import ms, mV, nA
from tests.dynamics.evaluate import simulate

CELL = Cell("dv/dt = g*ms**-1*mV/uS : mV\ng : uS (input)")


def response(part, steps: int = 400, dt: float = 0.1) -> np.ndarray:
    """The port after a kick of 3 uS in step 0, at t = dt, 2*dt, …"""
    cell = CELL + part
    kick = np.zeros(steps)
    kick[0] = 3.0
    return simulate(cell, steps, dt, kicks={cell.arrival("g"): kick}, only=("g:out",))["g"]


T = 0.1 * np.arange(1, 401)


def test_exponential():
    assert response(Exponential("g", tau=5 * ms)) == pytest.approx(3 * np.exp(-T / 5), rel=1e-12)


def test_alpha_peaks_at_its_weight_after_tau():
    g = response(Alpha("g", tau=4 * ms))
    assert g == pytest.approx(3 * T / 4 * np.exp(1 - T / 4), rel=1e-9)
    assert (g.max(), T[g.argmax()]) == (pytest.approx(3.0), pytest.approx(4.0))


@pytest.mark.parametrize(("rise", "decay"), [(1.0, 8.0), (8.0, 1.0), (3.0, 3.0), (3.0, 3.0 + 1e-7), (0.5, 20.0)])
def test_double_exponential_peaks_at_its_weight(rise: float, decay: float):
    g = response(DoubleExponential("g", tau_rise=rise * ms, tau_decay=decay * ms), 4000, 0.01)
    assert g.max() == pytest.approx(3.0, rel=1e-4)
    t = 0.01 * np.arange(1, 4001)
    if rise == decay:
        assert g == pytest.approx(3 * t / rise * np.exp(1 - t / rise), rel=1e-8)
    elif abs(rise - decay) > 1e-3:
        shape = np.exp(-t / decay) - np.exp(-t / rise)
        assert g == pytest.approx(3 * shape / shape[np.abs(shape).argmax()], rel=1e-3)


def test_the_unit_is_that_of_the_port_or_the_one_given():
    assert (LIF() + Exponential("x", tau=5 * ms)).system.dimensions["x"].is_none
    cell = Cell("dv/dt = -v/ms : mV") + Alpha("g", tau=5 * ms, unit=nA)
    assert cell.system.dimensions["g_rise"] == nA.dimension
    with pytest.raises(EquationError, match=r"'g'.*give the part a unit"):
        LIF() + Exponential("g", tau=5 * ms)


def test_arrivals_enter_where_the_kernel_begins():
    assert (CELL + Exponential("g", tau=5 * ms)).arrival("g") == "g"
    assert (CELL + Alpha("g", tau=5 * ms)).arrival("g") == "g_rise"
    assert (CELL + Alpha("g", tau=5 * ms)).default_port == "g"


def test_a_synapse_before_a_discrete_cell():
    cell = LIF(tau=10 * ms, V_th=100.0) + Exponential("x", tau=5 * ms)
    run = simulate(cell, 30, 1.0, kicks={"x": np.full(30, 0.5)}, only=("v:out",))
    v = x = 0.0
    for n in range(30):
        x += 0.5
        v, x = np.exp(-0.1) * v + x, np.exp(-0.2) * x
        assert run["v"][n] == pytest.approx(v)


def test_linear_kernels_stay_exact_beside_a_nonlinear_cell():
    cell = (
        AdEx(method=None) + Conductance("g_e", E=0 * mV) + DoubleExponential("g_e", tau_rise=1 * ms, tau_decay=5 * ms)
    )
    reasons = {n: m for n, (m, _) in cell.step().reasons.items()}
    assert reasons == {"v": "euler", "w": "exponential_euler", "g_e": "exact", "g_e_rise": "exact"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CELL + Exponential("g", tau=0 * ms), ("tau_g", "positive")),
        (lambda: CELL + Exponential("g", tau=5 * ms, unit=nA), ("'g'", "nA", "uS", "one unit")),
        (lambda: CELL + Exponential("g", tau=5), ("dg/dt",)),
        (lambda: CELL + Exponential("g", tau=5 * ms) + Exponential("g", tau=6 * ms), ("'tau_g'", "rename")),
        (lambda: CELL + Alpha("v", tau=5 * ms), ("'v'", "the cell has g")),
    ],
)
def test_mistakes(make, words: tuple[str, ...]):
    with pytest.raises(RanvierError) as caught:
        make()
    assert not [w for w in words if w not in str(caught.value)], str(caught.value)
