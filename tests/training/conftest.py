"""A small task that spikes can separate, and a network for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.units import ms
from tests.training.job import Data, make_task


def make_net(seed: int = 0, *, fires: bool = False, **options: object) -> rv.Sequential:
    torch.manual_seed(seed)
    last = rv.LIF(3, tau=10 * ms) if fires else rv.LeakyReadout(3, tau=10 * ms)
    first = rv.Linear(12, 20)
    with torch.no_grad():
        first.weight.mul_(2)
    parts = (first, rv.LIF(20, tau=rv.Learn(8 * ms)), rv.Linear(20, 3), last)
    return rv.Sequential(*parts, dt=1 * ms, **options)  # type: ignore[arg-type]


@pytest.fixture
def task() -> Callable[..., Data]:
    return make_task


@pytest.fixture
def net() -> Callable[..., rv.Sequential]:
    return make_net
