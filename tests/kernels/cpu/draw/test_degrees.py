"""Totals divided between rows, and rows made from columns."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ranvier.kernels.drawing import divided, divided_distinct, repeated_rows, transposed
from ranvier.kernels.tasks import RowDraw
from ranvier.values import uniforms

KEY = (11, 22)


def plain_distinct(total: int, rows: int, choices: int) -> np.ndarray:
    counts, row, mark = np.zeros(rows, int), uniforms(KEY, 100_000), uniforms(KEY, 100_000, stream=1)
    for r, m in zip((row * rows).astype(int), (mark * choices).astype(int), strict=True):
        if counts.sum() == total:
            break
        counts[r] += m >= counts[r]
    return counts


@given(total=st.integers(0, 300), rows=st.integers(1, 20))
def test_with_replacement_every_draw_hits_a_row(total: int, rows: int) -> None:
    expected = np.bincount((uniforms(KEY, total) * rows).astype(int), minlength=rows)
    np.testing.assert_array_equal(divided(KEY, total, rows), expected)


@given(rows=st.integers(1, 9), choices=st.integers(1, 12), data=st.data())
def test_without_replacement_no_row_overflows(rows: int, choices: int, data: st.DataObject) -> None:
    total = data.draw(st.integers(0, rows * choices))
    counts = divided_distinct(KEY, total, rows, choices)
    free = rows * choices - total
    expected = plain_distinct(total, rows, choices) if total <= free else choices - plain_distinct(free, rows, choices)
    np.testing.assert_array_equal(counts, expected)
    assert counts.sum() == total
    assert counts.max() <= choices


def test_counts_without_replacement_are_hypergeometric() -> None:
    counts = np.array([divided_distinct((k, 1), 12, 4, 6)[0] for k in range(4000)])
    expected = stats.hypergeom(24, 6, 12).pmf(np.arange(7))
    assert stats.chisquare(np.bincount(counts, minlength=7), expected * 4000).pvalue > 1e-3


@given(degrees=st.lists(st.integers(0, 12), min_size=1, max_size=8), columns=st.integers(1, 15))
def test_transposing_is_a_stable_sort(degrees: list[int], columns: int) -> None:
    pointer = np.concatenate([[0], np.cumsum(degrees)]).astype(np.int64)
    target = repeated_rows(RowDraw(KEY, 0, columns), pointer)
    rows = np.repeat(np.arange(len(degrees)), degrees)
    across, found = transposed(pointer, target, columns)
    np.testing.assert_array_equal(np.diff(across), np.bincount(target, minlength=columns))
    np.testing.assert_array_equal(found, rows[np.argsort(target, kind="stable")])
    back, again = transposed(across, found, len(degrees))
    np.testing.assert_array_equal(back, pointer)
    np.testing.assert_array_equal(again, target)


def test_large_ones_are_the_same_for_any_number_of_threads() -> None:
    pointer = np.arange(3001, dtype=np.int64) * 1000
    target = repeated_rows(RowDraw(KEY, 0, 700), pointer)
    alone = divided(KEY, 5_000_000, 900), *transposed(pointer, target, 700)
    try:
        torch.set_num_threads(3)
        together = divided(KEY, 5_000_000, 900), *transposed(pointer, target, 700)
    finally:
        torch.set_num_threads(1)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(alone[2], np.repeat(np.arange(3000), 1000)[np.argsort(target, kind="stable")])
