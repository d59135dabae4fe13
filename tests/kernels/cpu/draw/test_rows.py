"""Drawn rows against the same method written plainly, and their statistics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ranvier.kernels.drawing import bernoulli_rows, distinct_rows, repeated_rows, row_uniforms
from ranvier.kernels.tasks import RowDraw
from ranvier.values import uniforms

KEY = (11, 22)
DEGREES = st.lists(st.integers(0, 40), min_size=1, max_size=6)


def pointer_of(degrees: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(degrees)]).astype(np.int64)


def moved(targets: list[int], row: int, draw: RowDraw) -> list[int]:
    return [t + (draw.barred and t >= row) for t in targets]


def plain_distinct(draw: RowDraw, degrees: list[int]) -> list[int]:
    out = []
    for row, degree in enumerate(degrees, draw.first):
        u, chosen = uniforms(KEY, degree, step=row, stream=draw.stream), set()
        for j in range(degree):
            newest = draw.choices - degree + j
            choice = int(u[j] * (newest + 1))
            chosen.add(newest if choice in chosen else choice)
        out += moved(sorted(chosen), row, draw)
    return out


@given(degrees=DEGREES, first=st.integers(0, 5), barred=st.booleans(), choices=st.integers(40, 200))
def test_distinct_rows_are_floyds(degrees: list[int], first: int, barred: bool, choices: int) -> None:
    draw = RowDraw(KEY, first, choices, barred, 3)
    np.testing.assert_array_equal(distinct_rows(draw, pointer_of(degrees)), plain_distinct(draw, degrees))


@given(degrees=DEGREES, first=st.integers(0, 5), barred=st.booleans(), choices=st.integers(1, 200))
def test_repeated_rows_are_sorted_uniform_numbers(degrees: list[int], first: int, barred: bool, choices: int) -> None:
    draw, expected = RowDraw(KEY, first, choices, barred), []
    for row, degree in enumerate(degrees, first):
        sums = np.cumsum(-np.log(uniforms(KEY, degree + 1, step=row)))
        expected += moved(np.minimum(sums[:-1] * (choices / sums[-1]), choices - 1).astype(int).tolist(), row, draw)
    np.testing.assert_array_equal(repeated_rows(draw, pointer_of(degrees)), expected)


@given(
    rows=st.integers(0, 5),
    first=st.integers(0, 5),
    barred=st.booleans(),
    choices=st.integers(0, 99),
    p=st.floats(1e-6, 0.999),
)
def test_bernoulli_rows_have_geometric_gaps(rows: int, first: int, barred: bool, choices: int, p: float) -> None:
    draw, counts, expected = RowDraw(KEY, first, choices, barred), [], []
    for row in range(first, first + rows):
        gaps = np.floor(np.minimum(np.log(uniforms(KEY, choices + 1, step=row)) / np.log1p(-p), choices))
        places = np.cumsum(gaps + 1) - 1
        chosen = places[places < choices].astype(int).tolist()
        counts.append(len(chosen))
        expected += moved(chosen, row, draw)
    pointer, target = bernoulli_rows(draw, rows, p)
    np.testing.assert_array_equal(np.diff(pointer), counts)
    np.testing.assert_array_equal(target, expected)


def test_row_uniforms_are_those_of_each_row() -> None:
    degrees = [3, 0, 17, 8, 1]
    expected = np.concatenate([uniforms(KEY, d, step=5 + r, stream=7) for r, d in enumerate(degrees)])
    np.testing.assert_array_equal(row_uniforms(RowDraw(KEY, 5, 100, stream=7), pointer_of(degrees)), expected)


@pytest.mark.parametrize("draw_rows", [repeated_rows, distinct_rows])
def test_every_choice_is_equally_likely(draw_rows: object) -> None:
    target = draw_rows(RowDraw(KEY, 0, 50), np.arange(4001, dtype=np.int64) * 10)
    assert stats.chisquare(np.bincount(target, minlength=50)).pvalue > 1e-3


def test_repetitions_are_as_frequent_as_among_independent_draws() -> None:
    target = repeated_rows(RowDraw(KEY, 0, 20), np.arange(20_001, dtype=np.int64) * 2).reshape(-1, 2)
    twice = int((target[:, 0] == target[:, 1]).sum())
    assert stats.binomtest(twice, 20_000, 1 / 20).pvalue > 1e-3


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_and_the_cut_into_rows_change_nothing(threads: int) -> None:
    pointer = np.arange(3001, dtype=np.int64) * 300
    draw = RowDraw(KEY, 0, 5000, True)
    alone = repeated_rows(draw, pointer), distinct_rows(draw, pointer), bernoulli_rows(draw, 3000, 0.06)[1]
    try:
        torch.set_num_threads(threads)
        together = repeated_rows(draw, pointer), distinct_rows(draw, pointer), bernoulli_rows(draw, 3000, 0.06)[1]
    finally:
        torch.set_num_threads(1)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    some = repeated_rows(draw._replace(first=1234), pointer[:11])
    np.testing.assert_array_equal(some, alone[0][1234 * 300 : 1244 * 300])
