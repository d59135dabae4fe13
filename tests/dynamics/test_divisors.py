"""By which names a model divides."""

from __future__ import annotations

import pytest

from ranvier.dynamics import divisors


@pytest.mark.parametrize(
    ("equations", "conditions", "codes", "below"),
    [
        ("dv/dt = (E - v)/tau : 1", (), (), {"tau"}),
        ("dv/dt = (I/area + g*(E - v))/C : 1\nI : 1 (input)", (), (), {"area", "C"}),
        ("v' = exp(-dt/T)*v : 1", (), (), {"T"}),
        ("rate = x/(a*b**2) : 1\ndx/dt = rate : 1", (), (), {"a", "b"}),
        ("dx/dt = x/(a - b) + tau*x : 1", (), (), set()),
        ("x' = x : 1", ("x > 1/c",), ("x = x/d; x /= e",), {"c", "d", "e"}),
        ("dx/dt = ) : 1", (), (), set()),
    ],
)
def test_names_that_stand_below(equations: str, conditions: tuple, codes: tuple, below: set) -> None:
    assert divisors(equations, conditions, codes) == below
