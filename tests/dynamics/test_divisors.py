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
        ("dv/dt = cos(t/T)*sigmoid(v/k)/ms : 1", (), (), {"ms"}),
        ("dv/dt = v/-tau : 1", (), (), {"tau"}),
        ("dv/dt = -v*tau**-1 + v*(2*T)**(-2) + pow(c, -1) : 1", (), (), {"tau", "T", "c"}),
        ("dv/dt = -v/sqrt(tau*k)/ms**(1/2) : 1", (), (), {"tau", "k", "ms"}),
        ("dv/dt = -v/tau_v : 1\ntau_v = tau*k/n : 1", (), (), {"tau_v", "tau", "k", "n"}),
        ("dv/dt = -v/total : 1\ntotal = tau + rest : 1", (), (), {"total"}),
        ("rate = x/(a*b**2) : 1\ndx/dt = rate : 1", (), (), {"a", "b"}),
        ("dx/dt = x/(a - b) + tau*x : 1", (), (), set()),
        ("x' = x : 1", ("x > 1/c",), ("x = x/d; x /= e",), {"c", "d", "e"}),
        ("dx/dt = ) : 1", (), (), set()),
    ],
)
def test_names_that_stand_below(equations: str, conditions: tuple, codes: tuple, below: set) -> None:
    assert divisors(equations, conditions, codes) == below


def test_deep_and_doubling_texts_are_read_at_once() -> None:
    lines = "\n".join(f"x{k} = x{k - 1}*x{k - 1} : ms" for k in range(1, 60))
    assert divisors(f"dv/dt = v/x59 : 1\n{lines}") == {f"x{k}" for k in range(60)}
    assert divisors(f"dv/dt = v/{'-' * 90}tau : 1") == {"tau"}
