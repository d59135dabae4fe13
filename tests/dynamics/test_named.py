"""Large subexpressions stay names: texts that double from line to line compile, and mean what they say."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.dynamics import read_system
from ranvier.dynamics.integrators import linear_states
from ranvier.errors import EquationError
from ranvier.neurons import Cell
from ranvier.units import UNITS, ms, mV

NONE = UNITS["1"].dimension


def chain(lines: int, body: str = "0.5*sin(x_{k}) + 0.1*x_{k}*x_{k}", first: str = "v") -> str:
    rows = [f"x_{k + 1} = {body.format(k=k)} : 1" for k in range(lines)]
    return "\n".join([f"x_0 = {first} : 1", *rows])


def chained(value: Any, lines: int) -> Any:
    for _ in range(lines):
        value = 0.5 * np.sin(value) + 0.1 * value * value
    return value


def run(text: str, provider: str = "cpu", record: str = "v", steps: int = 20, **given: Any) -> np.ndarray:
    net = rv.Network(dt=0.1 * ms, dtype=torch.float64, provider=provider)
    net.population("p", 3, Cell(text, **given))
    return np.asarray(getattr(net.run(0.1 * steps * ms, record={"p": [record]})["p"], record))


@pytest.mark.parametrize("lines", [8, 10, 40])
@pytest.mark.parametrize("body", ["x_{k}*x_{k} + 1", "x_{k}*sin(x_{k})", "x_{k}*(1 - x_{k})"])
def test_chains_compile_at_once_and_stay_small(lines: int, body: str):
    text = f"dv/dt = x_{lines}/ms : 1\n{chain(lines, body)}"
    start = time.process_time()
    cell = Cell(text, threshold=f"x_{lines} > 1", reset=f"v = x_{lines - 1}")
    statements = cell.step().program.statements
    assert time.process_time() - start < 5
    assert len(statements) < 12 * lines + 20


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("method", ["euler", "rk2", "rk4", None])
def test_a_chain_is_advanced_as_one_function_is(method: str | None, provider: str):
    lines, v = 12, np.array([0.3, -1.2, 2.0])
    text = f"dv/dt = (x_{lines} - v*v)/(3*ms) : 1\n" + chain(lines)
    assert read_system(text, values={}).named
    found = run(text, provider=provider, method=method, v=v.copy())

    def rate(x: np.ndarray) -> np.ndarray:
        return (chained(x, lines) - x * x) / 3

    for row in found:
        k1 = rate(v)
        k2 = rate(v + 0.05 * k1)
        k3 = rate(v + 0.05 * k2)
        k4 = rate(v + 0.1 * k3)
        change = {"rk2": k2, "rk4": (k1 + 2 * k2 + 2 * k3 + k4) / 6}.get(str(method), k1)
        v = v + 0.1 * change
        np.testing.assert_allclose(row, v, rtol=1e-12)


def test_thresholds_resets_updates_and_records_read_names():
    lines, v = 12, np.array([0.3, -1.2, 2.0])
    text = f"v' = v + 0.1*x_{lines} + 0.05 : 1\n" + chain(lines)
    given = {"threshold": f"x_{lines} + v > 0.4", "reset": f"v = x_{lines - 1} - 0.2; v += x_{lines}"}
    found = run(text, v=v.copy(), **given)
    values = run(text, v=v.copy(), record=f"x_{lines}", **given)
    for row, value in zip(found, values, strict=True):
        v = v + 0.1 * chained(v, lines) + 0.05
        fired = chained(v, lines) + v > 0.4
        v = np.where(fired, chained(v, lines - 1) - 0.2, v)
        v = np.where(fired, v + chained(v, lines), v)
        np.testing.assert_allclose(row, v, rtol=1e-12)
        np.testing.assert_allclose(value, chained(v, lines), rtol=1e-12)


def test_gradients_pass_through_names():
    lines = 12
    text = f"dv/dt = (x_{lines} - v)/(3*ms) : 1\n" + chain(lines)
    slopes = []
    for provider in ("cpu", "reference"):
        net = rv.Network(dt=0.1 * ms, dtype=torch.float64, provider=provider)
        net.population("p", 1, Cell(text, v=rv.Learn(0.3)))
        net.run(2 * ms, record={"p": ["v"]}, grad=True)["p"].v[-1].sum().backward()
        slopes.append(next(net.parameters()).grad.item())
    ends = [run(text, v=0.3 + h)[-1, 0] for h in (1e-6, -1e-6)]
    assert slopes == pytest.approx([(ends[0] - ends[1]) / 2e-6] * 2, rel=1e-7)


def test_linear_through_a_name_is_still_linear():
    current = " + ".join(f"g{k}*(E{k} - v)*sin(w*{k + 1})" for k in range(40))
    given = {f"g{k}": 0.1 + 0.01 * k for k in range(40)} | {f"E{k}": float(k - 20) * mV for k in range(40)}
    text = f"I = {current} : mV\ndv/dt = (I - v)/(5*ms) : mV\nw' = w : 1"
    cell = Cell(text, w=0.3, v=2 * mV, **given)
    assert cell.system.named
    assert cell.step().reasons["v"][0] == "exponential_euler"
    slope = (-sum(given[f"g{k}"] * np.sin(0.3 * (k + 1)) for k in range(40)) - 1) / 5
    rest = sum(given[f"g{k}"] * (k - 20) * np.sin(0.3 * (k + 1)) for k in range(40)) / 5
    v = 2.0
    for row in run(text, w=0.3, v=2 * mV, **given):
        v = v * np.exp(slope * 0.1) + rest * np.expm1(slope * 0.1) / slope
        np.testing.assert_allclose(row, v, rtol=1e-12)


def test_steps_in_a_name_are_not_taken_for_straight_lines():
    """floor has derivative zero: what it makes of v must not count as free of v."""
    text = (
        "dv/dt = (I - v)/(5*ms) : 1\nI = floor(v)" + "".join(f" + sin({k}*w)" for k in range(60)) + " : 1\nw' = w : 1"
    )
    assert Cell(text).step().reasons["v"][0] == "euler"
    assert "v" not in linear_states(read_system(text))


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_plasticity_reads_names_and_long_codes(provider: str):
    lines = 12
    rule = rv.Plasticity(
        chain(lines, first="0.3*a_trace") + "\nda_trace/dt = -a_trace/(20*ms) : 1",
        on_pre="a_trace += 1; " + "; ".join(["w = 0.5*sin(w) + 0.1*w*w"] * 4) + f"; w += x_{lines}; sent = w + x_3",
    )
    net = rv.Network(dt=1 * ms, dtype=torch.float64, provider=provider)
    net.source("s", rv.SpikeTrains([1, 4, 5] * ms, [0, 0, 0], 1))
    net.population("p", 1, Cell("v' = v : 1"))
    net.connect("s", "p", rv.OneToOne(), weight=0.7, plasticity=rule, to="v")
    found = np.asarray(net.run(10 * ms, record={"p": ["v"]})["p"].v)[-1, 0]
    w, trace, v, last = 0.7, 0.0, 0.0, None
    for at in (1, 4, 5):
        trace = trace * np.exp(-(at - last) / 20) + 1 if last is not None else 1.0
        w, last = chained(w, 4) + chained(0.3 * trace, lines), at
        v += w + chained(0.3 * trace, 3)
    assert found == pytest.approx(v, rel=1e-9)


def test_stimuli_read_names():
    lines = 12
    net = rv.Network(dt=0.1 * ms, dtype=torch.float64)
    text = chain(lines, first="sin(t/ms)").replace(" : 1", "")
    net.source("s", rv.Stimulus(text, 1))
    net.population("p", 1, Cell("v' = I : 1\nI : 1 (input)"))
    net.connect("s", "p", rv.OneToOne(), to="I", weight=1.0)
    found = np.asarray(net.run(1 * ms, record={"p": ["v"]})["p"].v)[:, 0]
    assert found == pytest.approx(chained(np.sin(np.arange(10) * 0.1), lines), rel=1e-12)


BIG = {
    "terms in a row": (" + ".join(["v"] * 10_000), "1,000 terms in a row"),
    "minuses": ("-" * 1_000 + "v", "60 levels"),
    "brackets": ("(" * 300 + "v" + ")" * 300, "60 levels"),
    "digits": ("v*" + "1" * 2_000, "more than 1,000 digits"),
    "a large power": ("v**20000", "10,000"),
    "a tower": ("exp(exp(exp(9)))", "no finite real value"),
    "numbers that multiply": ("v*" + "*".join(["1e200"] * 3), r"exceeds 1e\+300"),
    "conditions": ("int(" + " and ".join(["v > 1"] * 60) + ")", "50 may be"),
    "functions inside each other": ("sin(" * 70 + "v" + ")" * 70, "60 levels"),
}


@pytest.mark.parametrize("case", BIG)
def test_what_is_too_large_is_refused_with_the_bound(case: str):
    text, bound = BIG[case]
    with pytest.raises(EquationError, match=bound):
        Cell(f"dv/dt = {text} : 1")
    with pytest.raises(EquationError, match=bound):
        Cell("v' = v : 1", threshold="v > 1", reset=f"v = {text}")


def test_models_and_texts_have_bounds():
    lines = "\n".join(f"x{k} = sin(v) + cos(v)*{k} : 1" for k in range(5_000))
    with pytest.raises(EquationError, match="may have 12,000"):
        Cell("v' = v : 1\n" + lines)
    with pytest.raises(EquationError, match="200,000"):
        Cell("v' = v : 1" + "\n# long" * 100_000)


def test_900_terms_and_large_powers_compile():
    assert Cell("dv/dt = (" + " + ".join(["v"] * 900) + ")/ms : 1").step().reasons["v"][0] == "exact"
    for power in (400, 3_000):
        found = run(f"v' = (v + 1)**{power} : 1", v=1e-3, steps=1)
        assert found[0, 0] == pytest.approx(1.001**power, rel=1e-9)


def test_a_block_of_very_many_linear_equations_is_advanced_one_by_one():
    text = "\n".join(f"dx{k}/dt = (x{(k + 1) % 70} - x{k})/ms : 1" for k in range(70))
    assert {reason for reason, _ in Cell(text).step().reasons.values()} == {"exponential_euler"}
    with pytest.raises(EquationError, match="more than 64 that depend on each other"):
        Cell(text, method="exact")


def test_a_subexpression_of_zero_divides_nothing():
    for text in ("x = 0 : 1\nv' = v/x : 1", "x = 0 : 1\ny = (v/x)**3 : 1\nv' = y : 1"):
        with pytest.raises(EquationError, match="no finite real value"):
            Cell(text)
    with pytest.raises(EquationError, match="no finite real value"):
        Cell("x = 0 : 1\nv' = v : 1", threshold="v > 1", reset="v = 1/x")


def test_powers_of_fractions_stay_short():
    assert run("v' = v + (3000**-1)**2000 : 1", v=0.5)[-1, 0] == 0.5


def test_functions_of_constant_subexpressions_are_numbers():
    text = "w = 1/expm1(40) : 1\nx = w : 1\nv' = tanh(x)/(exprel(sin(w)**20) + 1) + cos(2*w) : 1"
    assert run(text)[-1, 0] == pytest.approx(1.0, rel=1e-12)
    assert not read_system(text).updates["v"].free_symbols
