"""Learnable values: units, bounds and the mistakes they can hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.errors import RanvierError
from ranvier.units import Dimension, ms, mV
from ranvier.values import Learn, Uniform


@pytest.mark.parametrize("value", [10 * ms, np.array([5.0, 6.0]) * ms, Uniform(1 * ms, 9 * ms)])
def test_a_learnable_value_keeps_its_dimension_and_bounds(value):
    learn = Learn(value, min=1 * ms, max=0.1 * 1000 * ms)
    assert (learn.dimension, learn.min, learn.max) == (ms.dimension, 1.0, 100.0)
    assert "Learn(" in repr(learn)


def test_tensors_can_be_learned():
    assert Learn(torch.ones(3, requires_grad=True), min=0.0).dimension == Dimension()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Learn(10 * ms, min=20 * ms), ("10 ms", "outside")),
        (lambda: Learn(np.array([1.0, 9.0]), max=5.0), ("outside",)),
        (lambda: Learn(1.0, min=3, max=2), ("min=3", "max=2", "swap")),
        (lambda: Learn(1.0, min=1, max=1), ("not below",)),
        (lambda: Learn(1 * ms, min=1 * mV), ("min=1 mV", "ms", "one unit")),
        (lambda: Learn(1 * ms, max=3), ("max=3", "one unit")),
        (lambda: Learn(float("nan")), ("nan", "finite")),
        (lambda: Learn(1.0, min=float("nan")), ("min=nan", "one number")),
        (lambda: Learn(1.0, min=[0.0, 0.5]), ("min=[0.0, 0.5]", "one number")),
        (lambda: Learn("ten"), ("'ten'", "not a number")),
        (lambda: Learn(Learn(1.0)), ("Learn(1.0", "not a number")),
    ],
)
def test_contradictions_are_refused(make, words: tuple[str, ...]):
    with pytest.raises(RanvierError) as caught:
        make()
    assert not [w for w in words if w not in str(caught.value)], str(caught.value)
