"""A quick look at numbers, against NumPy's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.network.checks import describe_non_finite
from ranvier.network.look import all_finite, numbers_of, sum_of_squares
from ranvier.units import ms


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("odd", [0.0, -1.0, 3e38, -3e38, 1e-45, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("size", [0, 1, 17, 9000])
def test_finite_numbers_are_those_that_numpy_calls_so(odd: float, size: int) -> None:
    values = np.ones((2, size), np.float32)
    values[:, -1:] = odd
    assert all_finite(values) == np.isfinite(values).all()
    assert all_finite(values.T) == np.isfinite(values).all()


def test_whole_numbers_are_finite() -> None:
    assert all_finite(np.array([2**31 - 1, -(2**31)], np.int32))


def test_many_numbers_are_left_to_a_longer_look() -> None:
    assert sum_of_squares(np.zeros(1 << 20)) == math.inf
    assert sum_of_squares(np.array([3.0, 4.0])) == 25


def test_numbers_of_a_tensor_with_a_gradient() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    found = numbers_of(x * 2)
    assert found is not None
    assert found.tolist() == [2, 4]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("pair", [(1e25, -1e25), (math.nan, 0.0), (math.inf, -math.inf)])
@pytest.mark.parametrize("size", [2, 5000])
def test_values_that_cancel_are_still_found(pair: tuple[float, float], size: int) -> None:
    net = rv.Network(dt=1 * ms)
    net.population("cells", size, rv.LIF(tau=10 * ms))
    state = net.initial_state()
    state.variables["cells"]["v"][0, :2] = torch.tensor(pair)
    found = describe_non_finite(net.graph, state)
    if size == 2 or not math.isfinite(sum(pair)):
        assert found is not None
        assert "cells.v of cell 0" in found
