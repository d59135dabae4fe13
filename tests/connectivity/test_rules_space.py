"""Positions, profiles, and rules that depend on distance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import ranvier as rv
from ranvier.connectivity import ConnectivityError, Ends
from ranvier.errors import DimensionError, ShapeError
from ranvier.units import Quantity, mm, ms, mV, nA, um

KEY = (5, 6)


def sheet(cells: int = 400, period: Any = None, axes: int = 2) -> rv.Positions:
    drawn = np.random.default_rng(axes).random((cells, axes))
    return rv.Positions(drawn * mm, period)


class TestPositions:
    def test_grid(self) -> None:
        grid = rv.Grid((2, 3), 100 * um).place(6, 0, "cells")
        np.testing.assert_allclose(grid.coordinates[:, 0], [-0.05] * 3 + [0.05] * 3)
        np.testing.assert_allclose(grid.coordinates[:3, 1], [-0.1, 0, 0.1], atol=1e-15)

    def test_distances_go_round(self) -> None:
        ring = rv.Grid((10,), 1 * mm, periodic=True).place(10, 0, "cells")
        distance = ring.distances(ring, np.zeros(10, int), np.arange(10))
        np.testing.assert_allclose(distance.to(mm), [0, 1, 2, 3, 4, 5, 4, 3, 2, 1])

    def test_random_positions_are_drawn_by_seed_and_name(self) -> None:
        box = rv.RandomPositions([1 * mm, 2 * mm, 0.5 * mm])
        one = box.place(500, 1, "a").coordinates
        np.testing.assert_array_equal(one, box.place(500, 1, "a").coordinates)
        assert not np.array_equal(one, box.place(500, 1, "b").coordinates)
        assert (np.abs(one) < [0.5, 1, 0.25]).all()
        assert (np.ptp(one, axis=0) > [0.9, 1.8, 0.45]).all()

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: rv.Positions(np.zeros((3, 4)) * mm), "one to three axes"),
            (lambda: rv.Positions([[0.0, np.nan]] * mm), "position of cell 0"),
            (lambda: rv.Positions(np.zeros((3, 2)) * mm, 1 * ms), "not a length like the positions"),
            (lambda: rv.Positions(np.zeros((3, 2)) * mm, -1 * mm), "positive length"),
            (lambda: rv.Grid((0, 3), 1 * mm), "positive whole numbers"),
            (lambda: rv.Grid((2, 3), 1 * mm).place(5, 0, "p"), "'p' has 5 cells, its grid"),
            (lambda: sheet(3).place(4, 0, "p"), "4 cells and 3 positions"),
        ],
    )
    def test_wrong_positions(self, make: Callable, message: str) -> None:
        with pytest.raises(ShapeError, match=message):
            make()

    def test_a_population_with_a_shape_has_none(self) -> None:
        net = rv.Network(dt=1 * ms)
        with pytest.raises(ShapeError, match="number of cells"):
            net.population("cells", (2, 3), rv.CurrentLIF(), positions=rv.Grid((2, 3), 1 * mm))
        assert "cells" not in net.nodes

    def test_spaces_must_match(self) -> None:
        ends = Ends((400, 400), positions=(sheet(), sheet(axes=3)))
        with pytest.raises(ShapeError, match="different spaces"):
            rv.DistanceDependent(rv.profiles.Box(1, 1 * mm)).build(ends, KEY)


PROFILES = [
    rv.profiles.Gaussian(0.6, 0.2 * mm),
    rv.profiles.Gaussian(0.6, 0.1 * mm, reach=0.15 * mm),
    rv.profiles.Exponential(0.9, 0.2 * mm),
    rv.profiles.Exponential(1.0, 0.2 * mm, reach=0.2 * mm),
    rv.profiles.Box(0.4, 0.2 * mm),
    rv.profiles.Box(1.0, 2 * mm),
    lambda d: 0.3 / (1 + d / mm),
]


class TestDistanceDependent:
    @pytest.mark.parametrize("profile", PROFILES, ids=lambda p: type(p).__name__)
    @pytest.mark.parametrize("period", [None, 1 * mm])
    @pytest.mark.parametrize("axes", [1, 2, 3])
    def test_every_distance_has_its_share(self, profile: Callable, period: Any, axes: int) -> None:
        places = sheet(period=period, axes=axes)
        ends = Ends((400, 400), True, (places, places))
        found = rv.DistanceDependent(profile).build(ends, KEY)
        a, b = np.divmod(np.arange(160_000), 400)
        distance = places.distances(places, a, b)
        wanted = np.broadcast_to(np.asarray(getattr(profile(distance), "value", profile(distance))), 160_000)
        made = np.zeros(160_000)
        made[found.pre * 400 + found.post] = 1
        assert made.sum() == len(found)
        for low in np.arange(0, 1.2, 0.1):
            some = (distance.to(mm) >= low) & (distance.to(mm) < low + 0.1)
            spread = np.sqrt((wanted[some] * (1 - wanted[some])).sum())
            assert abs(made[some].sum() - wanted[some].sum()) <= 4.5 * spread + 1e-9

    def test_box_of_one_is_exact_and_bars_autapses(self) -> None:
        places = sheet(period=1 * mm)
        ends = Ends((400, 400), True, (places, places))
        found = rv.DistanceDependent(rv.profiles.Box(1.0, 0.1 * mm), autapses=False).build(ends, KEY)
        a, b = np.divmod(np.arange(160_000), 400)
        near = (places.distances(places, a, b).to(mm) <= 0.1) & (a != b)
        np.testing.assert_array_equal(found.pre * 400 + found.post, np.flatnonzero(near))

    @given(first=st.integers(0, 399), profile=st.sampled_from(PROFILES[:5]))
    def test_a_row_can_be_drawn_alone(self, first: int, profile: Callable) -> None:
        places = sheet()
        rule, ends = rv.DistanceDependent(profile), Ends((400, 400), True, (places, places))
        whole = rule.rows(ends, KEY, 0, 400)
        alone = rule.rows(ends, KEY, first, first + 1)[1]
        np.testing.assert_array_equal(alone, whole[1][whole[0][first] : whole[0][first + 1]])

    def test_threads_change_nothing(self) -> None:
        places = sheet(2000)
        ends = Ends((2000, 2000), True, (places, places))
        rules = [rv.DistanceDependent(p) for p in PROFILES]
        alone = [rule.build(ends, KEY).target for rule in rules]
        try:
            torch.set_num_threads(3)
            for one, rule in zip(alone, rules, strict=True):
                np.testing.assert_array_equal(one, rule.build(ends, KEY).target)
        finally:
            torch.set_num_threads(1)

    def test_wrong_profiles(self) -> None:
        ends = Ends((400, 400), False, (sheet(), sheet()))
        with pytest.raises(ConnectivityError, match=r"gives 2\.0 as the probability"):
            rv.DistanceDependent(lambda d: 2 + 0 * (d / mm)).build(ends, KEY)
        with pytest.raises(DimensionError, match="plain numbers"):
            rv.DistanceDependent(lambda d: d).build(ends, KEY)
        with pytest.raises(DimensionError, match="not a length"):
            rv.DistanceDependent(rv.profiles.Box(1, 1 * ms)).build(ends, KEY)
        with pytest.raises(ConnectivityError, match="not a function of distance"):
            rv.DistanceDependent(0.3)
        with pytest.raises(ConnectivityError, match="presynaptic population has no positions"):
            rv.DistanceDependent(rv.profiles.Box(1, 1 * mm)).build(Ends((3, 3)), KEY)

    def test_a_peak_that_is_none_is_found(self) -> None:
        class Liar:
            peak = 0.1

            def __call__(self, distance: Quantity) -> Any:
                return 0.2 + 0 * (distance / mm)

        with pytest.raises(ConnectivityError, match=r"from 0 to 0\.1, the largest it declares"):
            rv.DistanceDependent(Liar()).build(Ends((400, 400), False, (sheet(), sheet())), KEY)


class TestValuesByDistance:
    def test_weights_and_delays(self) -> None:
        net = rv.Network(dt=0.1 * ms)
        net.population("cells", 25, rv.CurrentLIF(), positions=rv.Grid((5, 5), 100 * um))
        net.connect(
            "cells", "cells", rv.AllToAll(), to="I", weight=rv.profiles.Exponential(2 * nA, 0.1 * mm),
            delay=lambda d: 1 * ms + d / (0.2 * mm / ms),
        )  # fmt: skip
        part = next(iter(net.projections.values())).chain[0]
        places = net.populations["cells"].positions
        distance = places.distances(places, part.pre.numpy(), part.post.numpy()).to(mm)
        np.testing.assert_allclose(part.weight, 2 * np.exp(-distance / 0.1), rtol=1e-6)
        np.testing.assert_array_equal(part.latency_table, np.rint((1 + distance / 0.2) / 0.1) + 1)

    def test_positions_and_unit_are_needed(self) -> None:
        net = rv.Network(dt=0.1 * ms)
        net.population("cells", 4, rv.CurrentLIF())
        net.population("placed", 4, rv.CurrentLIF(), positions=rv.Grid((4,), 1 * mm))
        fibre = rv.profiles.Linear(0 * ms, 1 * mm / ms)
        with pytest.raises(ConnectivityError, match="a delay that is a function of distance needs to know where"):
            net.connect("cells", "cells", rv.OneToOne(), to="I", weight=1 * nA, delay=fibre)
        with pytest.raises(DimensionError, match="weight"):
            net.connect("placed", "placed", rv.OneToOne(), to="I", weight=rv.profiles.Box(1 * mV, 1 * mm))
        with pytest.raises(DimensionError, match="give a time"):
            net.connect("placed", "placed", rv.OneToOne(), to="I", weight=1 * nA, delay=lambda d: d)


def test_every_cell_of_a_closed_grid_has_the_same_neighbours() -> None:
    """Neighbours at the reach itself, 8 spacings away, are within it wherever the cell lies."""
    net = rv.Network(dt=0.1 * ms, seed=1)
    net.population("cells", 2000, rv.LIF(), positions=rv.Grid((40, 50), 25 * um, periodic=True))
    net.connect("cells", "cells", rv.DistanceDependent(rv.profiles.Box(1.0, 200 * um)))
    counts = np.bincount(net.projections["cells_to_cells_x"].synapses.pre.numpy(), minlength=2000)
    steps = np.arange(-8, 9)
    assert set(counts.tolist()) == {int((np.add.outer(steps**2, steps**2) <= 64).sum())}
