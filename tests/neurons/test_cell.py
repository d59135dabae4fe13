"""Cells: values, ports, parts, copies, what explain says, and values that cannot be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import DimensionError, EquationError
from ranvier.neurons import ALIF, LIF, Cell, CurrentLIF, HodgkinHuxley, LeakyReadout, Part
from ranvier.surrogates import Sigmoid
from ranvier.units import Quantity, dimensionless, kHz, ms, mV, nA, nF, uS
from ranvier.values import Learn, Normal, Uniform
from tests.dynamics.evaluate import simulate

LEAK = "dv/dt = (I - v)/tau : mV\nI : mV (input)"


def test_values_are_parameters_or_initial():
    cell = Cell(LEAK, tau=5 * ms, v=Uniform(0 * mV, 1 * mV))
    assert list(cell.parameters) == ["tau"]
    assert list(cell.initial) == ["v"]
    assert (cell.ports, cell.default_port, cell.emit) == (("I", "v"), "I", None)
    assert cell.arrival("I") == "I"


@pytest.mark.parametrize(
    "value",
    [
        5 * ms,
        [4 * ms, 5 * ms],
        np.full(3, 5.0) * ms,
        Quantity(torch.ones(3, requires_grad=True), ms.dimension),
        Uniform(1 * ms, 9 * ms),
        Normal(5 * ms, 1 * ms),
        Learn(5 * ms),
        Learn(Uniform(1 * ms, 9 * ms)),
    ],
)
def test_every_form_of_value(value):
    assert "tau" in Cell(LEAK, tau=value).parameters


@pytest.mark.parametrize(
    ("size", "shape"), [(3, (3,)), ((2, 3), (2, 3)), ([4], (4,)), (np.int64(5), (5,)), (None, None)]
)
def test_sizes(size, shape):
    assert LIF(size).size == shape


def test_what_is_emitted():
    assert LIF().emit == "spike"
    assert LeakyReadout().emit == "v"
    assert Cell("v' = v : 1\ny = 2*v : 1", threshold="v > 1", emit="y").emit == "y"
    assert Cell("v' = v : 1", events={"up": ("v > 1", "")}, emit="up").emit == "up"


def test_a_copy_with_other_values_keeps_everything_else():
    cell = CurrentLIF(7, method="rk2", surrogate=Sigmoid(), events={"low": ("v < -90*mV", "")})
    copy = cell.with_values(tau_m=30 * ms, refractory=5 * ms)
    assert (copy.size, copy.method, copy.surrogate, copy.emit, copy.name) == (
        (7,),
        "rk2",
        cell.surrogate,
        "spike",
        "lif",
    )
    assert list(copy.events) == ["low"]
    assert (copy.values["tau_m"], copy.values["refractory"]) == (30 * ms, 5 * ms)
    assert cell.values["tau_m"] == 10 * ms


def test_one_text_is_read_once():
    def made(text: str = "dv/dt = -v/tau : mV", **values: object) -> Cell:
        return Cell(text, threshold="v > V_th", **{"tau": 10 * ms, "V_th": 5 * mV, **values})

    one, other = made(), made().with_values(tau=20 * ms)
    assert one.system is other.system
    assert one.step() is other.step()
    assert one.step(("v",)) is not one.step()
    assert made("dv/dt = -2*v/tau : mV").system is not one.system
    assert made(v=1 * mV).system.parameters == one.system.parameters == ("tau", "V_th")
    with pytest.raises(DimensionError, match="compare"):
        made(V_th=5 * ms)


def test_parts_add_equations_and_values():
    adapting = Part("da/dt = -a/tau_a : mV\nI += -a : mV", tau_a=50 * ms)
    cell = Cell(LEAK, threshold="v > 1*mV", reset="v = 0", tau=5 * ms) + adapting
    assert cell.system.states == ("v", "a")
    assert cell.emit == "spike"
    run = simulate(cell.with_values(a=0.5 * mV), 1, 0.1, {"I": 2.0})
    assert run["I:out"][0] == pytest.approx(2 - run["a"][0])
    assert "Part('da/dt" in repr(adapting)


def test_parts_add_to_parts_and_take_the_unit_of_the_port():
    both = Part("dI/dt = -I/tau_s : {I}", tau_s=2 * ms) + Part("dI_rise/dt = -I_rise/tau_r : {I}", tau_r=1 * ms)
    cell = Cell(LEAK, tau=5 * ms) + both
    assert cell.system.dimensions["I_rise"] == mV.dimension
    assert cell.default_port == "I"


def test_arrivals_can_be_redirected():
    part = Part("dI/dt = (x - I)/tau_s : mV\ndx/dt = -x/tau_s : mV", arrivals={"I": "x"}, tau_s=2 * ms)
    cell = Cell(LEAK, tau=5 * ms) + part
    assert cell.arrival("I") == "x"
    assert cell.with_values(tau=6 * ms).arrival("I") == "x"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Cell(LEAK, tau=0 * ms), EquationError, ("tau=0 ms", "positive")),
        (lambda: Cell(LEAK, tau=-3 * ms), EquationError, ("tau=-3 ms", "above 0")),
        (lambda: Cell(LEAK, tau=np.array([5.0, -1.0]) * ms), EquationError, ("tau", "positive")),
        (lambda: Cell(LEAK, tau=Learn(5 * ms, min=-1 * ms)), EquationError, ("tau", "positive")),
        (lambda: Cell(LEAK, tau=Uniform(-1 * ms, 5 * ms)), EquationError, ("tau", "positive")),
        (lambda: HodgkinHuxley(area=0 * ms), EquationError, ("area", "positive")),
        (lambda: Cell(LEAK, tau=float("nan") * ms), EquationError, ("tau", "finite")),
        (lambda: Cell(LEAK, tau=np.array([1, np.inf]) * ms), EquationError, ("tau", "finite")),
        (lambda: Cell(LEAK, tau="5 ms"), EquationError, ("tau='5 ms'", "give a number")),
        (lambda: Cell(LEAK, tau=None), EquationError, ("tau=None", "give a number")),
        (lambda: Cell(LEAK, tau=5 * ms, tua=3), EquationError, ("'tua'", "correct its name")),
        (lambda: Cell(LEAK, tau=5 * mV), DimensionError, ("dv/dt", "mV/ms")),
        (lambda: CurrentLIF(refractory=-1 * ms), EquationError, ("refractory=-1 ms", "0*ms or more")),
        (lambda: CurrentLIF(refractory=2), DimensionError, ("refractory=2", "2*ms")),
        (lambda: LIF(0), EquationError, ("size=0", "at least one cell")),
        (lambda: LIF(-2), EquationError, ("size=-2", "at least one cell")),
        (lambda: LIF(2.5), EquationError, ("size=2.5", "whole number")),
        (lambda: LIF(True), EquationError, ("size=True", "whole number")),
        (lambda: LIF(()), EquationError, ("size=()", "at least one cell")),
        (lambda: LIF((3, 0)), EquationError, ("size=(3, 0)", "at least one cell")),
        (lambda: LIF("3"), EquationError, ("size='3'", "whole number")),
        (lambda: LIF() + Part("dv/dt = 0 : 1"), EquationError, ("'v'", "twice")),
        (lambda: LIF() + Part("y = 2 : 1", tau=3 * ms), EquationError, ("'tau'", "rename")),
        (lambda: LIF() + Part("dg/dt = -g/ms : {g}"), EquationError, ("'g'", "the cell has x", "give the part a unit")),
        (lambda: Part("a = 1 : 1", k=1) + Part("b = 1 : 1", k=2), EquationError, ("'k'", "rename")),
        (lambda: Cell(LEAK, tau=5 * ms, arrivals={"I": "q"}), EquationError, ("'q'", "name a port")),
        (lambda: LIF().step(("q",)), EquationError, ("'q'", "v")),
    ],
)
def test_values_that_cannot_be(make, error, words):
    with pytest.raises(error) as caught:
        make()
    assert not [w for w in words if w not in str(caught.value)], str(caught.value)


def test_only_parts_can_be_added():
    with pytest.raises(TypeError):
        LIF() + LIF()
    with pytest.raises(TypeError):
        Part("y = 1 : 1") + 3


def test_explain_tells_equations_reasons_and_the_step():
    text = CurrentLIF().explain(("I",))
    for words in (
        "dv/dt = (E_L - v + R*(I + I_e))/tau_m : mV (unless refractory)",
        "spike: when v >= V_th do v = V_r",
        "v: exact (linear with constant coefficients)",
        "refractory: exactly round(refractory/dt) further steps",
        "exponential and integral of the 2x2 system over dt",
        "I_arrived = I + kick_I",
    ):
        assert words in text
    assert "slow: when v > 0 do nothing" in Cell("v' = v : 1", events={"slow": ("v > 0", "")}).explain()


def test_cells_print_their_values():
    assert repr(LIF(tau=Learn(10 * ms))).startswith("lif(tau=Learn(10 ms")
    assert "V_th=1.0" in repr(LIF())


def test_discrete_lif_and_read_out():
    x = np.array([0.8, 0.8, 0.0, 0.0])
    beta = np.exp(-1 / 20)
    run = simulate(LIF(), 4, 1.0, {"x": x})
    expected, v, spikes = [], 0.0, []
    for drive in x:
        v = beta * v + drive
        spikes.append(float(v > 1))
        v -= v > 1
        expected.append(v)
    assert run["v"] == pytest.approx(expected)
    assert run["spike"].tolist() == spikes
    out = simulate(LeakyReadout(tau=5 * ms), 400, 1.0, {"x": 2.0})
    assert out["v"][-1] == pytest.approx(2.0)


def test_adaptive_threshold_rises_with_every_spike():
    run = simulate(ALIF(), 500, 1.0, {"x": 0.3})
    gaps = np.diff(np.flatnonzero(run["spike"]))
    assert gaps[:5].mean() < gaps[-5:].mean()
    assert run["a"].max() < 1.0


def test_current_driven_cell_reaches_its_steady_voltage():
    run = simulate(CurrentLIF(I_e=0.2 * nA), 2000, 0.1)
    assert run["v"][-1] == pytest.approx(-65 + 40 * 0.2, rel=1e-6)
    assert run["spike"].sum() == 0


def test_units_of_values_may_be_any_of_their_dimension():
    fast = Cell("dx/dt = -k*x : 1", k=100 * kHz / 1000, x=1.0)
    assert simulate(fast, 1, 1.0)["x"][0] == pytest.approx(np.exp(-0.1))
    assert (dimensionless * 3 * uS).dimension == uS.dimension


def test_what_is_above_0_follows_from_the_equations_and_the_unit() -> None:
    """A time, a capacitance or an area by which equations divide; no name tells."""

    def cell(text: str, **values: object) -> rv.Cell:
        return rv.Cell(f"{text}\nI : nA (input)", **values)  # type: ignore[arg-type]

    for text, wrong in [
        ("dv/dt = (E - v)/T : mV", {"T": -5 * ms}),
        ("dv/dt = (E - v)/T : mV", {"T": 0 * ms}),
        ("dv/dt = I/capacity + 0*E/ms : mV", {"capacity": -1 * nF}),
        ("dv/dt = (E - v)/T_v : mV\nT_v = 2*T : ms", {"T": -5 * ms}),
        ("v' = exp(-dt/decay)*v + 0*E : mV", {"decay": rv.Learn(-1 * ms)}),
    ]:
        with pytest.raises(EquationError, match=f"{next(iter(wrong))}=.*the equations divide by it.*must be positive"):
            cell(text, E=-60 * mV, **wrong)
    slope = cell("dv/dt = (E - v)*exp(v/tau_k)/T : mV", E=-60 * mV, tau_k=-5 * mV, T=5 * ms)
    ahead = cell("dv/dt = (E - v)*int(t > tau_0)/T : mV", E=-60 * mV, tau_0=-5 * ms, T=rv.Learn(5 * ms))
    assert (slope.positive, ahead.positive) == (frozenset({"T"}), frozenset({"T"}))
    net = rv.Network(dt=1 * ms)
    assert net.population("ahead", 1, ahead) == "ahead"
    assert net.populations["ahead"].bounds["T"] == (1e-3, None)
    net.population("fast", 1, cell("dv/dt = (E - v)/T : mV", E=-60 * mV, T=rv.Learn(5e-4 * ms)))
    assert net.populations["fast"].values()["T"].item() == pytest.approx(5e-4)
    with pytest.raises(EquationError, match=r"b.T=.* draws -.*must be positive.*low="):
        net.population("b", 50, cell("dv/dt = (E - v)/T : mV", E=-60 * mV, T=rv.Normal(0 * ms, 5 * ms)))
