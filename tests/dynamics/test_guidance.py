"""Words of Brian2 that the language lacks: the error names the thing, the line and what to write instead."""

from __future__ import annotations

import pytest

from ranvier.dynamics.guidance import FLAGS_ELSEWHERE, NAMES_ELSEWHERE
from ranvier.errors import EquationError
from ranvier.neurons import Cell
from ranvier.units import mV

EXPRESSIONS = {
    "v // 0": ("'v // 0' divides by zero",),
    "mod(v, 0)": ("'mod(v, 0)' divides by zero",),
    "arcsin(2)": ("'arcsin(2)' has no finite real value",),
    "fmod(v, 2)": ("'fmod'", "mod(x, y)"),
    "rint(v)": ("'rint'", "round(x)"),
    "atan(v)": ("'atan'", "arctan(x)"),
    "arctan2(v, 2)": ("'arctan2'", "2*arctan(y/("),
    "erfc(v)": ("'erfc'", "1 - erf(x)"),
    "poisson(3)": ("'poisson'", "rv.Poisson"),
    "timestep(t, dt)": ("'timestep'", "round(t/dt)"),
    "inf": ("'inf'", "1e30"),
    "lastspike": ("'lastspike'", "t_last' = t_last : ms"),
    "where(not_refractory, v, 0)": ("where needs a condition", "not_refractory"),
    "v*not_refractory": ("'not_refractory'", "(unless refractory)"),
    "randn()": ("'randn'", "xi", "rv.Normal"),
    "rand()": ("'rand'", "rv.Uniform", "rv.Plasticity"),
    "rand": ("'rand'", "rv.Uniform"),
    "3*lambda": ("'lambda'", "word of Python", "rename it", "lambda_"),
    "int((v > 1) | (v < 0))": ("'or' instead of |",),
    "where((v > 1) & (v < 3), 1, 0)": ("'and' instead of &",),
    "(v > 1) | (v < 0)": ("'or' instead of |",),
    "v ^ 2": ("** for a power",),
    "int(v)": ("int needs a condition", "int(v > 0)", "floor(v)"),
    "vlot": ("unknown name 'vlot'", "Did you mean"),
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_of_brian_name_what_to_write(expression: str):
    line = f"x = {expression} : 1"
    with pytest.raises(EquationError) as caught:
        Cell(f"dv/dt = -v/(5*ms) : 1\n{line}")
    message = str(caught.value)
    assert [word for word in (*EXPRESSIONS[expression], line) if word not in message] == []
    assert "farad" not in message


def test_thresholds_joined_by_bars_name_or():
    with pytest.raises(EquationError, match=r"'or' instead of \|"):
        Cell("dv/dt = -v/(5*ms) : 1", threshold="(v > 1) | (v < 0)")


@pytest.mark.parametrize("flag", FLAGS_ELSEWHERE)
def test_flags_of_brian_name_what_to_write(flag: str):
    line = f"x : 1 ({flag})"
    with pytest.raises(EquationError) as caught:
        Cell(f"dv/dt = -v/(5*ms) : 1\n{line}")
    assert all(part in str(caught.value) for part in (repr(flag), FLAGS_ELSEWHERE[flag], line))


def test_no_word_is_both_known_and_elsewhere():
    from ranvier.dynamics.functions import FUNCTIONS
    from ranvier.units import UNITS

    assert not NAMES_ELSEWHERE.keys() & (FUNCTIONS.keys() | UNITS.keys())


def test_names_elsewhere_can_still_be_variables():
    assert Cell("di/dt = -i/(5*ms) : 1\nrint = 2*i : 1").system.states == ("i",)


WANG_BUZSAKI = """
dv/dt = (-gNa*m**3*h*(v-ENa)-gK*n**4*(v-EK)-gL*(v-EL)+I)/Cm : volt
m = alpha_m/(alpha_m+beta_m) : 1
alpha_m = 0.1/mV*10*mV/exprel(-(v+35*mV)/(10*mV))/ms : Hz
beta_m = 4*exp(-(v+60*mV)/(18*mV))/ms : Hz
dh/dt = 5*(alpha_h*(1-h)-beta_h*h) : 1
alpha_h = 0.07*exp(-(v+58*mV)/(20*mV))/ms : Hz
beta_h = 1./(exp(-0.1/mV*(v+28*mV))+1)/ms : Hz
dn/dt = 5*(alpha_n*(1-n)-beta_n*n) : 1
alpha_n = 0.01/mV*10*mV/exprel(-(v+34*mV)/(10*mV))/ms : Hz
beta_n = 0.125*exp(-(v+44*mV)/(80*mV))/ms : Hz
I : amp (input)
"""


def test_wang_buzsaki_as_it_is_written_for_brian_is_advanced_or_says_how():
    from ranvier.units import uF, uS

    per = 1e-3
    values = {
        "gL": 0.1 * uS * per,
        "gNa": 35 * uS * per,
        "gK": 9 * uS * per,
        "Cm": 1e-6 * uF * 1e3 * per,
        "EL": -65 * mV,
    }
    values |= {"ENa": 55 * mV, "EK": -90 * mV}
    reasons = Cell(WANG_BUZSAKI, **values).step().reasons
    assert {n: r[0] for n, r in reasons.items()} == {"v": "euler", "h": "exponential_euler", "n": "exponential_euler"}
    Cell(WANG_BUZSAKI, method="rk4", **values)
    with pytest.raises(EquationError, match=r"dv/dt is not linear in 'v'.* use 'rk4', or leave method= out"):
        Cell(WANG_BUZSAKI, method="exponential_euler", **values)
