"""Rules that draw: exact counts, flags, statistics, and the same synapses for any number of threads or cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import ranvier as rv
from ranvier.connectivity import Connectivity, ConnectivityError, Ends, RowRule, Synapses

KEY = (3, 4)
FLAGS = [(a, m) for a in (True, False) for m in (True, False)]
RULES = [
    rv.AllToAll(autapses=False),
    rv.OneToOne(),
    rv.FixedProbability(0.2),
    rv.FixedProbability(0.9, autapses=False),
    rv.FixedOutDegree(7),
    rv.FixedOutDegree(7, autapses=False, multapses=False),
    rv.FixedInDegree(7),
    rv.FixedInDegree(7, autapses=False, multapses=False),
    rv.FixedTotal(333),
    rv.FixedTotal(333, autapses=False, multapses=False),
    rv.SmallWorld(6, 0.3),
    rv.Clustered(4, p_in=0.6, p_out=0.1),
    rv.Blocks([[0.5, 0.1], [0.0, 1.0]], np.arange(40) % 2),
]


def joined(found: Synapses) -> np.ndarray:
    """How often each pair is joined [pre, post]."""
    table = np.zeros(found.sizes, int)
    np.add.at(table, (found.pre, found.post), 1)
    return table


@pytest.mark.parametrize("rule", RULES, ids=repr)
class TestEveryRule:
    def test_rows_are_well_formed_and_sorted(self, rule: Connectivity) -> None:
        found = rule.build(Ends((40, 40), True), KEY)
        assert found.row_pointer[0] == 0
        assert found.row_pointer[-1] == len(found) == len(found.target)
        assert (np.diff(found.row_pointer) >= 0).all()
        assert (found.row_pointer.dtype, found.target.dtype) == (np.int64, np.int32)
        assert all((np.diff(row) >= 0).all() for row in np.split(found.target, found.row_pointer[1:-1]))
        assert found.target.min(initial=0) >= 0
        assert found.target.max(initial=0) < 40

    def test_the_forecast_is_right(self, rule: Connectivity) -> None:
        ends = Ends((40, 40), True)
        assert abs(rule.expected(ends) - len(rule.build(ends, KEY))) < 0.3 * len(rule.build(ends, KEY)) + 40

    def test_another_key_draws_others(self, rule: Connectivity) -> None:
        ends = Ends((40, 40), True)
        one, other = (rule.build(ends, key) for key in (KEY, (4, 4)))
        fixed = isinstance(rule, rv.AllToAll | rv.OneToOne)
        assert np.array_equal(one.target, other.target) == fixed


@pytest.mark.parametrize("rule", [rule for rule in RULES if isinstance(rule, RowRule)], ids=repr)
def test_a_row_can_be_drawn_alone(rule: RowRule) -> None:
    ends = Ends((40, 40), True)
    whole = rule.build(ends, KEY)
    pointer, target = rule.rows(ends, KEY, 13, 15)
    low, high = whole.row_pointer[13], whole.row_pointer[15]
    np.testing.assert_array_equal(target, whole.target[low:high])
    np.testing.assert_array_equal(pointer, whole.row_pointer[13:16] - low)


@pytest.mark.parametrize("autapses", [True, False])
def test_threads_change_nothing(autapses: bool) -> None:
    ends = Ends((1500, 1500), True)
    rules = [
        rv.FixedProbability(0.3, autapses=autapses), rv.FixedInDegree(400, autapses=autapses), rv.FixedTotal(900_000, autapses=autapses),
        rv.Clustered(5, p_in=0.5, p_out=0.1, autapses=autapses), rv.SmallWorld(300, 0.2),
    ]  # fmt: skip
    alone = [rule.build(ends, KEY) for rule in rules]
    try:
        torch.set_num_threads(3)
        together = [rule.build(ends, KEY) for rule in rules]
    finally:
        torch.set_num_threads(1)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.row_pointer, other.row_pointer)
        np.testing.assert_array_equal(one.target, other.target)


@pytest.mark.parametrize(("autapses", "multapses"), FLAGS)
class TestCounts:
    def test_out_degree(self, autapses: bool, multapses: bool) -> None:
        table = joined(rv.FixedOutDegree(9, autapses=autapses, multapses=multapses).build(Ends((12, 12), True), KEY))
        assert (table.sum(1) == 9).all()
        assert (table.max() > 1) == multapses
        assert (np.trace(table) > 0) == autapses

    def test_in_degree(self, autapses: bool, multapses: bool) -> None:
        table = joined(rv.FixedInDegree(9, autapses=autapses, multapses=multapses).build(Ends((12, 12), True), KEY))
        assert (table.sum(0) == 9).all()
        assert (table.max() > 1) == multapses
        assert (np.trace(table) > 0) == autapses

    def test_total(self, autapses: bool, multapses: bool) -> None:
        table = joined(rv.FixedTotal(100, autapses=autapses, multapses=multapses).build(Ends((12, 12), True), KEY))
        assert table.sum() == 100
        assert (table.max() > 1) == multapses
        assert (np.trace(table) > 0) == autapses

    def test_two_populations_have_no_autapses_to_bar(self, autapses: bool, multapses: bool) -> None:
        ends = Ends((5, 3))
        everything = rv.FixedTotal(15, autapses=autapses, multapses=multapses).build(ends, KEY)
        assert len(everything) == 15
        assert multapses or (joined(everything) == 1).all()


def test_degrees_may_differ_from_cell_to_cell() -> None:
    out, into = np.array([0, 3, 1, 4]), np.array([2, 0, 5])
    assert (joined(rv.FixedOutDegree(out).build(Ends((4, 3)), KEY)).sum(1) == out).all()
    assert (joined(rv.FixedInDegree(into).build(Ends((4, 3)), KEY)).sum(0) == into).all()


@given(p=st.sampled_from([0.0, 0.001, 0.05, 0.5, 0.97, 1.0]), sizes=st.tuples(st.integers(1, 90), st.integers(1, 90)))
def test_fixed_probability_has_a_binomial_number(p: float, sizes: tuple[int, int]) -> None:
    table = joined(rv.FixedProbability(p).build(Ends(sizes), KEY))
    assert table.max() <= 1
    assert stats.binomtest(int(table.sum()), sizes[0] * sizes[1], p).pvalue > 1e-5


def test_fixed_probability_prefers_no_pair() -> None:
    rule, ends = rv.FixedProbability(0.3, autapses=False), Ends((8, 8), True)
    total = sum(joined(rule.build(ends, (k, 0))) for k in range(2000))
    assert np.trace(total) == 0
    off = total[~np.eye(8, dtype=bool)]
    assert stats.chisquare(off, np.full(56, off.mean())).pvalue > 1e-3


def test_fixed_total_without_multapses_prefers_no_pair() -> None:
    rule, ends = rv.FixedTotal(9, multapses=False), Ends((4, 6))
    total = sum(joined(rule.build(ends, (k, 0))) for k in range(3000)).reshape(-1)
    assert stats.chisquare(total).pvalue > 1e-3


def test_blocks_follow_their_table() -> None:
    p, group = np.array([[0.3, 0.02], [0.1, 0.0]]), np.repeat([0, 1], 150)
    table = joined(rv.Blocks(p, group).build(Ends((300, 300), True), KEY))
    for a in (0, 1):
        for b in (0, 1):
            count = int(table[group == a][:, group == b].sum())
            assert stats.binomtest(count, 150 * 150, p[a, b]).pvalue > 1e-4


def test_clusters_are_equal_runs() -> None:
    table = joined(rv.Clustered(3, p_in=1.0, p_out=0.0).build(Ends((9, 6)), KEY))
    np.testing.assert_array_equal(table, np.kron(np.eye(3, dtype=int), np.ones((3, 2), int)))


class TestSmallWorld:
    def test_without_moves_it_is_the_ring(self) -> None:
        table = joined(rv.SmallWorld(4, 0.0).build(Ends((10, 10), True), KEY))
        distance = (np.arange(10)[None] - np.arange(10)[:, None]) % 10
        np.testing.assert_array_equal(table, np.isin(distance, [1, 2, 8, 9]))

    @given(p=st.floats(0, 1), cells=st.integers(7, 30))
    def test_degree_stays_and_nothing_doubles(self, p: float, cells: int) -> None:
        table = joined(rv.SmallWorld(6, p).build(Ends((cells, cells), True), KEY))
        assert (table.sum(1) == 6).all()
        assert table.max() == 1
        assert np.trace(table) == 0

    def test_moved_ones_go_anywhere(self) -> None:
        total = sum(joined(rv.SmallWorld(2, 1.0).build(Ends((9, 9), True), (k, 0))) for k in range(2000))
        off = total[~np.eye(9, dtype=bool)]
        assert stats.chisquare(off).pvalue > 1e-3


REFUSED = [
    (lambda: rv.FixedProbability(1.5), "p=1.5 is not a probability"),
    (lambda: rv.FixedProbability(float("nan")), "not a probability"),
    (lambda: rv.FixedOutDegree(2.5), "whole number"),
    (lambda: rv.FixedInDegree([3, -1]), "0 or more"),
    (lambda: rv.FixedTotal(-1), "0 or more"),
    (lambda: rv.SmallWorld(3, 0.1), "even"),
    (lambda: rv.Clustered(0, p_in=1, p_out=0), "1 or more"),
    (lambda: rv.Blocks([[0.1, 2.0]], [0]), "0 to 1"),
    (lambda: rv.Blocks([[0.1, 0.2]], [0]), "groups of post"),
    (lambda: rv.Blocks([[0.1]], [0, 1]), "names groups 0 to 1"),
]
IMPOSSIBLE = [
    (
        rv.FixedInDegree(11, multapses=False),
        (10, 5),
        "11 synapses per cell cannot be had from 10 presynaptic cells.*multapses",
    ),
    (
        rv.FixedOutDegree(6, multapses=False),
        (10, 5),
        "6 synapses per cell cannot be had from 5 postsynaptic cells.*multapses",
    ),
    (rv.FixedTotal(51, multapses=False), (10, 5), "51 synapses cannot be had from 50 pairs"),
    (rv.FixedOutDegree([1, 2]), (10, 5), "2 degrees were given for 10 cells"),
    (rv.OneToOne(), (10, 5), "equal size, got 10 and 5"),
    (rv.SmallWorld(10, 0.1), (10, 10), "10 neighbours cannot be had from 10 cells"),
    (rv.Clustered(6, p_in=1, p_out=0), (10, 5), "6 clusters"),
    (rv.Blocks([[0.1]], [0] * 4), (10, 5), "groups of 4 cells, there are 10"),
    (rv.DistanceDependent(rv.profiles.Box(1, 1)), (10, 5), "positions"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_wrong_numbers_are_refused(make: object, message: str) -> None:
    with pytest.raises(ConnectivityError, match=message):
        make()


@pytest.mark.parametrize(("rule", "sizes", "message"), IMPOSSIBLE)
def test_impossible_rules_are_refused_before_they_draw(
    rule: Connectivity, sizes: tuple[int, int], message: str
) -> None:
    with pytest.raises(ConnectivityError, match=message):
        rule.build(Ends(sizes), KEY)


def test_a_single_cell_without_autapses_has_no_partner() -> None:
    with pytest.raises(ConnectivityError, match="allow autapses"):
        rv.FixedOutDegree(1, autapses=False).build(Ends((1, 1), True), KEY)
    assert len(rv.FixedProbability(0.5, autapses=False).build(Ends((1, 1), True), KEY)) == 0
