"""Checked models: roles, composition, contributions, subexpressions and events."""

from __future__ import annotations

import pytest
import sympy as sp

from ranvier.dynamics import System, read_system
from ranvier.errors import DimensionError, EquationError
from ranvier.units import UNITS, mV, nA

ONE, MV, MS = (UNITS[n].dimension for n in ("1", "mV", "ms"))


def read(text: str, events=(), refractory: bool = False, **values) -> System:
    return read_system(text, events, values, refractory)


def test_every_role_is_found():
    system = read(
        """
        dv/dt = (-v + total)/tau + sigma*xi : 1 (unless refractory)
        a' = rho*a : 1
        total = x + y : 1
        y = a : 1
        x : 1 (input)
        tau : ms
        """,
        [("spike", "v > theta", "v = 0; a += 1"), ("calm", "v < 0", "")],
        refractory=True, tau=MS, rho=ONE, theta=ONE, sigma=(UNITS["ms"] ** -0.5).dimension,
    )  # fmt: skip
    assert system.states == ("v", "a")
    assert (system.inputs, system.ports, system.noises) == (("x",), ("x",), ("xi",))
    assert set(system.parameters) == {"tau", "rho", "theta", "sigma"}
    assert system.frozen == {"v"}
    assert system.subexpressions["total"] == sp.Symbol("x") + sp.Symbol("a")
    assert [(e.name, [n for n, _ in e.assignments]) for e in system.events] == [("spike", ["v", "a"]), ("calm", [])]


def test_an_equation_takes_over_an_input_in_either_order():
    for text in ("x : 1 (input)\ndx/dt = -x/tau : 1", "dx/dt = -x/tau : 1\nx : 1 (input)"):
        system = read(text, tau=MS)
        assert (system.states, system.inputs, system.ports) == (("x",), (), ("x",))


def test_a_subexpression_takes_over_an_input():
    system = read("dv/dt = I/C : mV\nI : nA (input)\nI = g*v : nA", C=UNITS["nF"].dimension, g=UNITS["uS"].dimension)
    assert system.inputs == ()
    assert system.odes["v"] == sp.Symbol("g") * sp.Symbol("v") / sp.Symbol("C")


def test_contributions_add_to_what_arrives():
    system = read("dv/dt = I/tau : mV\nI : mV (input)\nI += a : mV\nI += 2*b : mV\na : mV (input)\nb = -v : mV", tau=MS)
    v, current, a, tau = sp.symbols("v I a tau")
    assert sp.expand(system.odes["v"] - (current + a - 2 * v) / tau) == 0
    assert system.inputs == ("I", "a")
    assert sp.expand(system.subexpressions["I"] - (current + a - 2 * v)) == 0


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("dv/dt = I/tau : mV\nI += v : mV", EquationError, "no such input"),
        ("dI/dt = -I/tau : mV\nI += 1*mV : mV", EquationError, "instead"),
        ("dv/dt = I/tau : mV\nI : mV (input)\nI += 2*I : mV", EquationError, "circular.*I -> I"),
        ("dv/dt = I/tau : mV\nI : mV (input)\nI += y : mV\ny = 2*I : mV", EquationError, "circular"),
        ("dv/dt = I/tau : mV\nI : mV (input)\nI += 2*tau : ms", DimensionError, "one unit"),
        ("x : 1 (input)\ndx/dt = -x/tau : mV", DimensionError, "one unit"),
        ("dv/dt = -v/tau : mV\ndv/dt = -v/tau : mV", EquationError, "defined twice.*rename"),
        ("dv/dt = -v/tau : mV\nv = 3*mV : mV", EquationError, "defined twice"),
        ("a = b : 1\nb = a : 1\ndv/dt = a/tau : 1", EquationError, "circular.*state"),
        ("a = a : 1\ndv/dt = a/tau : 1", EquationError, "circular.*a -> a"),
    ],
)
def test_composition_that_cannot_be(text: str, error: type, message: str):
    with pytest.raises(error, match=f"(?s){message}"):
        read(text, tau=MS)


def test_names_of_a_neighbour_can_be_read_and_assigned():
    system = read_system(
        "dtrace/dt = -trace/tau : 1", [("up", "trace > v_post/mV", "v_post += 1*mV")], {"tau": MS}, extra={"v_post": MV}
    )
    assert system.states == ("trace",)
    assert system.events[0].assignments[0][0] == "v_post"


def test_a_neighbours_name_cannot_be_defined():
    with pytest.raises(EquationError, match=r"v_post.*rename"):
        read_system("dv_post/dt = -v_post/tau : mV", (), {"tau": MS}, extra={"v_post": MV})


def test_a_zero_has_every_unit():
    system = read("dv/dt = 0 : mV\nI = 0 : nA", [("spike", "v > 0", "v = 0")])
    assert system.odes["v"] == 0
    assert system.dimensions["I"] == nA.dimension
    assert system.dimensions["v"] == mV.dimension
