"""Numbers that make no sense are told by name, and never turned into synapses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import kHz, mm, ms, mV, um

PLACES = np.random.default_rng(1).uniform(size=(20, 2))
profiles = rv.profiles


def pair(dtype: torch.dtype = torch.float32) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, seed=1, dtype=dtype)
    for name in "ab":
        net.population(name, 20, rv.LIF(), positions=rv.Grid((4, 5), 25 * um))
    return net


def connect(rule: rv.connectivity.Connectivity, **values: Any) -> None:
    pair().connect("a", "b", rule, **values)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: rv.Blocks("x", [0, 1]), "table of numbers"),
        (lambda: rv.Blocks([[0.5], [0.1, 0.2]], [0, 1]), "table of numbers"),
        (lambda: rv.FixedInDegree([[1], [2, 3]]), "degree=.*whole number"),
        (lambda: rv.FromMatrix([[1, 2], [3]]), "matrix of numbers"),
        (lambda: rv.FromEdges(None), "edges=None must be a list"),  # type: ignore[arg-type]
        (lambda: rv.FromEdges([5]), "edge 0 is 5"),  # type: ignore[list-item]
        (lambda: rv.FromEdges([(0, 1)], nodes=2.5), "nodes=2.5"),  # type: ignore[arg-type]
        (lambda: rv.connectome(None), "None is not a path"),  # type: ignore[arg-type]
        (lambda: rv.Correlated(rv.Uniform(1 * ms, 2 * ms), "x"), "rho='x'"),  # type: ignore[arg-type]
        (lambda: rv.Grid("x", 1 * um), "shape='x'"),
        (lambda: rv.Grid((4, 5), "x").place(20, 1, "a"), "'x' is not a number"),
        (lambda: rv.Positions(PLACES * mV), "dimension mV; give lengths"),
        (lambda: profiles.Gaussian(0.3, 0 * um), "sigma=0 mm must be above 0"),
        (lambda: profiles.Gaussian(0.3, -100 * um), "sigma=.* must be above 0"),
        (lambda: profiles.Gaussian(float("nan"), 1 * um), "peak=nan must be one finite number"),
        (lambda: profiles.Gaussian(0.3, 1 * um, reach=float("nan") * um), "reach=nan"),
        (lambda: profiles.Gaussian("x", 1 * um), "'x' is not a number"),
        (lambda: profiles.Exponential(0.3, [1, 2] * um), "scale=.*one finite number"),
        (lambda: profiles.Box(0.3, -1 * um), "reach=.* must be above 0"),
        (lambda: profiles.Linear(0 * ms, -1 * mm / ms), "speed=.* must be above 0"),
        (lambda: rv.travel_time(PLACES * mm, PLACES * mm, 0 * mm / ms), "velocity=.*positive"),
        (lambda: rv.travel_time(PLACES * mm, PLACES * mm, -1 * mm / ms), "velocity=.*positive"),
        (lambda: rv.travel_time(PLACES[:, 0] * mm, PLACES[:, 0] * mm, 1 * mm / ms), r"\[cells, axes\]"),
        (lambda: rv.travel_time(PLACES * mm, PLACES[:, :1] * mm, 1 * mm / ms), r"\[cells, axes\]"),
        (lambda: rv.travel_time(PLACES * mm, PLACES * mm, 1 * kHz), "not a time"),
    ],
)
def test_numbers_that_make_no_rule(make: Callable[[], object], words: str) -> None:
    with pytest.raises(RanvierError, match=words):
        make()


@pytest.mark.parametrize(
    ("rule", "values", "words"),
    [
        (rv.AllToAll(), {"weight": 1e300}, r"synapse 0 is 1e\+300; give finite weights"),
        (rv.AllToAll(), {"weight": rv.LogNormal(1e38, 3.0)}, "give finite weights"),
        (rv.AllToAll(), {"weight": rv.Normal}, "weight=Normal is a class"),
        (rv.AllToAll(), {"weight": lambda d: np.ones(3)}, r"gives the shape \(3,\) for"),
        (rv.Procedural(rv.FixedOutDegree(3)), {"weight": 1e300}, "give finite weights"),
        (rv.Procedural(rv.FixedOutDegree(3)), {"sign": 7}, r"sign=7 must be \+1, -1 or None"),
        (rv.DistanceDependent(profiles.Gaussian(-0.1, 100 * um)), {}, "peak -0.1 is not a probability"),
        (rv.DistanceDependent(lambda d: np.ones(3)), {}, r"gives the shape \(3,\)"),
        (rv.DistanceDependent(lambda d: None), {}, "None is not a number"),
        (rv.AllToAll(), {"delay": 1 * ms, "interpolation": "cubic"}, "interpolation='cubic' belongs to learnable"),
        (rv.AllToAll(), {"delay": 1 * ms, "width": 3.0}, "width=3.0 belongs to learnable"),
    ],
)
def test_numbers_that_make_no_synapses(rule: rv.connectivity.Connectivity, values: dict, words: str) -> None:
    with pytest.raises(RanvierError, match=words):
        connect(rule, **values)


def test_a_weight_may_be_as_large_as_its_type() -> None:
    net = pair(torch.float64)
    net.connect("a", "b", rv.AllToAll(), weight=1e300)
    assert float(net.projections["a_to_b_x"].synapses.weight) == 1e300


@pytest.mark.parametrize("pre", [["a", "b"], 3, None])
def test_one_population_projects(pre: Any) -> None:
    with pytest.raises(RanvierError, match=r"pre=.*one name"):
        pair().connect(pre, "b", rv.AllToAll())


@pytest.mark.parametrize("post", [[], {"b"}, 3, None, ["a", 3]])
def test_targets_are_names(post: Any) -> None:
    with pytest.raises(RanvierError, match=r"post=.*name"):
        pair().connect("a", post, rv.AllToAll())


def test_a_first_line_without_a_finite_weight_is_no_title(tmp_path: Path) -> None:
    (tmp_path / "edges.txt").write_text("0 1 nan\n1 2 3\n")
    with pytest.raises(RanvierError, match="weight of synapse 0"):
        rv.connectome(tmp_path / "edges.txt")
    (tmp_path / "edges.txt").write_text("here there strength\n1 2 3\n")
    assert len(rv.connectome(tmp_path / "edges.txt").pre) == 1


def test_places_of_torch_and_lines_of_cells() -> None:
    places = torch.rand(20, 2)
    np.testing.assert_array_equal(rv.Positions(places).coordinates, places.double().numpy())
    assert rv.Grid(20, 1 * um).place(20, 1, "a").coordinates.shape == (20, 1)


def test_travel_time_to_one_cell() -> None:
    times = rv.travel_time([[0, 0], [3, 0]] * mm, [[0, 4]] * mm, 0.5 * mm / ms)
    np.testing.assert_allclose(times.to(ms), [[8, 10]])
