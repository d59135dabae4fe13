"""What other libraries call things is answered by what to write here."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import ranvier as rv
from ranvier.errors import EquationError, RanvierError
from ranvier.units import ms, mV

WORDS: dict[str, tuple[dict[str, Any], str]] = {
    "threshold": ({"threshold": 1.0}, r"write V_th=1\.0"),
    "v_threshold": ({"v_threshold": 0.5}, r"write V_th=0\.5"),
    "beta": ({"beta": 0.9}, r"write tau=-dt/ln\(beta\), such as tau=9\.491\*ms for 0\.9"),
    "decay": ({"decay": 0.5}, r"tau=-dt/ln\(decay\), such as tau=1\.443\*ms"),
    "plain tau": ({"tau": 10}, r"tau=10 has no unit: write tau=10\*ms"),
    "threshold in mV": ({"V_th": 1 * mV}, "plain number: write V_th=1.0"),
    "tau_m": ({"tau_m": 10 * ms}, "Did you mean 'tau'"),
    "reset by a word": ({"reset": "zero"}, 'reset="v = 0"'),
    "reset mechanism": ({"reset_mechanism": "zero"}, 'reset="v = 0"'),
    "slope": ({"spike_grad": 3}, r"write surrogate="),
    "surrogate that is none": ({"surrogate": lambda x: x}, "is not a surrogate"),
    "surrogate without brackets": ({"surrogate": rv.surrogates.ArcTan}, r"such as rv\.surrogates\.ArcTan\(\)"),
    "learnable": ({"learn_beta": True}, r"rv\.Learn\(20\*ms\)"),
    "hidden state": ({"init_hidden": True}, r"out, state = net\(x, state\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(WORDS))
def test_words_of_other_libraries(name: str) -> None:
    values, message = WORDS[name]
    with pytest.raises(RanvierError, match=message):
        rv.LIF(2, **values)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rv.IF(2, tau=10 * ms), r"IF has no leak. A cell with leak is rv\.LIF\(…, tau=20\*ms\)"),
        (lambda: rv.IF(2, beta=0.9), r"IF has no leak.*write tau=-dt/ln\(beta\), such as tau=9\.491\*ms"),
        (lambda: rv.IF(2, threshold=1.0), r"write V_th=1\.0"),
        (lambda: rv.IF(2, reset="zero"), 'reset="v = 0"'),
        (lambda: rv.LeakyReadout(2, tau=float("inf") * ms), r"needs a finite tau. A cell without leak is rv\.IF"),
        (lambda: rv.ALIF(2, tau_a=float("inf")), r"needs a finite tau_a"),
        (lambda: rv.CurrentLIF(2, tau_s=float("inf") * ms), r"needs a finite tau_s"),
    ],
)
def test_cells_without_leak(make: Callable[[], object], message: str) -> None:
    with pytest.raises(RanvierError, match=message):
        make()


def test_the_remedies_work() -> None:
    rv.LIF(2, V_th=1.0, tau=9.491 * ms, reset="v = 0", surrogate=rv.surrogates.ArcTan())
    net = rv.Network(dt=1 * ms)
    net.source("x", rv.TimedArray([[0.4]]))
    net.population("cells", 1, rv.IF())
    net.connect("x", "cells", rv.OneToOne(), to="x")
    assert len(net.run(10 * ms, record={"cells": ["spikes"]})["cells"].spikes) == 3


def test_a_model_may_use_such_names_for_its_own_parameters() -> None:
    cell = rv.Cell("dv/dt = -v*decay/ms : 1", threshold="v > theta", decay=0.5, theta=2.0)
    assert cell.parameters == {"decay": 0.5, "theta": 2.0}


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (
            lambda cell: cell.init_leaky(),
            r"has no attribute 'init_leaky': a cell is a record .* lif = cell\.layer\(dt=1\*ms\)",
        ),
        (lambda cell: cell.state_dict(), r"has no attribute 'state_dict': a cell is a record"),
        (lambda cell: cell.tau, r"read cell\.values\['tau'\].*cell\.with_values\(tau=…\)"),
        (lambda cell: cell.colour, r"has no attribute 'colour'$"),
    ],
)
def test_an_attribute_that_a_cell_lacks(read: Callable[[rv.Cell], object], told: str) -> None:
    cell = rv.LIF(3, tau=10 * ms)
    with pytest.raises(AttributeError, match=told):
        read(cell)


def test_a_cell_is_copied_and_pickled_whole() -> None:
    cell = rv.LIF(3, tau=10 * ms)
    for made in (copy.copy(cell), copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        assert made.values == cell.values


#: cells that compare their membrane with V_th, those that fire without a reset, and others
LEVEL, FREE = (rv.ALIF, rv.CurrentLIF, rv.StochasticLIF), (rv.HodgkinHuxley, rv.TraubMiles)
OTHER = (rv.AdEx, rv.Izhikevich)
OWN: list[tuple[Callable[..., rv.Cell], dict[str, Any]]] = [
    *((make, words) for make in (*LEVEL, *FREE, *OTHER) for words in ({"name": "mine"}, {"equations": ""})),
    *((make, {"reset": None}) for make in (*LEVEL, *OTHER)),
    *((make, {"threshold": "v > 0"}) for make in (*FREE, *OTHER)),
]


@pytest.mark.parametrize(("make", "words"), OWN)
def test_ready_cells_say_which_words_they_set_themselves(make: Callable[..., rv.Cell], words: dict[str, Any]) -> None:
    (word,) = words
    with pytest.raises(EquationError, match=f"{make.__name__} sets its own {word}.*rv.Cell"):
        make(2, **words)


@pytest.mark.parametrize("make", LEVEL)
def test_a_threshold_of_a_cell_with_a_level_is_v_th(make: Callable[..., rv.Cell]) -> None:
    with pytest.raises(EquationError, match=r"the threshold of a cell is V_th: write V_th=1\.0, or another number"):
        make(2, threshold="v > 0")


@pytest.mark.parametrize("make", FREE)
def test_cells_that_fire_without_a_reset_take_none(make: Callable[..., rv.Cell]) -> None:
    assert make(2, reset=None).reset is None
