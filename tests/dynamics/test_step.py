"""The step's one rule: arrive, advance, fire, reset; refractoriness; frozen variables; several events."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from ranvier.dynamics import COUNTER
from ranvier.neurons import Cell
from ranvier.units import ms, mV
from tests.dynamics.evaluate import simulate


def test_arrival_on_a_state_is_added_before_it_is_advanced():
    run = simulate(Cell("v' = 0.5*v : 1"), 3, 1.0, kicks={"v": np.array([8.0, 0.0, 2.0])})
    assert run["v"].tolist() == [4.0, 2.0, 2.0]


def test_arrival_on_an_input_is_its_value_during_the_step():
    run = simulate(Cell("v' = 0.5*v + x : 1\nx : 1 (input)"), 3, 1.0, {"x": np.array([8.0, 0.0, 2.0])})
    assert run["v"].tolist() == [8.0, 4.0, 4.0]


def test_updates_read_the_start_of_the_step():
    run = simulate(Cell("a' = b : 1\nb' = a : 1", a=1.0, b=2.0), 2, 1.0)
    assert (run["a"].tolist(), run["b"].tolist()) == ([2.0, 1.0], [1.0, 2.0])


def test_fire_on_the_advanced_state_then_reset_then_show():
    cell = Cell("v' = v + 0.4 : 1\ntwice = 2*v : 1", threshold="v >= 1", reset="v -= 1")
    run = simulate(cell, 4, 1.0)
    assert run["spike"].tolist() == [0, 0, 1, 0]
    assert run["v:out"] == pytest.approx([0.4, 0.8, 0.2, 0.6])
    assert run["twice:out"] == pytest.approx([0.8, 1.6, 0.4, 1.2])


def test_reset_statements_follow_each_other():
    cell = Cell("v' = v + 1 : 1\nw' = w : 1", threshold="v > 0", reset="v = 3; w += v; v = 0")
    run = simulate(cell, 2, 1.0)
    assert (run["v"].tolist(), run["w"].tolist()) == ([0.0, 0.0], [3.0, 6.0])


@pytest.mark.parametrize(
    ("condition", "fires"),
    [
        ("v > 1", [0, 0, 1]),
        ("v >= 1", [0, 1, 1]),
        ("1 < v", [0, 0, 1]),
        ("v > 0 and v < 2", [0, 1, 0]),
        ("0 < v < 2", [0, 1, 0]),
        ("v < 1 or v > 1", [1, 0, 1]),
        ("not v < 1", [0, 1, 1]),
        ("v == 1", [0, 1, 0]),
        ("v*v - 1 > v", [0, 0, 1]),
    ],
)
def test_conditions(condition: str, fires: list[int]):
    run = simulate(Cell("v' = v + 1 : 1", threshold=condition, v=-1.0), 3, 1.0)
    assert run["spike"].tolist() == fires


@given(duration=st.floats(0, 3), dt=st.sampled_from([0.1, 0.25, 1.0]))
def test_refractoriness_lasts_round_t_ref_over_dt_further_steps(duration: float, dt: float):
    assume(
        abs(duration / dt % 1 - 0.5) > 1e-6
    )  # a half that rounding alone keeps from being one goes to the even number, too
    cell = Cell("v' = v : 1", threshold="v > 0", refractory=duration * ms, v=1.0)
    fired = np.flatnonzero(simulate(cell, 80, dt)["spike"])
    assert set(np.diff(fired)) == {1 + round(duration / dt)}


@pytest.mark.parametrize("condition", ["v > 0", "v > 0 or w > 0", "v == 1", "not v < 0"])
def test_no_condition_fires_while_refractory(condition: str):
    cell = Cell("v' = v : 1\nw' = w : 1", threshold=condition, refractory=2 * ms, v=1.0)
    assert simulate(cell, 7, 1.0)["spike"].tolist() == [1, 0, 0, 1, 0, 0, 1]


def test_other_events_do_not_wait_for_the_refractory_period():
    cell = Cell(
        "v' = v + 1 : 1\nn' = n : 1", threshold="v > 0", refractory=5 * ms, events={"tick": ("v > 0", "n += 1")}
    )
    run = simulate(cell, 4, 1.0)
    assert run["spike"].tolist() == [1, 0, 0, 0]
    assert run["tick"].tolist() == [1, 1, 1, 1]
    assert run["n"].tolist() == [1, 2, 3, 4]


def test_events_see_what_earlier_ones_left():
    cell = Cell("v' = v + 1 : 1", threshold="v > 0", reset="v = -2", events={"low": ("v < -1", "v = 10")})
    run = simulate(cell, 1, 1.0)
    assert (run["spike"][0], run["low"][0], run["v"][0]) == (1, 1, 10)


def test_frozen_variables_are_neither_advanced_nor_kicked():
    cell = Cell(
        "dv/dt = 1/ms : 1 (unless refractory)\ndw/dt = 1/ms : 1", threshold="v > 0.5", reset="v = 0", refractory=2 * ms
    )
    run = simulate(cell, 5, 1.0, kicks={"v": np.full(5, 10.0), "w": np.full(5, 10.0)})
    assert run["spike"].tolist() == [1, 0, 0, 1, 0]
    assert run["v"].tolist() == [0, 0, 0, 0, 0]
    assert run["w"].tolist() == [11, 22, 33, 44, 55]


def test_a_frozen_update_and_the_counter_it_follows():
    cell = Cell("v' = v + 1 : 1 (unless refractory)", threshold="v > 1", reset="v = 0", refractory=3 * ms)
    run = simulate(cell, 6, 1.0)
    assert run["v"].tolist() == [1, 0, 0, 0, 0, 1]
    assert run[COUNTER].tolist() == [0, 3, 2, 1, 0, 0]


LINEAR = "dv/dt = (2 - v)/tau : 1 (unless refractory)\ndw/dt = (v - w)/tau_w : 1"
CURVED = "dv/dt = (2 - v)/tau : 1 (unless refractory)\ndw/dt = (v*v - w*w)/tau_w : 1"


@pytest.mark.parametrize(
    ("text", "method", "dt", "tolerance"),
    [(LINEAR, None, 0.1, 1e-9), (LINEAR, "exact", 0.1, 1e-9), (CURVED, "rk4", 0.05, 1e-7), (CURVED, "rk2", 0.01, 1e-4)],
)
def test_what_depends_on_a_frozen_variable_equals_solve_ivp_piece_by_piece(
    text: str, method: str | None, dt: float, tolerance: float
):
    cell = Cell(
        text, method=method, threshold="v > 1", reset="v = 0.3", refractory=1 * ms, tau=5 * ms, tau_w=2 * ms, w=0.5
    )
    steps = round(12 / dt)
    run = simulate(cell, steps, dt)
    assert 2 <= run["spike"].sum() <= 5
    state, wait = np.array([0.0, 0.5]), 0
    for n in range(steps):
        free = wait == 0

        def rate(_, s, free=free):
            v, w = s
            slow = v - w if text == LINEAR else v * v - w * w
            return [(2 - v) / 5 if free else 0.0, slow / 2]

        state = solve_ivp(rate, (0, dt), state, rtol=1e-10, atol=1e-12).y[:, -1]
        wait = max(wait - 1, 0)
        if free and state[0] > 1:
            state[0], wait = 0.3, round(1 / dt)
        assert run["v"][n] == pytest.approx(state[0], abs=tolerance * (n + 1))
        assert run["w"][n] == pytest.approx(state[1], abs=tolerance * (n + 1))


def test_time_is_that_at_the_start_of_the_step():
    run = simulate(Cell("v' = t/ms : 1"), 3, 0.5)
    assert run["v"].tolist() == [0.0, 0.5, 1.0]


def test_structure_alone_makes_the_key():
    def key(threshold: str = "v > V_th", **values) -> str:
        return Cell("dv/dt = -v/tau : mV", threshold=threshold, reset="v = 0", **values).step().key

    first = key(tau=5 * ms, V_th=1 * mV)
    assert first == key(tau=7 * ms, V_th=2 * mV)
    assert first != key("v >= V_th", tau=5 * ms, V_th=1 * mV)


def test_the_cells_own_names_never_collide_with_the_compilers():
    text = """
    dk1_v/dt = -k1_v/tau : 1
    dv/dt = (k1_v*active*v_advanced - v)/tau : 1
    dE_v_v/dt = -E_v_v/tau : 1
    active : 1
    v_advanced : 1
    u : 1
    y2_v = u*v : 1
    """
    for method in (None, "rk4"):
        cell = Cell(
            text, threshold="v > u", reset="v = 0", refractory=1 * ms, method=method,
            tau=5 * ms, active=2.0, v_advanced=3.0, u=0.25, v=0.1, k1_v=0.5, events={"k2_v": ("v > 2*u", "")},
        )  # fmt: skip
        run = simulate(cell, 3, 0.01)
        assert run["v"][-1] == pytest.approx(0.1 + 0.03 * (0.5 * 6 - 0.1) / 5, rel=1e-2)
        assert run["y2_v:out"][-1] == pytest.approx(0.25 * run["v"][-1])


def test_a_threshold_of_several_terms_has_one_crossing():
    step = Cell("v' = v : 1\nw' = w : 1", threshold="v > 1 and w > 2", reset="v = 0", refractory=1 * ms).step()
    crossings = [s for s in step.program.statements if s.event is not None]
    assert [str(s.expression.args[0]) for s in crossings] == ["v_advanced"]
