"""Synapses where a condition holds, and weights and delays as texts of a pair."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.connectivity import ConnectivityError, Ends
from ranvier.dynamics.functions import FUNCTIONS
from ranvier.errors import DimensionError, EquationError, RanvierError, ShapeError
from ranvier.network import GraphError
from ranvier.units import mm, ms, um

KEY = (5, 6)
PLACES = rv.Positions(np.random.default_rng(0).random((60, 2)) * mm, 1 * mm)
SHEET = Ends((60, 60), True, (PLACES, PLACES))
PRE, POST = np.indices((60, 60))
D = np.asarray(PLACES.distances(PLACES, PRE.ravel(), POST.ravel()).value).reshape(60, 60)
X, Y = PLACES.coordinates.T


def table(rule: rv.Where, ends: Ends = SHEET, key: tuple[int, int] = KEY) -> np.ndarray:
    made = rule.build(ends, key)
    out = np.zeros(ends.sizes, int)
    np.add.at(out, (made.pre, made.target), 1)
    return out


CONDITIONS = [
    ("i != j", {}, PRE != POST),
    ("i == j", {}, PRE == POST),
    ("abs(i - j) < 5 and i != j", {}, (abs(PRE - POST) < 5) & (PRE != POST)),
    ("0 < j - i <= k or j % 7 == 0", {"k": 3}, ((POST - PRE > 0) & (POST - PRE <= 3)) | (POST % 7 == 0)),
    ("not (i//10 == j//10)", {}, PRE // 10 != POST // 10),
    ("(i + 1) % N_post == j", {}, (PRE + 1) % 60 == POST),
    ("j < N_pre/2", {}, POST < 30),
    ("distance < r", {"r": 200 * um}, D < 0.2),
    ("x_pre > x_post and y_post > 0.5*mm", {}, (X[PRE] > X[POST]) & (Y[POST] > 0.5)),
    ("where(i > j, exp(-distance/r), 0) > 0.5", {"r": 0.3 * mm}, (PRE > POST) & (np.exp(-D / 0.3) > 0.5)),
    ("int(i > 5) - int(j > 5) == 1", {}, (PRE > 5) & (POST <= 5)),
    ("g_pre == g_post", {"g_pre": np.arange(60) % 4, "g_post": np.arange(60) % 3}, PRE % 4 == POST % 3),
    ("x_pre < x_post", {"x_pre": np.arange(60.0), "x_post": np.full(60, 30)}, PRE < 30),
]


@pytest.mark.parametrize(("text", "values", "wanted"), CONDITIONS, ids=[c[0] for c in CONDITIONS])
def test_text_equals_table(text: str, values: dict[str, Any], wanted: np.ndarray) -> None:
    np.testing.assert_array_equal(table(rv.Where(text, **values)), wanted)


def test_function_equals_table_and_autapses_are_barred() -> None:
    rule = rv.Where(lambda i, j: (i * j) % 5 == 0, autapses=False)
    np.testing.assert_array_equal(table(rule), (PRE * POST % 5 == 0) & (PRE != POST))


def test_products_of_indices_do_not_overflow() -> None:
    ends = Ends((2, 70_000))
    made = rv.Where(lambda i, j: j * j >= 69_998**2).build(ends, KEY)
    assert made.target.tolist() == [69_998, 69_999] * 2


def test_blocks_and_rows_on_demand() -> None:
    """Rows longer than a block, and rows made by themselves."""
    ends = Ends((5, 300_000))
    rule = rv.Where("(i + j) % 1000 == 0 and rand() < 0.5", p="0.5 + 0.4*int(i > 2)")
    made = rule.build(ends, KEY)
    pointer, target = rule.rows(ends, KEY, 3, 5)
    np.testing.assert_array_equal(target, made.target[made.pre >= 3])
    assert pointer[-1] == len(target)
    shared = rule.share(ends, KEY, 100_000, 200_000)
    some = made.target[(made.target >= 100_000) & (made.target < 200_000)]
    assert len(shared) == len(some) > 0


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (rv.Where("i != j", p=0.3), 0.3 * (PRE != POST)),
        (
            rv.Where(lambda i, j: i != j, p=lambda i, j: 0.2 + 0.3 * (i > j)),
            np.where(PRE > POST, 0.5, 0.2) * (PRE != POST),
        ),
        (rv.Where("i != j", p="0.8*exp(-distance/r)", r=0.4 * mm), 0.8 * np.exp(-D / 0.4) * (PRE != POST)),
        (rv.Where("rand() < 0.5 and rand() < 0.5"), np.full((60, 60), 0.25)),
        (rv.Where("rand() < 0.5", p="0.5 + 0*rand()"), np.full((60, 60), 0.25)),
        (rv.Where("rand() > 0.4", p=0.5), np.full((60, 60), 0.3)),
    ],
    ids=repr,
)
def test_probabilities(rule: rv.Where, wanted: np.ndarray) -> None:
    made = table(rule)
    assert not made[wanted == 0].any()
    assert made.max() == 1
    assert abs(made.sum() - wanted.sum()) < 4.5 * math.sqrt((wanted * (1 - wanted)).sum())
    np.testing.assert_array_equal(made, table(rule))
    assert (made != table(rule, key=(5, 7))).any()


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_functions_of_the_equation_language(name: str) -> None:
    """On arrays as for a number."""
    build, count = FUNCTIONS[name]
    arguments = ["(i > 2)" if name in ("where", "int") else "(i + 1)/9", "(j + 2)/7", "0.9"][:count]
    wanted = [
        float(build(*[float(i > 2) if name in ("where", "int") else (i + 1) / 9, (i + 2) / 7, 0.9][:count]))
        for i in range(8)
    ]
    rule = rv.Where(f"i == j and abs({name}({', '.join(arguments)}) - wanted_pre) < 1e-12", wanted_pre=wanted)
    np.testing.assert_array_equal(table(rule, Ends((8, 8))), np.eye(8))


def network(**connect: Any) -> tuple[rv.Network, Any]:
    net = rv.Network(dt=0.1 * ms, seed=3)
    cell = rv.Cell("dv/dt = -v/(10*ms) : mV", threshold="v > 1*mV", reset="v = 0*mV")
    net.population("a", 60, cell, positions=PLACES)
    (name,) = net.connect("a", "a", connect.pop("rule", rv.Where("i != j", p=0.5)), to="v", name="s", **connect)
    return net, net.projections[name].synapses


class TestWeightAndDelay:
    def test_texts(self) -> None:
        _, made = network(weight="0.5*mV*exp(-distance/(0.2*mm))", delay="0.1*ms*(1 + abs(i - j))")
        pre, post = np.asarray(made.pre), np.asarray(made.post)
        np.testing.assert_allclose(made.effective_weight().detach(), 0.5 * np.exp(-D[pre, post] / 0.2), rtol=1e-6)
        np.testing.assert_array_equal(np.asarray(made.latency), 2 + abs(pre - post))

    def test_random_numbers(self) -> None:
        _, made = network(weight="(1 + rand() - rand())*mV")
        w = made.effective_weight().detach().numpy()
        assert len(set(w.tolist())) > 0.9 * len(w)
        assert abs(w.mean() - 1) < 0.1
        assert torch.equal(made.effective_weight(), network(weight="(1 + rand() - rand())*mV")[1].effective_weight())

    def test_any_rule(self) -> None:
        _, made = network(rule=rv.OneToOne(), weight="(i + 1)*mV")
        np.testing.assert_array_equal(made.effective_weight().detach(), np.arange(1, 61))

    @pytest.mark.parametrize(
        ("given", "error", "message"),
        [
            ({"weight": "i + j"}, DimensionError, "dimension"),
            ({"weight": "0.1*mV", "delay": "i*mV"}, DimensionError, "give a time"),
            ({"weight": "w*mV"}, EquationError, "unknown name 'w'"),
            ({"weight": "0.1*mV", "delay": "-i*ms"}, ConnectivityError, "delays run from 0"),
            ({"weight": "mV/(i - i)"}, RanvierError, "finite weights|divides|denominator"),
        ],
    )
    def test_mistakes(self, given: dict[str, Any], error: type, message: str) -> None:
        with pytest.raises(error, match=message):
            network(**given)


def test_saved_and_loaded(tmp_path: Path) -> None:
    net, made = network(rule=rv.Where(lambda i, j: i < j), weight="i*0.01*mV")
    rv.save(net, tmp_path / "net")
    again = rv.load(tmp_path / "net").projections["s"].synapses
    assert torch.equal(made.effective_weight(), again.effective_weight())
    np.testing.assert_array_equal(made.post, again.post)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: rv.Where("i + j"), EquationError, "not a condition"),
        (lambda: rv.Where("i != k"), EquationError, "unknown name 'k'.*k=3"),
        (lambda: rv.Where("i < N"), EquationError, "N_pre or N_post"),
        (lambda: rv.Where("i < t"), EquationError, "unknown name 't'"),
        (lambda: rv.Where("i != j & i > 3"), EquationError, "and"),
        (lambda: rv.Where("(i > j) | (j > 3)"), EquationError, "or"),
        (lambda: rv.Where("i !="), EquationError, "cannot read"),
        (lambda: rv.Where("i < 5*ms"), DimensionError, "cannot compare"),
        (lambda: rv.Where("rand(3) < 1"), EquationError, "no argument"),
        (lambda: rv.Where("f(i) < 1"), EquationError, "unsupported function 'f'"),
        (lambda: rv.Where(3), ConnectivityError, "not a condition"),  # pyright: ignore[reportArgumentType]
        (lambda: rv.Where("i != j", p=1.5), ConnectivityError, "not a probability"),
        (lambda: rv.Where("i != j", p="2*ms").build(SHEET, KEY), DimensionError, "plain numbers"),
        (lambda: rv.Where("i != j", p="0.1*i").build(SHEET, KEY), ConnectivityError, "must lie from 0 to 1"),
        (lambda: rv.Where("i != j", r=3), ConnectivityError, "r stand"),
        (lambda: rv.Where(lambda i, j: i != j, r=3), ConnectivityError, "stand in no text"),
        (lambda: rv.Where("i < i0", i0="x"), ConnectivityError, "i0='x' is not a number"),
        (lambda: rv.Where("i < k", k=[1, 2]), ConnectivityError, "ends in _pre"),
        (lambda: rv.Where("i < k", k=np.nan), ConnectivityError, "not finite"),
        (lambda: rv.Where("i < N_pre", N_pre=3), ConnectivityError, "meaning of its own"),
        (lambda: rv.Where("i < mV", mV=3), EquationError, "name of a unit"),
        (lambda: rv.Where("g_pre < 2", g_pre=[1, 2]).build(SHEET, KEY), ShapeError, "2 numbers for 60 cells"),
        (lambda: rv.Where("distance < 1*mm").build(Ends((3, 3)), KEY), ConnectivityError, "no positions"),
        (lambda: rv.Where("distance < 1*ms").build(SHEET, KEY), DimensionError, "cannot compare"),
        (lambda: rv.Where("z_pre < 1*mm").build(SHEET, KEY), ShapeError, "needs 3 axes"),
        (lambda: rv.Where(lambda i, j: i - j).build(SHEET, KEY), ConnectivityError, "one truth value"),
        (lambda: rv.Where(lambda i, j: i[:1] < 3).build(SHEET, KEY), ConnectivityError, "one truth value"),
        (lambda: rv.Where("i != j", autapses=2), RanvierError, "autapses"),  # pyright: ignore[reportArgumentType]
        (lambda: rv.Procedural(rv.Where("i != j")), ConnectivityError, "one by one"),
        (lambda: network(rule="i != j and j > 3"), GraphError, r"rv\.Where\('i != j and j > 3'\)"),
        (lambda: network(rule=lambda i, j: i != j), GraphError, r"rv\.Where\(lambda i, j"),
    ],
)
def test_mistakes(make: Callable, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
