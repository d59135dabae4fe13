"""Warnings point at the line of the user."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.units import ms
from tests.kernels.providers.refusing import Refusing
from tests.kernels.providers.registered import registered


def chain(**how: Any) -> rv.Sequential:
    return rv.Sequential(rv.Linear(4, 3), rv.LIF(3), rv.Linear(3, 2), rv.LeakyReadout(2), dt=1 * ms, **how)


def turned() -> None:
    net = chain()
    net(torch.ones(9, 8, 4))
    net(torch.ones(8, 9, 4))


def overflowing() -> None:
    net = chain()
    with torch.no_grad():
        next(net.parameters()).fill_(math.nan)
    net(torch.ones(9, 8, 4))


def elsewhere() -> None:
    with registered(Refusing()):
        chain(provider="refusing")(torch.ones(9, 8, 4))


def elsewhere_in_a_plan() -> None:
    with registered(Refusing()):
        chain(provider="refusing").plan()


def elsewhere_inside_a_module() -> None:
    with registered(Refusing()):
        torch.nn.Sequential(chain(provider="refusing"))(torch.ones(9, 8, 4))


def backward() -> None:
    out = chain()(torch.ones(9, 8, 4))[0].sum()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out.backward()


def wiring() -> None:
    net = rv.Network(dt=1 * ms, seed=1)
    net.population("alone", 3, rv.LIF())
    net.population("others", 3, rv.LIF())
    net.connect("others", "others", rv.AllToAll())
    net.run(5 * ms)


def limits() -> None:
    net = rv.Network(dt=1 * ms, seed=1)
    net.population("cells", 3, rv.LIF())
    net.connect("cells", "cells", rv.AllToAll(), weight=5.0, plasticity=rv.plasticity.STDP())


def sign() -> None:
    rv.plasticity.STDP(A_minus=0.01)


def delays() -> None:
    net = rv.Network(dt=1 * ms, seed=1)
    net.population("cells", 3, rv.LIF())
    net.connect("cells", "cells", rv.AllToAll(), delay=rv.Uniform(0.1 * ms, 0.2 * ms))


@pytest.mark.parametrize(
    "act",
    [
        turned, overflowing, elsewhere, elsewhere_in_a_plan, elsewhere_inside_a_module, backward, wiring, limits,
        sign, delays,
    ],
)  # fmt: skip
def test_warnings_point_at_the_line_of_the_user(act: Callable[[], None]) -> None:
    lines, first = inspect.getsourcelines(act)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()
    assert {w.category for w in caught} == {rv.errors.RanvierWarning}
    assert {(w.filename, w.lineno) for w in caught} == {(__file__, first + len(lines) - 1)}


def test_it_is_shown_once_for_each_line(recwarn: pytest.WarningsRecorder) -> None:
    warnings.simplefilter("default")
    for _ in range(3):
        rv.plasticity.STDP(A_minus=0.01)
    rv.plasticity.STDP(A_minus=0.01)
    assert len(recwarn) == 2
