"""What does not fit into memory is refused before any is taken, with the number and the remedy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier import data
from ranvier.errors import MemoryLimitError, RanvierError
from ranvier.limits import within_memory
from ranvier.units import Hz, ms, second

HUGE = 10**12


def _recorded(**how: object) -> None:
    net = rv.Network(dt=0.1 * ms)
    net.population("cells", 1000, rv.LIF(tau=10 * ms))
    net.run(10**9 * second, record={"cells": ["v"]}, **how)


def _late() -> None:
    net = rv.Network(dt=1 * ms)
    net.population("cells", 10**6, rv.LIF(tau=10 * ms))
    net.connect("cells", "cells", rv.OneToOne(), weight=1.0, delay=10**6 * ms)
    net.run(1 * ms)


def _events() -> data.Events:
    return data.Events(np.array([0, 5]), np.array([0, 1]), (2, 1000, 1000))


CASES: dict[str, tuple[Callable[[], object], str]] = {
    "cells": (lambda: rv.Network(dt=1 * ms).population("n", HUGE, rv.LIF(tau=10 * ms)), "'n' of 1,000,000,000,000 cells needs 4,000 GB"),
    "layer of cells": (lambda: rv.Sequential(rv.LIF(HUGE, tau=10 * ms), dt=1 * ms), "1,000,000,000,000 cells"),
    "linear": (lambda: rv.Linear(10**6, 10**6), r"Linear\(1,000,000, 1,000,000\) needs 4,000 GB .* sparse rule"),
    "delayed": (lambda: rv.Linear(10**6, 10**6, delay=rv.Uniform(0 * ms, 1 * ms)), "12,000 GB"),
    "convolution": (lambda: rv.Conv2d(10**5, 10**5, 100), "100,000,000,000,000 weights .* smaller kernel"),
    "batch": (lambda: rv.Sequential(rv.Linear(3, 1000), rv.LIF(1000, tau=10 * ms), dt=1 * ms).initial_state(HUGE), "smaller batch"),
    "history": (_late, r"history of 'cells', 1,000,00\d steps of 1,000,000 cells .* shorten its delays \(max="),
    "recording": (_recorded, r"recording 'v' of 'cells', 10,000,000,000,000 samples of 1,000 values, needs .*to='…'"),
    "recording at intervals": (lambda: _recorded(every=1 * ms), "1,000,000,000,000 samples"),
    "bins": (lambda: data.Bins(10**8)(_events()), r"100,000,000 bins of 2 x 1000 x 1000 needs .*pool="),
    "latency": (lambda: rv.encoding.latency(torch.rand(4, 100), HUGE), "1,000,000,000,000 steps of 400 values"),
    "bernoulli": (lambda: rv.encoding.bernoulli(torch.rand(4, 100), HUGE), "give fewer steps"),
    "poisson": (lambda: rv.encoding.poisson(torch.rand(4, 100) * Hz, HUGE), "give fewer steps"),
    "phase": (lambda: rv.encoding.phase(torch.rand(4, 100), HUGE), "give fewer steps"),
    "burst": (lambda: rv.encoding.burst(torch.rand(4, 100), HUGE), "give fewer steps"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_with_the_number_and_the_remedy(name: str) -> None:
    ask, message = CASES[name]
    with pytest.raises(MemoryLimitError, match=message):
        ask()


def test_a_run_without_end_is_refused() -> None:
    net = rv.Network(dt=0.1 * ms)
    net.population("cells", 2, rv.CurrentLIF())
    for duration in (1e300 * second, math.inf * second):
        with pytest.raises(RanvierError):
            net.run(duration)


def test_a_simulation_of_as_many_cells_as_state_fits_is_refused() -> None:
    """A run takes more than the variables: 10^6 cells of 4 bytes need 44 MB."""
    net = rv.Network(dt=0.1 * ms)
    net.population("cells", 10**6, rv.LIF(tau=10 * ms))
    refused = pytest.raises(
        MemoryLimitError, match=r"simulating 1,000,000 cells needs 44 MB of memory, but 40 MB is free"
    )
    with within_memory(40_000_000), refused:
        net.run(1 * ms)


@pytest.mark.parametrize("sizes", [(0, 1, 3), (1, -1, 3), (1, 1, 0), (1.5, 1, 3), (1, 1, (3, 0)), (1, 1, (3, 3, 3))])
def test_sizes_of_a_convolution_are_checked(sizes: tuple) -> None:
    with pytest.raises(RanvierError, match="positive whole numbers"):
        rv.Conv2d(*sizes)
