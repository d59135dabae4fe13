"""Philox 4x32-10 against the published vectors, and the streams made of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.values import key_of, philox, uniforms

# Known answers of Random123 for philox4x32 with 10 rounds: counter, key, result.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text: str) -> np.ndarray:
    return np.array([int(word, 16) for word in text.split()], np.uint32)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter: str, key: str, expected: str):
    first, second = words(key)
    assert philox(words(counter), (int(first), int(second))).tolist() == words(expected).tolist()


def test_many_counters_at_once():
    counters = np.stack([words(c) for c, k, _ in KNOWN if k == KNOWN[0][1]] * 3)
    assert (philox(counters, (0, 0)) == words(KNOWN[0][2])).all()


@given(start=st.integers(0, 2**40), count=st.integers(1, 50), cut=st.integers(0, 50), step=st.integers(0, 2**33))
def test_a_stream_can_be_cut_anywhere(start: int, count: int, cut: int, step: int):
    key, cut = key_of(7, "cells"), min(cut, count)
    whole = uniforms(key, count, step, 1, start)
    parts = [uniforms(key, cut, step, 1, start), uniforms(key, count - cut, step, 1, start + cut)]
    assert whole.tolist() == np.concatenate(parts).tolist()


def test_streams_steps_names_and_seeds_are_apart():
    rows = [
        uniforms(key_of(0, "a"), 100), uniforms(key_of(0, "b"), 100), uniforms(key_of(1, "a"), 100),
        uniforms(key_of(0, "a"), 100, step=1), uniforms(key_of(0, "a"), 100, stream=1),
        uniforms(key_of(0, "a"), 100, start=2**32),
    ]  # fmt: skip
    assert len({tuple(row) for row in rows}) == len(rows)
    assert np.abs(np.corrcoef(rows) - np.eye(len(rows))).max() < 0.4


def test_numbers_are_uniform_and_never_0_or_1():
    u = uniforms(key_of(3, "x"), 200_000)
    assert 0 < u.min() < 1e-4
    assert 1 - 1e-4 < u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=2e-3)
    assert u.var() == pytest.approx(1 / 12, abs=1e-3)
    assert np.histogram(u, 10, (0, 1))[0] == pytest.approx(np.full(10, 20_000), abs=600)
    assert (u < 0.5 + 2.0**-53).any()
    assert np.unique(u).size == u.size
