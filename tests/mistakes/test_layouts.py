"""Inputs and losses in another layout than [T, B, …]: each is told apart, or works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError, RanvierWarning
from ranvier.units import ms

X = torch.rand(20, 5, 4, generator=torch.Generator().manual_seed(0))


def network() -> rv.Sequential:
    return rv.Sequential(rv.Linear(4, 3), rv.LIF(3, tau=10 * ms), dt=1 * ms)


def test_batch_first_after_time_first_is_warned_of() -> None:
    net = network()
    net(X)
    with pytest.warns(RanvierWarning, match=r"the first axis is time.*pass x\.transpose\(0, 1\)"):
        net(X.transpose(0, 1))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[:, 0], r"expected \[T, B, 4\].*x\.unsqueeze\(1\).*\.step\(x, state\)"),
        (torch.rand(20, 5, 7), r"has shape \(20, 5, 7\); expected \[T, B, 4\]"),
        (torch.rand(20, 5, 2, 2), r"expected \[T, B, 4\]"),
        (torch.full((20, 5, 4), torch.nan), r"holds nan at \[time, batch, …\] = \(0, 0, 0\); clean the data"),
    ],
)
def test_other_shapes_are_refused_with_the_axes(x: torch.Tensor, message: str) -> None:
    with pytest.raises(RanvierError, match=message):
        network()(x)


@pytest.mark.parametrize(
    "convert",
    [lambda x: (x > 0.5).numpy(), lambda x: x > 0.5, lambda x: (x > 0.5).to(torch.int64), lambda x: (x > 0.5).double()],
)
def test_arrays_truths_whole_numbers_and_doubles_are_the_same_spikes(convert: Callable[[torch.Tensor], Any]) -> None:
    net = network()
    assert torch.equal(net(convert(X))[0], net((X > 0.5).float())[0])
    assert isinstance(np.asarray(convert(X)), np.ndarray)


def test_a_loss_takes_the_output_of_output_only() -> None:
    out = network().output_only()(X)
    loss = torch.nn.functional.cross_entropy(out.flatten(0, 1), torch.zeros(100, dtype=torch.long))
    assert loss.isfinite()
