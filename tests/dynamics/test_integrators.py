"""Integrators: which is chosen and why, and each against the mathematics it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.special import exprel

from ranvier.errors import EquationError
from ranvier.neurons import Cell
from ranvier.units import kHz, ms, mV
from tests.dynamics.evaluate import simulate

OSCILLATOR = "dx/dt = y/ms : 1\ndy/dt = -x/ms - 0.3*y/ms + drive/ms : 1\ndrive : 1 (input)"
PENDULUM = "dx/dt = y/ms : 1\ndy/dt = -sin(x)/ms - 0.1*x*y/ms : 1"


def reason(cell: Cell, name: str) -> str:
    return " ".join(cell.step().reasons[name])


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("dx/dt = -x/tau : 1", {}, "exact linear with constant"),
        ("dx/dt = (u - x)/tau : 1\nu : 1 (input)", {}, "exact"),
        ("dx/dt = (u*u - x)/tau : 1\nu : 1 (input)", {}, "exact"),
        ("dx/dt = -u*x/tau : 1\nu : 1 (input)", {}, "exponential_euler linear in x"),
        ("dx/dt = (t/tau - x)/tau : 1", {}, "exponential_euler"),
        ("dx/dt = (y**2 - x)/tau : 1\ndy/dt = -y/tau : 1", {}, "exponential_euler"),
        ("dx/dt = -x**2/tau : 1", {}, "euler not linear in x"),
        ("dx/dt = (x*(1 - x) + x**2)/tau : 1", {}, "exact"),
        ("dx/dt = (where(x > 1, 1, 0) - x)/tau : 1", {}, "euler not linear in x"),
        ("dx/dt = (floor(x) - x)/tau : 1", {}, "euler not linear in x"),
        ("dx/dt = (sign(y) - x)/tau : 1\ny' = x : 1", {}, "exponential_euler"),
        ("dx/dt = -x/tau + xi*sqrt(2/tau) : 1", {}, "euler_maruyama white noise"),
        ("x' = exp(-dt/tau)*x : 1", {}, "update"),
        ("dx/dt = -x/tau : 1", {"method": "rk4"}, "rk4 asked for"),
        ("dx/dt = -x/tau : 1", {"method": "euler"}, "euler asked for"),
        ("dx/dt = -x/tau : 1", {"method": "exponential_euler"}, "exponential_euler asked for"),
    ],
)
def test_choice_and_its_reason(text: str, values: dict, expected: str):
    found = reason(Cell(text, tau=5 * ms, **values), "x")
    assert all(word in found for word in expected.split())


def test_a_linear_block_ends_where_a_nonlinear_equation_drives_it():
    cell = Cell("da/dt = (b - a)/ms : 1\ndb/dt = (c - b)/ms : 1\ndc/dt = -c**3/ms : 1\ndd/dt = -d/ms : 1")
    assert {n: m for n, (m, _) in cell.step().reasons.items()} == {
        "a": "exponential_euler",
        "b": "exponential_euler",
        "c": "euler",
        "d": "exact",
    }


@pytest.mark.parametrize("dt", [0.01, 0.5, 3.0])
def test_exact_block_equals_the_matrix_exponential(dt: float):
    run = simulate(Cell(OSCILLATOR, method="exact", x=1.0), 20, dt, {"drive": 0.7})
    A, b = np.array([[0, 1], [-1, -0.3]]), np.array([0, 0.7])
    E, rest = expm(A * dt), np.linalg.solve(A, b)
    state = np.array([1.0, 0.0])
    for n in range(20):
        state = E @ (state + rest) - rest
        assert (run["x"][n], run["y"][n]) == pytest.approx(tuple(state), rel=1e-11, abs=1e-12)


def test_exact_block_equals_solve_ivp():
    run = simulate(Cell(OSCILLATOR, x=1.0), 50, 0.2, {"drive": 0.7})
    reference = solve_ivp(lambda _, s: [s[1], -s[0] - 0.3 * s[1] + 0.7], (0, 10), [1.0, 0.0], rtol=1e-11, atol=1e-12).y[
        :, -1
    ]
    assert (run["x"][-1], run["y"][-1]) == pytest.approx(tuple(reference), rel=1e-8)


@pytest.mark.parametrize("second", [5.0, 5.0 + 1e-9, 5.0001, 4.0])
def test_equal_and_nearly_equal_time_constants(second: float):
    text = "dv/dt = (g - v)/tau_m : 1\ndg/dt = -g/tau_s : 1"
    run = simulate(Cell(text, tau_m=5 * ms, tau_s=second * ms, g=1.0), 100, 0.1)
    t = 10.0
    same = abs(second - 5) < 1e-6
    expected = t / 5 * np.exp(-t / 5) if same else (np.exp(-t / 5) - np.exp(-t / second)) / (5 / second - 1)
    assert run["v"][-1] == pytest.approx(expected, rel=1e-6)


def test_singular_matrix_a_pure_integrator():
    run = simulate(Cell("dx/dt = (u + y)/ms : 1\ndy/dt = 2/ms : 1\nu : 1 (input)"), 10, 0.5, {"u": 3.0})
    assert run["y"][-1] == pytest.approx(10.0)
    assert run["x"][-1] == pytest.approx(3 * 5 + 0.5 * 2 * 25)


@pytest.mark.parametrize(
    ("method", "order"), [("euler", 1), ("exponential_euler", 1), ("exponential_midpoint", 2), ("rk2", 2), ("rk4", 4)]
)
def test_order_of_convergence(method: str, order: int):
    text = PENDULUM if not method.startswith("exponential") else "dx/dt = (y - x)/ms : 1\ndy/dt = (-x*x - y)/ms : 1"

    def rate(_, s):
        x, y = s
        return [y, -np.sin(x) - 0.1 * x * y] if not method.startswith("exponential") else [y - x, -x * x - y]

    exact = solve_ivp(rate, (0, 2), [1.0, 0.2], rtol=1e-12, atol=1e-13).y[0, -1]
    error = []
    for steps in (80, 160, 320):
        run = simulate(Cell(text, method=method, x=1.0, y=0.2), steps, 2 / steps)
        error.append(abs(run["x"][-1] - exact))
    assert np.log2(error[0] / error[1]) == pytest.approx(order, abs=0.3)
    assert np.log2(error[1] / error[2]) == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize(("method", "order"), [("rk2", 2), ("exponential_midpoint", 2), ("rk4", 4)])
def test_a_method_keeps_its_order_where_time_is_explicit(method: str, order: int):
    cell = Cell("dx/dt = cos(t/ms)*x/ms : 1", method=method, x=1.0)
    error = [abs(simulate(cell, n, 2 / n)["x"][-1] - np.exp(np.sin(2.0))) for n in (40, 80)]
    assert np.log2(error[0] / error[1]) == pytest.approx(order, abs=0.3)


def test_exponential_euler_is_its_closed_form():
    cell = Cell("dv/dt = g*(E - v)*kHz + h*kHz*mV : mV\ng : 1 (input)\nh : 1 (input)", E=-70 * mV, v=-50 * mV)
    run = simulate(cell, 1, 0.2, {"g": 1.7, "h": 0.3})
    a = -1.7 * 0.2
    assert run["v"][0] == pytest.approx(-50 * np.exp(a) + 0.2 * exprel(a) * (1.7 * -70 + 0.3), rel=1e-14)


def test_exponential_midpoint_is_its_closed_form():
    text = "dv/dt = g*(E - v)*kHz : mV\ndg/dt = -g*kHz : 1"
    run = simulate(Cell(text, method="exponential_midpoint", E=-70 * mV, v=-50 * mV, g=1.7), 1, 0.2)
    assert run["v"][0] == pytest.approx(-70 + 20 * np.exp(-1.7 * np.exp(-0.1) * 0.2), rel=1e-14)
    assert run["g"][0] == pytest.approx(1.7 * np.exp(-0.2), rel=1e-14)


def test_exponential_midpoint_adds_noise_to_the_whole_step():
    noise = np.random.default_rng(3).standard_normal(50)
    text = "dx/dt = -y*x/tau + s*xi : 1\ndy/dt = -0.1*y/tau : 1"
    values = {"tau": 4 * ms, "x": 1.0, "y": 1.0, "method": "exponential_midpoint"}
    run = simulate(Cell(text, s=0.5 * kHz**0.5, **values), 50, 0.1, {"xi": noise})
    x = 1.0
    for n in range(50):
        x = x * np.exp(-0.025 * np.exp(-0.0025 * (n + 0.5))) + np.sqrt(0.1) * 0.5 * noise[n]
        assert run["x"][n] == pytest.approx(x, rel=1e-12)


def test_exponential_midpoint_names_what_is_not_linear():
    with pytest.raises(EquationError, match="so exponential_midpoint cannot advance it"):
        Cell("dx/dt = -x**3/ms : 1", method="exponential_midpoint")


def test_euler_maruyama_with_recorded_noise():
    rng = np.random.default_rng(3)
    noise, other = rng.standard_normal((2, 50))
    cell = Cell("dx/dt = -x/tau + s*xi + r*x*xi_b : 1", tau=4 * ms, s=0.5 * kHz**0.5, r=0.2 * kHz**0.5, x=1.0)
    run = simulate(cell, 50, 0.1, {"xi": noise, "xi_b": other})
    x = 1.0
    for n in range(50):
        x += -0.1 * x / 4 + np.sqrt(0.1) * (0.5 * noise[n] + 0.2 * x * other[n])
        assert run["x"][n] == pytest.approx(x, rel=1e-12)


def test_one_noise_is_shared_and_named_ones_are_apart():
    step = Cell("da/dt = k*xi : 1\ndb/dt = k*xi : 1\ndc/dt = k*xi_c : 1", k=1 * kHz**0.5).step()
    assert step.streams == ("xi", "xi_c")


def test_noise_outside_a_differential_equation_has_its_dimension():
    cell = Cell("x' = 0.5*x + s*xi*sqrt(dt) : 1\nseen = xi*sqrt(dt) : 1", s=2.0)
    run = simulate(cell, 3, 0.25, {"xi": np.array([1.0, -1.0, 2.0])})
    assert run["seen:out"].tolist() == [1.0, -1.0, 2.0]
    assert run["x"].tolist() == [2.0, -1.0, 3.5]
