"""A small task that spikes can separate, and a network for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.units import ms

Data = tuple[torch.Tensor, torch.Tensor]


def make_task(samples: int, seed: int = 0, steps: int = 15) -> Data:
    """Three classes: which third of 12 channels fires early. x [S, T, 12], y [S]."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (samples,), generator=generator)
    rate = torch.full((samples, steps, 12), 0.05)
    for k in range(3):
        rate[y == k, : steps // 2, 4 * k : 4 * k + 4] = 0.5
    return (torch.rand(rate.shape, generator=generator) < rate).float(), y


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
