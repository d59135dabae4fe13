"""Equation text to records: every form of line, flag, unit and layout."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.dynamics.text import parse_assignments, parse_equations, parse_expression, parse_unit
from ranvier.errors import EquationError
from ranvier.units import Dimension, mm, ms, mV, nA, nF


@pytest.mark.parametrize(
    ("line", "kind", "name"),
    [
        ("dv/dt = -v/tau : mV", "ode", "v"),
        ("dv / dt=-v/tau:mV", "ode", "v"),
        ("v' = beta*v : 1", "update", "v"),
        ("g = a*b : uS", "subexpression", "g"),
        ("I += g*(E - v) : nA", "contribution", "I"),
        ("x : 1 (input)", "declaration", "x"),
        ("tau : ms (constant)", "declaration", "tau"),
        ("d_max = 3 : 1", "subexpression", "d_max"),
        ("dv = 3 : 1", "subexpression", "dv"),
    ],
)
def test_every_form_of_line(line: str, kind: str, name: str):
    (equation,) = parse_equations(line)
    assert (equation.kind, equation.name) == (kind, name)
    assert (equation.tree is None) == (kind == "declaration")
    assert str(equation) == line


def test_one_declaration_names_several():
    names = [e.name for e in parse_equations("E_e, E_i,E_L : mV")]
    assert names == ["E_e", "E_i", "E_L"]


def test_comments_blank_lines_and_brackets_that_continue():
    text = """
    # the membrane
    dv/dt = (g_L*(E_L - v)   # leak
             + I)/C_m : mV (unless refractory)

    I : nA (input)  # a port
    """
    v, current = parse_equations(text)
    assert v.line == "dv/dt = (g_L*(E_L - v) + I)/C_m : mV (unless refractory)"
    assert v.flags == {"unless refractory"}
    assert current.flags == {"input"}


@pytest.mark.parametrize(
    ("tail", "dimension", "flags"),
    [
        ("1", Dimension(), set()),
        ("mV", mV.dimension, set()),
        ("mV (unless refractory)", mV.dimension, {"unless refractory"}),
        ("mV(unless refractory)", mV.dimension, {"unless refractory"}),
        ("nF/mm**2", (nF / mm**2).dimension, set()),
        ("nF/(mm**2)", (nF / mm**2).dimension, set()),
        ("mV/(ms*nA) (unless refractory)", (mV / ms / nA).dimension, {"unless refractory"}),
        ("1/ms", (1 / ms).dimension, set()),
        ("mV*ms**-1", (mV / ms).dimension, set()),
        ("mV/ms**(1/2)", (mV / ms**0.5).dimension, set()),
        ("mV/ms**0.5", (mV / ms**0.5).dimension, set()),
        ("1 ()", Dimension(), set()),
    ],
)
def test_units_and_flags(tail: str, dimension: Dimension, flags: set[str]):
    (equation,) = parse_equations(f"dx/dt = y : {tail}")
    assert (equation.dimension, equation.flags) == (dimension, flags)


exponents = st.sampled_from([-2, -1, -0.5, 0, 0.5, 1, 2])


@given(st.tuples(exponents, exponents, exponents, exponents, exponents, exponents))
def test_every_dimension_can_be_written_and_read_back(powers: tuple[float, ...]):
    dimension = Dimension(*powers)
    assert parse_unit(str(dimension), "") == dimension


def test_names_are_normalised_as_python_does():
    micro, greek = "\u00b5", "\u03bc"
    first, second = parse_equations(f"{micro} : 1 (input)\ny = {micro} : 1")
    assert first.name == greek
    assert isinstance(second.tree, ast.Name)
    assert second.tree.id == greek


def test_statements_and_their_augmented_forms():
    statements = parse_assignments("v = V_r; w += b\nx *= 2; y -= 1; z /= 3  # all forms", "spike reset")
    assert [s.name for s in statements] == ["v", "w", "x", "y", "z"]
    assert [ast.unparse(s.tree) for s in statements] == ["V_r", "w + b", "x * 2", "y - 1", "z / 3"]


@pytest.mark.parametrize("text", ["v >", "(" * 500 + "v" + ")" * 500, "v\0", "-" * 100_000 + "v", "1 +* 2", ""])
def test_what_python_cannot_read_is_an_equation_error(text: str):
    with pytest.raises(
        EquationError, match=r"(?s)cannot read the expression .*correct it|too large: it may have .* as subexpressions"
    ):
        parse_expression(text)
