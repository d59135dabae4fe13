"""Every mistake a user can make in equation text is refused with the name, the line and the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from ranvier.errors import DimensionError, EquationError
from ranvier.neurons import Cell
from ranvier.units import ms, mV, nA

LEAK = "dv/dt = -v/tau : mV"


def leak(**given: Any) -> dict[str, Any]:
    return {"equations": LEAK, "tau": 5 * ms, **given}


def with_expression(expression: str, unit: str = "mV", **given: Any) -> dict[str, Any]:
    text = f"{LEAK}\nx = {expression} : {unit}\nw : 1 (input)"
    return {"equations": text, "tau": 5 * ms, **given}


E, D = EquationError, DimensionError
BAD: dict[str, tuple[dict[str, Any], type[Exception], tuple[str, ...]]] = {
    # names
    "unknown name": (with_expression("vv"), E, ("'vv'", "Did you mean v", "keyword argument", "x = vv : mV")),
    "unknown name in threshold": (leak(threshold="v > V_th"), E, ("'V_th'", "keyword argument", "v > V_th")),
    "unknown name in reset": (leak(threshold="v > 0", reset="v = V_r"), E, ("'V_r'", "v = V_r")),
    "leading underscore": ({"equations": "d_v/dt = 0 : 1"}, E, ("'_v'", "rename")),
    "leading underscore declared": ({"equations": "a, _b : 1 (input)"}, E, ("'_b'", "rename")),
    "leading underscore value": (leak(_k=1.0), E, ("'_k'", "rename")),
    "a digit first": ({"equations": "2x = 3 : 1"}, E, ("'2x'", "letters")),
    "word of Python": ({"equations": "lambda : 1 (input)"}, E, ("'lambda'", "word of Python")),
    "reserved time": ({"equations": "dt = 3*ms : ms"}, E, ("'dt'", "reserved", "rename")),
    "reserved t": ({"equations": "t : ms (input)"}, E, ("'t'", "reserved", "rename")),
    "reserved noise": ({"equations": "dxi/dt = 0 : 1"}, E, ("'xi'", "reserved")),
    "reserved value": (leak(dt=1 * ms), E, ("'dt'", "reserved", "rename")),
    "reserved refractory": ({"equations": "refractory : ms (input)"}, E, ("'refractory'", "reserved")),
    "reserved counter": ({"equations": "refractory_left' = 0 : 1"}, E, ("'refractory_left'", "reserved")),
    "reserved prefix": (leak(kick_v=1 * mV), E, ("'kick_v'", "reserved")),
    "name of a unit": ({"equations": "dmV/dt = 0 : 1"}, E, ("'mV'", "unit", "rename")),
    "value named as a unit": (leak(second=1.0), E, ("'second'", "unit", "rename")),
    "name of a function": ({"equations": "exp : 1 (input)"}, E, ("'exp'", "function", "rename")),
    "constant redefined": ({"equations": "pi = 3 : 1"}, E, ("'pi'", "reserved")),
    # shape of the line
    "no unit": ({"equations": "dv/dt = -v/tau"}, E, ("no unit", "': mV'", "dv/dt = -v/tau")),
    "empty unit": ({"equations": "dv/dt = -v/tau :"}, E, ("no unit", "': 1'")),
    "only flags": ({"equations": "x : (input)"}, E, ("no unit", "': 1'")),
    "unknown unit": ({"equations": "dv/dt = -v/tau : mVolt"}, E, ("'mVolt'", "product of", "volt")),
    "unit with a sum": ({"equations": "dv/dt = 0 : mV+nA"}, E, ("'mV+nA'", "product of")),
    "unit with a huge power": ({"equations": "dv/dt = 0 : mV**99999"}, E, ("'mV**99999'", "product of")),
    "unit divided by zero": ({"equations": "dv/dt = 0 : mV**(1/0)"}, E, ("unknown unit",)),
    "unknown flag": ({"equations": f"{LEAK} (unless_refractory)"}, E, ("'unless_refractory'", "input, unless")),
    "flag in capitals": ({"equations": "x : 1 (Input)"}, E, ("'Input'", "the flags are")),
    "input with equation": ({"equations": "x = 3 : 1 (input)"}, E, ("(input)", "declaration", "Remove")),
    "constant with equation": ({"equations": "dx/dt = 0 : 1 (constant)"}, E, ("(constant)", "declaration")),
    "input and constant": ({"equations": "x : 1 (input, constant)"}, E, ("(constant)", "Remove")),
    "frozen subexpression": (with_expression("v", "mV (unless refractory)"), E, ("(unless refractory)", "Remove")),
    "frozen declaration": (leak(equations=f"{LEAK}\nx : 1 (unless refractory)"), E, ("(unless refractory)", "Remove")),
    "flag of synapses": (leak(equations=f"{LEAK} (event-driven)"), E, ("(event-driven)", "remove the flag", LEAK)),
    "frozen without refractory": (leak(equations=f"{LEAK} (unless refractory)"), E, ("pass refractory=…", LEAK)),
    "not an equation": ({"equations": "v == 3 : 1"}, E, ("cannot read this line", "dx/dt = … : unit", "v == 3")),
    "second derivative": ({"equations": "d2v/dt2 = 0 : 1"}, E, ("cannot read this line",)),
    "text": ({"equations": "the membrane: mV"}, E, ("cannot read this line", "the membrane")),
    "bracket open": ({"equations": "dv/dt = (v/tau : 1\ndw/dt = 0 : 1"}, E, ("add 1 ')'", "dv/dt = (v/tau : 1")),
    "bracket too many": ({"equations": "dv/dt = v)/ms : 1"}, E, ("unmatched ')'", "dv/dt = v)/ms : 1")),
    "parameter without value": (leak(equations=f"{LEAK}\nE_L : mV"), E, ("'E_L'", "pass E_L=…", "(input)")),
    "missing derivative": ({"equations": "v = -v : mV"}, E, ("circular", "v -> v", "dx/dt")),
    "clash": (leak(equations=f"{LEAK}\ndv/dt = 0 : mV"), E, ("'v'", "twice", "rename")),
    "value of a subexpression": (with_expression("v", x=3 * mV), E, ("'x'", "subexpression", "remove")),
    "value of an input": (with_expression("v", w=3.0), E, ("'w'", "input", "remove w=…")),
    "circular": (leak(equations=f"{LEAK}\na = b : 1\nb = a : 1"), E, ("circular", "->", "make one of them a state")),
    # the expression language
    "lambda": (with_expression("(lambda y=1: y)"), E, ("lambda", "not part of the equation language")),
    "comprehension": (with_expression("[v]"), E, ("[v]", "not part of the equation language")),
    "attribute": (with_expression("v.real"), E, ("v.real", "not part of the equation language")),
    "subscript": (with_expression("v[0]"), E, ("v[0]", "not part of the equation language")),
    "string": (with_expression("'v'"), E, ("'v' is not a number",)),
    "complex": (with_expression("1j*mV"), E, ("1j is not a number",)),
    "none": (with_expression("None"), E, ("None is not a number",)),
    "keyword argument": (with_expression("clip(v, 0, high=v)"), E, ("clip takes 3 arguments by position",)),
    "star argument": (with_expression("abs(*v)"), E, ("*v", "not part of the equation language")),
    "too few arguments": (with_expression("maximum(v)"), E, ("maximum takes 2 arguments", "maximum(v)")),
    "unknown function": (with_expression("tann(w)"), E, ("'tann'", "Did you mean tan", "there are abs")),
    "method call": (with_expression("v.exp(2)"), E, ("'v.exp'", "there are abs")),
    "hidden import": (with_expression("__import__('os')"), E, ("'__import__'", "unsupported function")),
    "modulo": (with_expression("v % 2"), D, ("'v'", "'2'", "whole quotient")),
    "floor division": (with_expression("v // 2"), D, ("'v'", "'2'", "whole quotient")),
    "bitwise not": (with_expression("~v"), E, ("~v", "+ - * / // % and **")),
    "matrix product": (with_expression("v @ v"), E, ("v @ v", "+ - * / // % and **")),
    "if expression": (with_expression("v if v > 0 else 0"), E, ("write where(condition, a, b)",)),
    "is": (with_expression("where(v is v, v, 0)"), E, ("v is v", "> >= <")),
    "where without condition": (with_expression("where(w, v, 0)"), E, ("where needs a condition", "'w > 0'")),
    "int of a number": (with_expression("int(w)", "1"), E, ("int needs a condition", "int(w > 0)")),
    "and of a number": (with_expression("int(w > 0 and w)", "1"), E, ("and needs a condition", "'w > 0'")),
    "not of a number": (with_expression("int(not w)", "1"), E, ("not needs a condition", "'w > 0'")),
    "division by zero": (with_expression("v/0"), E, ("v / 0", "divides by zero", "correct")),
    "division by a hidden zero": (with_expression("v/(w - w)"), E, ("divides by zero",)),
    "logarithm of zero": (with_expression("log(0)", "1"), E, ("log(0)", "no finite real value", "correct")),
    "root of minus one": (with_expression("sqrt(-1)", "1"), E, ("sqrt(-1)", "no finite real value")),
    "power of minus one": (with_expression("(-1)**0.5", "1"), E, ("no finite real value",)),
    "zero to a negative power": (with_expression("0**-1", "1"), E, ("no finite real value",)),
    "exponential too large": (with_expression("exp(1000)", "1"), E, ("exp(1000)", "no finite real value")),
    "tower of powers": (with_expression("9**9**9", "1"), E, ("no finite real value",)),
    "infinite number": (with_expression("1e999", "1"), E, ("exceeds 1e+300", "smaller")),
    "huge integer": (with_expression("1" + "0" * 400, "1"), E, ("exceeds 1e+300", "smaller")),
    "walrus": (with_expression("(y := v)"), E, ("y := v", "not part of the equation language")),
    # dimensions
    "wrong dimension": ({"equations": "dv/dt = -v : mV"}, D, ("dv/dt", "mV/ms", "check the units", "dv/dt = -v : mV")),
    "different units added": (with_expression("v + tau"), D, ("add", "mV", "ms", "multiply or divide")),
    "different units compared": (leak(threshold="v > tau"), D, ("compare", "mV", "ms", "v > tau")),
    "exponent with a unit": (with_expression("w**tau", "1"), D, ("tau", "must be a plain number", "divide")),
    "unit to a variable power": (with_expression("v**w"), D, ("constant", "divide")),
    "exp of a voltage": (with_expression("exp(v)", "1"), D, ("exp", "mV", "divide it by")),
    "reset in another unit": (leak(threshold="v > 0", reset="v = tau"), D, ("v", "mV", "ms", "v = tau")),
    "update in another unit": ({"equations": "v' = v*ms : mV"}, D, ("v'", "mV")),
    "value in another unit": (leak(v=3 * nA), D, ("'v'", "nA", "mV", "give a value in that unit")),
    "plain number for a unit": (leak(equations=f"{LEAK}\ntau : ms", tau=5.0), D, ("'tau'", "ms", "give a value")),
    # events
    "threshold that is not a condition": (leak(threshold="v + 1*mV"), E, ("v + 1*mV", "not a condition", "'v > V_th'")),
    "threshold that never changes": (leak(threshold="tau > 3*ms"), E, ("never changes", "'v > V_th'")),
    "threshold of numbers": (leak(threshold="1 > 0"), E, ("never changes", "compare a variable")),
    "reset without threshold": (leak(reset="v = 0"), E, ("reset='v = 0'", "pass threshold='…'")),
    "refractory without threshold": (leak(refractory=2 * ms), E, ("refractory=2 ms", "pass threshold='…'")),
    "reset of a parameter": (leak(threshold="v > 0", reset="tau = 0"), E, ("'tau'", "no equation", "dtau/dt")),
    "reset of a subexpression": (with_expression("v", threshold="v > 0", reset="x = 0"), E, ("'x'", "no equation")),
    "reset of an input": (with_expression("v", threshold="v > 0", reset="w = 0"), E, ("'w'", "no equation")),
    "reset of a stranger": (leak(threshold="v > 0", reset="q = 0"), E, ("'q'", "no equation", "dq/dt")),
    "reset that is a comparison": (leak(threshold="v > 0", reset="v == 0"), E, ("variable = expression", "v == 0")),
    "reset with an unknown operator": (leak(threshold="v > 0", reset="v **= 2"), E, ("variable += expression",)),
    "noise in a threshold": (leak(threshold="v > xi*mV*ms**0.5"), E, ("'xi'", "make it a variable")),
    "hidden noise in a threshold": (
        with_expression("xi*mV*ms**0.5", threshold="v > x"), E, ("'xi'", "make it a variable", "v > x"),
    ),
    "event called as a variable": (leak(events={"v": ("v > 0", "")}), E, ("'v'", "taken", "another name")),
    "event called spike twice": (leak(threshold="v > 0", events={"spike": ("v > 1*mV", "")}), E, ("'spike'", "taken")),
    "event with no name": (leak(events={"a b": ("v > 0", "")}), E, ("'a b'", "not a name", "another name")),
    "event that is not a pair": (leak(events={"up": "v > 0"}), E, ("'up'", "pair", "statements")),
    # methods
    "unknown method": (leak(method="rk45"), E, ("'rk45'", "choose one of exact, ")),
    "exact on a curve": ({"equations": "dv/dt = -v*v/ms : 1", "method": "exact"}, E, ("dv/dt", "not linear", "use '")),
    "exact on a step": ({"equations": "dv/dt = sign(v)/ms : 1", "method": "exact"}, E, ("dv/dt", "not linear")),
    "exponential Euler on a curve": (
        {"equations": "dv/dt = -v*v/ms : 1", "method": "exponential_euler"}, E, ("dv/dt", "not linear in 'v'", "use '"),
    ),
    "noise with rk4": ({"equations": "dv/dt = xi/ms**0.5 : 1", "method": "rk4"}, E, ("white noise", "use 'euler'")),
    "noise with exponential Euler": (
        {"equations": "dv/dt = xi/ms**0.5 : 1", "method": "exponential_euler"}, E, ("white noise", "use 'euler'"),
    ),
    "noise squared": ({"equations": "dv/dt = xi**2 : 1"}, E, ("xi", "linearly", "drift + strength*xi")),
    "noises multiplied": ({"equations": "dv/dt = xi*xi_b : 1"}, E, ("linearly", "strength*xi")),
    "noise inside a function": ({"equations": "dv/dt = sin(xi*ms**0.5)/ms : 1"}, E, ("linearly",)),
    "emit a stranger": (leak(emit="spikes"), E, ("emit='spikes'", "choose one of v")),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_mistakes_are_refused_with_their_remedy(case: str):
    given, error, words = BAD[case]
    with pytest.raises(error) as caught:
        Cell(**given)
    message = str(caught.value)
    missing = [word for word in words if word not in message]
    assert not missing, message
    assert type(caught.value) is error


def test_there_are_plenty():
    assert len(BAD) > 100


def test_an_equation_error_keeps_the_line_apart():
    with pytest.raises(EquationError) as caught:
        Cell("dv/dt = -vv/tau : mV", tau=5 * ms)
    assert caught.value.line == "dv/dt = -vv/tau : mV"
