"""Adjoint and tangent programs: against finite differences, against each other, and with cut resets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.dynamics import Program, Statement, Step, adjoint, choose_saved, tangent
from ranvier.neurons import ALIF, LIF, AdEx, Cell, CurrentLIF, HodgkinHuxley, Izhikevich, TraubMiles
from ranvier.surrogates import ArcTan, FastSigmoid
from ranvier.units import ms
from tests.dynamics.evaluate import compiled, constants, step_surrogate

EVERYTHING = Cell(
    """
    dv/dt = (where(w > 0.3, sin(v), cos(v)) + tanh(v*w) + exprel(v) + g - v)/tau : 1
    dw/dt = (log1p(v*v) + expm1(-w*w) + sigmoid(v) + sqrt(1 + w*w) - abs(w))/tau : 1
    z' = clip(v*w, -2, 2) + maximum(v, w) - minimum(z, 0.5)*exp(-v*v) + log(2 + z*z) + v**3/(1 + w**2) : 1
    g = v/(1 + exp(-w)) + x : 1
    x : 1 (input)
    """,
    threshold="v > theta + 0.1*w and z < 5", reset="v -= theta; w += 0.2*v", tau=5 * ms, theta=0.4,
)  # fmt: skip
SMOOTH = [  # cells without event, and where they live
    Cell(EVERYTHING.equations, tau=5 * ms),
    Cell(
        "dx/dt = y/ms : 1\ndy/dt = -sin(x)*(1 + u)/ms - 0.1*x*y/ms : 1\nu : 1 (input)", method="rk4"
    ),
    Cell("dx/dt = (y - x)*x/tau : 1\ndy/dt = -x*y/tau + u/tau : 1\nu : 1 (input)", method="rk2", tau=3 * ms),
    Cell("dx/dt = (y - x)/tau : 1\ndy/dt = (u - y)/tau : 1\nu : 1 (input)", tau=3 * ms),
]  # fmt: skip
SPIKING = [EVERYTHING, LIF(), ALIF(), CurrentLIF(), AdEx(), Izhikevich(), HodgkinHuxley(), TraubMiles()]
U = sp.Symbol("u")


def point(cell: Cell, step: Step, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Values for everything the program reads, near the cell's own scale, five lanes."""
    out = {n: np.broadcast_to(v, 5).copy() for n, v in constants(cell, step, 0.1).items()}
    for name in (*step.states, *step.counters, *step.streams):
        start = float(getattr(cell.initial.get(name, 0.0), "value", cell.initial.get(name, 0.0)))
        out[name] = start + rng.normal(size=5) * (10.0 if abs(start) > 20 else 0.3)
    for name in step.counters:
        out[name] = np.array([0.0, 0.0, 1.0, 0.0, 2.0])
    for name, value in step_surrogate(cell).items():
        out.setdefault(name, np.full(5, value))
    return out


def dot(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> np.ndarray:
    return sum(np.broadcast_to(a[n], 5) * np.broadcast_to(b[n], 5) for n in a)


def gradients(program: Program, seeds: Mapping[str, np.ndarray], wanted, slope, values):
    reverse = adjoint(program, {n: f"seed_{k}" for k, n in enumerate(seeds)}, wanted, slope)
    forward = compiled(program)(values)
    given = {**forward, **values, **{f"seed_{k}": s for k, s in enumerate(seeds.values())}}
    assert set(reverse.program.reads) <= set(given)
    assert set(reverse.values) <= {*program.reads, *(str(s.target) for s in program.statements)}
    out = compiled(reverse.program)(given)
    return {n: np.broadcast_to(out[f"grad:{n}"], 5) for n in wanted}


@pytest.mark.parametrize("cell", SMOOTH, ids=range(len(SMOOTH)))
def test_adjoint_equals_finite_differences(cell: Cell):
    rng = np.random.default_rng(0)
    step = cell.step()
    program = step.program.only(step.states)
    values = point(cell, step, rng)
    seeds = {n: rng.normal(size=5) for n in step.states}
    found = gradients(program, seeds, program.reads, sp.Integer(0), values)
    call = compiled(program)
    for name in program.reads:
        h = 1e-6
        up, down = (call({**values, name: values[name] + s * h}) for s in (1, -1))
        expected = dot(seeds, {n: (up[n] - down[n]) / (2 * h) for n in seeds})
        assert found[name] == pytest.approx(expected, rel=2e-6, abs=2e-6), name


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("cell", SPIKING, ids=lambda c: c.name)
def test_adjoint_and_tangent_are_transposed(cell: Cell, cut: bool):
    rng = np.random.default_rng(1)
    step = cell.step(surrogate=FastSigmoid())
    program = step.program.only((*step.states, *step.events))
    program = program.cut_resets() if cut else program
    values = point(cell, step, rng)
    values["surrogate_alpha"] = np.full(5, 2.0)
    dots = {n: rng.normal(size=5) for n in program.reads if n not in step.counters}
    seeds = {n: rng.normal(size=5) for n in program.outputs}
    back = gradients(program, seeds, dots, step.surrogate, values)
    forward = tangent(program, {n: f"dot_{n}" for n in dots}, step.surrogate)
    out = compiled(forward)({**values, **{f"dot_{n}": d for n, d in dots.items()}})
    assert dot(back, dots) == pytest.approx(dot(seeds, {n: out[f"dot:{n}"] for n in seeds}), rel=1e-9, abs=1e-12)


def test_the_jump_supplies_the_slope_and_its_width():
    step = LIF(surrogate=ArcTan(alpha=3.0, width=0.5)).step()
    values = {**constants(LIF(surrogate=ArcTan(alpha=3.0, width=0.5)), step, 1.0), "v": 0.0, "x": np.linspace(0, 2, 5)}
    program = step.program.only(("spike",))
    found = gradients(program, {"spike": np.ones(5)}, ("x", "V_th"), step.surrogate, values)
    u = (values["x"] - 1.0) / 0.5
    expected = 3 / 2 / (1 + (np.pi / 2 * 3 * u) ** 2) / 0.5
    assert found["x"] == pytest.approx(expected)
    assert found["V_th"] == pytest.approx(-expected)


@pytest.mark.parametrize(("cut", "through"), [(False, 1.0 - 0.7 * 1.0), (True, 1.0)])
def test_a_cut_reset_hides_the_event_but_not_the_membrane(cut: bool, through: float):
    step = Cell("v' = v + x : 1\nx : 1 (input)", threshold="v > 1", reset="v -= 0.7").step()
    program = step.program.only(("v",))
    program = program.cut_resets() if cut else program
    found = gradients(program, {"v": np.ones(5)}, ("x",), sp.Integer(1), {"v": 0.0, "x": np.linspace(0.5, 1.5, 5)})
    assert found["x"] == pytest.approx(np.full(5, through))


def test_a_reset_to_a_value_carries_the_distance_it_jumps():
    step = Cell("v' = v + x : 1\nx : 1 (input)", threshold="v > 1", reset="v = -2").step()
    x = np.array([0.5, 0.9, 1.1, 1.5, 3.0])
    found = gradients(step.program.only(("v",)), {"v": np.ones(5)}, ("x",), sp.Integer(1), {"v": 0.0, "x": x})
    assert found["x"] == pytest.approx(np.where(x > 1, 0.0, 1.0) + (-2 - x))


def test_refractory_cells_pass_no_gradient_to_their_frozen_variables():
    cell = CurrentLIF()
    step = cell.step(("I",))
    values = {**constants(cell, step, 0.1), "v": -60.0, "I": 0.1, "kick_I": 0.2, "refractory_left": np.arange(5.0)}
    found = gradients(step.program.only(("v", "spike")), {"v": np.ones(5), "spike": np.ones(5)}, ("v", "kick_I"),
                      sp.Integer(1), values)  # fmt: skip
    assert found["v"][1:] == pytest.approx(np.ones(4))
    assert abs(found["kick_I"][0]) > 0
    assert found["kick_I"][1:] == pytest.approx(np.zeros(4))


def test_two_events_each_have_their_own_slope():
    cell = Cell("v' = v + x : 1\nw' = w : 1\nx : 1 (input)", threshold="v > 1", events={"up": ("v > 2", "w += 1")})
    step = cell.step()
    values = {"v": 0.0, "w": 0.0, "x": np.full(5, 1.5)}
    seeds = {"spike": np.full(5, 3.0), "up": np.full(5, 5.0), "w": np.full(5, 7.0)}
    found = gradients(step.program.only(tuple(seeds)), seeds, ("x", "w"), U, values)
    assert found["x"] == pytest.approx(np.full(5, 3 * 0.5 + (5 + 7) * -0.5))
    assert found["w"] == pytest.approx(np.full(5, 7.0))


@st.composite
def programs(draw: st.DrawFn) -> tuple[Program, list[str]]:
    """A random straight-line program over reads r0..r2, and the values an adjoint of it might need."""
    known = [sp.Symbol(f"r{k}") for k in range(3)]
    statements = []
    for k in range(draw(st.integers(1, 7))):
        a, b = draw(st.sampled_from(known)), draw(st.sampled_from(known))
        form = draw(st.sampled_from([lambda a, b: a * b, lambda a, b: sp.sin(a) + b, lambda a, b: a + 2 * b]))
        statements.append(Statement(sp.Symbol(f"s{k}"), form(a, b)))
        known.append(statements[-1].target)
    program = Program(tuple(statements), {"out": known[-1]})
    needed = draw(st.lists(st.sampled_from([str(s) for s in known]), unique=True))
    return program, [n for n in needed if n in program.reads or n.startswith("s")]


@given(programs(), st.sampled_from([{}, {"r0": 0}, {"r0": 0, "r1": 400}, {"s1": 0}]))
@settings(max_examples=60)
def test_every_needed_value_can_be_had_from_what_is_saved(drawn: tuple[Program, list[str]], cost: dict[str, int]):
    program, needed = drawn
    saved = choose_saved(program, needed, cost)
    have = {*saved, *(n for n, c in cost.items() if c == 0)}
    for statement in program.statements:
        if {str(s) for s in statement.expression.free_symbols} <= have:
            have.add(str(statement.target))
    assert set(needed) <= have
    assert sum(cost.get(n, 1000) for n in saved) <= sum(cost.get(n, 1000) for n in set(needed))


@pytest.mark.parametrize("cell", SPIKING, ids=lambda c: c.name)
def test_no_cell_needs_to_save_more_than_its_states_and_streams(cell: Cell):
    step = cell.step()
    seeds = {n: f"l_{n}" for n in (*step.states, "spike")}
    values = adjoint(step.program, seeds, (*step.states, *step.streams), step.surrogate).values
    saved = choose_saved(
        step.program, values, {**dict.fromkeys(step.coefficients, 0), **dict.fromkeys(step.streams, 400)}
    )
    assert len(saved) <= len(step.states) + len(step.counters) + len(step.streams)
