"""Which names of a step are float64 in networks of any dtype, and how its comparisons read times."""

from __future__ import annotations

import pytest

import ranvier as rv
from ranvier.dynamics import Step, assigned_times, exact_step, time_apart
from ranvier.units import ms, mV


def made(text: str, **how: object) -> Step:
    return exact_step(time_apart(rv.Cell(text, **how).step()))


def test_variables_in_ms_and_what_grows_with_the_time_are_exact() -> None:
    step = made(
        "dv/dt = (exp(-(t - last)/(5*ms)) + sin(t/ms) - v)/(9*ms) : 1\nlast' = last : ms\nfree = last + 2*ms : ms\nage = t - last : ms",
        threshold="v > 1",
        reset="last = t",
    )
    assert {"last", "last:out", "free:out"} <= step.exact
    assert not {"v", "v:out", "age:out", "spike"} & step.exact
    waves = [n for n, e in step.clock.outputs.items() if e.has(rv.dynamics.functions.FUNCTIONS["sin"][0])]
    assert waves
    assert not {*waves} & step.exact, "a wave does not grow"


@pytest.mark.parametrize(
    "text",
    [
        "dv/dt = -v/tau : mV\ntau = 5*ms + v*ms/mV : ms",
        "dv/dt = (slope*t - v)/(5*ms) : mV\nsince = 3*ms*exp(-t/(5*ms)) : ms",
        "dv/dt = (slope*t - v)/(5*ms) : mV\ntau = 5*ms + v*ms/mV : ms",
    ],
)
def test_other_steps_stay_what_they_are(text: str) -> None:
    step = time_apart(rv.Cell(text, **({"slope": 1 * mV / ms} if "slope" in text else {})).step())
    assert exact_step(step) is step


def test_steps_that_differ_in_what_is_exact_have_kernels_of_their_own() -> None:
    one, other = (made(f"x' = x + y : {unit}\ny : {unit} (input)") for unit in ("ms", "mV"))
    assert one.program.key == other.program.key
    assert one.key != other.key


def test_a_comparison_reads_through_a_difference_of_times() -> None:
    step = made("last' = last : ms", threshold="t - last >= gap", reset="last = t", gap=3 * ms)
    (apart,) = (s for s in step.program.statements if str(s.target).endswith(":apart"))
    assert {str(a) for a in apart.expression.args} in ({"t", "gap + last_advanced"}, {"t", "last_advanced + gap"})


def test_a_reset_to_a_number_that_grows_is_found() -> None:
    step = made(
        "v' = v : 1\nn' = n : 1\nm' = m : 1\nlast' = last : ms",
        threshold="v > 1",
        reset="n = t/ms\nm = (t - last)/ms\nlast = t",
    )
    assert assigned_times(step) == {"n"}
