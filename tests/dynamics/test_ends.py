"""No stage of an integrator looks beyond the place where an event ends a variable's course."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from ranvier.dynamics.ends import ends
from ranvier.neurons import AdEx, Cell, HodgkinHuxley
from ranvier.units import ms, mV
from tests.dynamics.evaluate import simulate

QUADRATIC = "dv/dt = (v**2 + x)/ms : 1\ndw/dt = (v - w)/(10*ms) : 1\nx : 1 (input)"


def _end(threshold: str, reset: str, **values: object) -> tuple[str, bool] | None:
    cell = Cell("dv/dt = (0.1*v**2 + u)/ms : 1\ndu/dt = -u/ms : 1", threshold=threshold, reset=reset, **values)
    found = ends(cell.system).get("v")
    return None if found is None else (str(found.value), found.upwards)


@pytest.mark.parametrize(
    ("threshold", "reset", "values", "expected"),
    [
        ("v > top", "v = 0", {"top": 3.0}, ("top", True)),
        ("top <= v", "v = 0; u += 1", {"top": 3.0}, ("top", True)),
        ("2*(v - top) > 1", "v = 0", {"top": 3.0}, ("top + 1/2", True)),
        ("v - u > top", "v = 0", {"top": 3.0}, ("top + u", True)),
        ("v < top", "v = 0", {"top": -3.0}, ("top", False)),
        ("v > 3", "v -= 3", {}, None),
        ("v > 3", "u = 0", {}, None),
        ("v > 3 and u > 1", "v = 0", {}, None),
        ("v**2 > 3", "v = 0", {}, None),
    ],
)
def test_where_a_course_ends(threshold: str, reset: str, values: dict, expected: tuple[str, bool] | None) -> None:
    found = _end(threshold, reset, **values)
    assert (found is None) == (expected is None)
    if found and expected:
        assert sp.sympify(found[0]) == sp.sympify(expected[0])
        assert found[1] == expected[1]


def test_a_cell_whose_upstroke_is_its_own_has_no_end() -> None:
    assert ends(HodgkinHuxley().system) == {}
    assert set(ends(AdEx(V_cut=0 * mV).system)) == {"v"}


@pytest.mark.parametrize("method", ["rk2", "rk4"])
@pytest.mark.parametrize("refractory", [None, 1 * ms])
def test_what_follows_a_variable_sees_no_more_than_its_end(method: str, refractory: object) -> None:
    """v ends at 20, so w, which follows it, can rise by at most 0.2 in a step."""
    cell = Cell(QUADRATIC, threshold="v > 20", reset="v = -5", method=method, refractory=refractory)
    run = simulate(cell, 400, 0.1, {"x": 2.0})
    assert run["spike"].sum() > 3
    assert np.abs(np.diff(run["w"], prepend=0)).max() < 0.25


def test_a_refractory_cell_may_pass_its_threshold() -> None:
    """Without (unless refractory) the variable goes on; no event ends it then."""
    text = "dv/dt = (x - v)/(5*ms) : 1\nx : 1 (input)"
    free = Cell(text, method="rk4", emit="v")
    cell = Cell(text, method="rk4", threshold="v > 1", reset="v = 0", refractory=50 * ms)
    start = int(np.flatnonzero(simulate(cell, 100, 0.5, {"x": 3.0})["spike"])[0]) + 1
    np.testing.assert_allclose(
        simulate(cell, start + 60, 0.5, {"x": 3.0})["v"][start:], simulate(free, 60, 0.5, {"x": 3.0})["v"], rtol=1e-12
    )
