"""White noise in a circuit: drawn by its kernel, the same as numbers given to the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import ms
from ranvier.values import key_of, normal_numbers
from tests.kernels.providers.tuned import threaded
from tests.network.pieces import same_in_pieces

SIZE = 70
CELL = rv.Cell(
    """
    dv/dt = (0.8 + u - v)/(10*ms) + 0.3*xi_1*(10*ms)**-0.5 : 1
    du/dt = -u/(5*ms) + 0.2*u*xi_2*(10*ms)**-0.5 : 1
    """,
    threshold="v > 1",
    reset="v = 0",
    u=0.2,
)
RECORD = {"cells": ["v", "u", "spikes"]}


def net_of(provider: str | None, dtype: torch.dtype = torch.float64, joined: bool = True) -> rv.Network:
    """Additive and multiplicative noise at once."""
    net = rv.Network(dt=0.1 * ms, seed=3, provider=provider, dtype=dtype)
    net.population("cells", SIZE, CELL)
    if joined:
        net.connect("cells", "cells", rv.FixedInDegree(5), to="v", weight=0.01)
    return net


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_circuit_is_the_reference(dtype: torch.dtype) -> None:
    runs = [net_of(p, dtype).run(30 * ms, stream=4, record=RECORD) for p in (None, "reference")]
    assert len(runs[0]["cells"].spikes) > 20
    for variable in "vu":
        ours, theirs = (getattr(r["cells"], variable) for r in runs)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize("provider", [None, "reference"])
def test_a_walk_is_the_sum_of_its_numbers(provider: str | None) -> None:
    """Stream and key are those that the page documents."""
    net = rv.Network(dt=0.25 * ms, seed=8, provider=provider, dtype=torch.float64)
    net.population("walk", 37, rv.Cell("dx/dt = 2*xi/sqrt(ms) : 1"))
    found = net.run(5 * ms, stream=6, record={"walk": ["x"]})["walk"].x
    numbers = normal_numbers((*key_of(8, "walk.xi"), 6), 0, 20, 37)[:, 0]
    np.testing.assert_allclose(found, np.cumsum(numbers.astype(np.float64), 0), rtol=0, atol=1e-12)


def test_no_cut_changes_a_bit() -> None:
    net = net_of(None, torch.float32)
    same_in_pieces(net, RECORD, (0.1, 0.3, 7.6, 12), stream=4)


def test_threads_change_no_bit() -> None:
    def outcome(threads: int) -> np.ndarray:
        with threaded(threads) as provider:
            return net_of(provider, torch.float32).run(20 * ms, stream=0, record=RECORD)["cells"].v

    alone, *others = (outcome(k) for k in (1, 2, 3))
    for other in others:
        np.testing.assert_array_equal(alone, other)


@pytest.mark.parametrize("provider", [None, "reference"])
def test_samples_have_numbers_of_their_own(provider: str | None) -> None:
    """Sample 0 of a batch is the run by itself."""
    net = rv.Network(dt=0.1 * ms, seed=3, provider=provider, dtype=torch.float64)
    net.input("x", (2,))
    net.population("cells", SIZE, CELL)
    net.connect("x", "cells", rv.AllToAll(), to="v", weight=0.0)
    with torch.no_grad():
        seen = net.observe(torch.zeros(50, 3, 2, dtype=torch.float64), record={"cells": ["v"]}, stream=4)["cells"]["v"]
        alone = net.observe(torch.zeros(50, 1, 2, dtype=torch.float64), record={"cells": ["v"]}, stream=4)["cells"]["v"]
    torch.testing.assert_close(seen[:, :1], alone, rtol=0, atol=1e-12)
    assert (seen[:, 0] != seen[:, 1]).any()
