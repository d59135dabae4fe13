"""Every draw is the same by the cpu provider and by the reference: numbers bit for bit, rows target for target."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.kernels import registry
from ranvier.kernels.tasks import (
    BernoulliRows,
    Counts,
    DistinctRows,
    Divided,
    DividedDistinct,
    Draw,
    DrawShape,
    Normals,
    RepeatedRows,
    RowDraw,
    RowUniforms,
    StepSpikes,
    Transposed,
    Uniforms,
)
from ranvier.values import CountLaw

DEGREES = st.lists(st.integers(0, 30), min_size=0, max_size=6)
WORDS = st.integers(0, 2**32 - 1)


def same(task: Draw) -> None:
    found = [registry.provider(n).build(DrawShape(), "")(task) for n in ("cpu", "reference")]
    ours, theirs = (x if isinstance(x, tuple) else (x,) for x in found)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def pointer_of(degrees: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(degrees)]).astype(np.int64)


@given(
    key=st.tuples(WORDS, WORDS),
    count=st.integers(0, 70),
    step=st.integers(0, 2**40),
    stream=WORDS,
    start=st.integers(0, 2**40),
)
def test_numbers(key: tuple[int, int], count: int, step: int, stream: int, start: int) -> None:
    same(Uniforms(key, count, step, stream, start))


STEPS = {
    "key": st.tuples(WORDS, WORDS, WORDS), "first": st.integers(0, 2**40), "steps": st.integers(0, 4), "cells": st.integers(1, 70),
}  # fmt: skip


@settings(max_examples=30)
@given(batch=st.integers(1, 3), **STEPS)
def test_normal_numbers(batch: int, **how: Any) -> None:
    """Bit for bit, although logarithm, sine and cosine are polynomials on both sides."""
    same(Normals(batch=batch, **how))


@settings(max_examples=60)
@given(
    each=st.booleans(), moving=st.booleans(), kind=st.sampled_from(["single", "poisson", "crowded"]), most=st.floats(0, 1), dtype=st.sampled_from([torch.float32, torch.float64]),
    batch=st.integers(1, 3), **STEPS,
)  # fmt: skip
def test_counts(each: bool, moving: bool, kind: str, most: float, dtype: torch.dtype, batch: int, **how: Any) -> None:
    shape = how["steps"] if moving and how["steps"] else 1, how["cells"] if each else 1
    means = np.linspace(0, most, shape[0] * shape[1]).reshape(shape)[::-1]
    crowded = np.sort(np.repeat(np.random.default_rng(0).random(300), 3) + np.tile([0, 1e-6, 2e-6], 300)).clip(0, 1)
    law = {
        "single": lambda: CountLaw.single(means),
        "poisson": lambda: CountLaw.poisson(9 * means),
        "crowded": lambda: CountLaw.of(
            crowded[:, None] ** (1 + means[:, None])
        ),  # one half in 70 leaves the count open
    }[kind]()
    same(Counts(law, batch=batch, dtype=dtype, **how))
    ours, theirs = (registry.provider(n).build(DrawShape(), "")(StepSpikes(law, **how)) for n in ("cpu", "reference"))
    assert torch.equal(ours.cell, theirs.cell)
    assert torch.equal(ours.bounds, theirs.bounds)


@settings(max_examples=30)
@given(
    key=st.tuples(WORDS, WORDS), degrees=DEGREES, first=st.integers(0, 9), barred=st.booleans(), choices=st.integers(30, 90),
    stream=st.integers(0, 3), p=st.floats(1e-3, 0.99),
)  # fmt: skip
def test_rows(degrees: list[int], p: float, **how: Any) -> None:
    draw = RowDraw(**how)
    for kind in (RowUniforms, RepeatedRows, DistinctRows):
        same(kind(draw, pointer_of(degrees)))
    same(BernoulliRows(draw, len(degrees), p))


@settings(max_examples=30)
@given(
    key=st.tuples(WORDS, WORDS),
    rows=st.integers(1, 9),
    choices=st.integers(1, 12),
    stream=st.integers(0, 3),
    data=st.data(),
)
def test_totals(key: tuple[int, int], rows: int, choices: int, stream: int, data: st.DataObject) -> None:
    total = data.draw(st.integers(0, rows * choices))
    same(Divided(key, total, rows, stream))
    same(DividedDistinct(key, total, rows, choices, stream))


@given(degrees=DEGREES, columns=st.integers(30, 40))
def test_columns(degrees: list[int], columns: int) -> None:
    pointer = pointer_of(degrees)
    target = np.random.default_rng(0).integers(0, columns, pointer[-1]).astype(np.int32)
    same(Transposed(pointer, target, columns))
