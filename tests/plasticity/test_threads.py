"""Every rule on threads: the same bits as on one, whatever the precision, the cut and the wiring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.kernels.cpu.host.barrier import can_meet
from ranvier.network import State
from ranvier.units import ms, mV
from tests.kernels.providers.tuned import teams_taken, threaded
from tests.plasticity.rules import ALL
from tests.plasticity.test_providers import build

pytestmark = pytest.mark.skipif(not can_meet(), reason="threads of this system cannot wait for one another")
#: units of 64 cells for four threads; the last one is not full
CELLS, STEPS = 215, 60
#: one of each kind: sums, walked, random numbers, sums over all synapses, every step, presynaptic variables
QUICK = ["STDP", "triplet", "release", "budget", "dopamine", "pre"]
EVERY = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in ALL]
)  # fmt: skip
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
RECORD = {"cells": ["spikes", "v"]}


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many threads each circuit took."""
    return teams_taken(monkeypatch)


def outcome(net: rv.Network, parts: tuple[int, ...] = (STEPS,), state: State | None = None) -> dict[str, torch.Tensor]:
    """What was recorded, and the state after the last part."""
    out: dict[str, torch.Tensor] = {}
    for part in parts:
        run = net.run(part * 0.5 * ms, state, stream=None if state else 0, record=RECORD)
        state, spikes = run.state, run["cells"].spikes
        out = {"v": torch.as_tensor(run["cells"].v), "step": torch.as_tensor(spikes.step), **state.tensors()}
    return out


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert torch.equal(ours[key], value), key


@EVERY
@DTYPES
def test_threads_change_no_bit(circuit: Callable, used: list[int], name: str, dtype: torch.dtype) -> None:
    one = outcome(build(circuit, name, dtype=dtype, cells=CELLS))
    assert len(one["step"]) > 100
    assert used == [1]
    for threads in (2, 3, 4):
        with threaded(threads) as provider:
            same(outcome(build(circuit, name, provider, dtype=dtype, cells=CELLS)), one)
        # a value of each presynaptic cell is the sum over targets of several threads
        assert used[-1] == (1 if name == "shared by source, with time" else threads)


@EVERY
def test_cut_and_saved_on_threads(circuit: Callable, name: str, tmp_path: Path) -> None:
    parts = (1, 24, STEPS - 25)
    alone = build(circuit, name, cells=CELLS)
    cut = outcome(alone, parts)
    with threaded(3) as provider:
        net = build(circuit, name, provider, cells=CELLS)
        same(outcome(net, parts), cut)
        rv.save_state(net.run(12 * ms, stream=0).state, tmp_path / "state")
    later = outcome(alone, (parts[2],), rv.load_state(tmp_path / "state"))
    same(later, outcome(alone, (24, parts[2])))


@pytest.mark.parametrize("wiring", ["all", "others", "band"])
@pytest.mark.parametrize("name", ["STDP", "triplet", "dopamine", "power law"])
@DTYPES
def test_rows_with_and_without_gaps(used: list[int], wiring: str, name: str, dtype: torch.dtype) -> None:
    """A thread's part of a row may have no gap where the row has one."""
    near = range(1, {"all": CELLS + 1, "others": CELLS, "band": 4}[wiring])
    pairs = np.array([(i, (i + d) % CELLS) for i in range(CELLS) for d in near])
    found = []
    for threads in (1, 2, 4):
        with threaded(threads) as provider:
            net = rv.Network(dt=0.5 * ms, seed=3, dtype=dtype, provider=provider)
            cell = rv.Cell(
                "v' = 0.9*v + drive : mV\nd : 1 (input)",
                threshold="v > 10*mV",
                reset="v = 0*mV",
                drive=rv.Uniform(0.9 * mV, 1.6 * mV),
            )
            net.population("cells", CELLS, cell + rv.plasticity.Modulator(tau=60 * ms))
            net.connect(
                "cells",
                "cells",
                rv.FromArrays(*pairs.T),
                to="v",
                weight=rv.Uniform(0 * mV, 0.02 * mV),
                plasticity=ALL[name],
                name="w",
            )
            found.append(net.run(STEPS * 0.5 * ms, stream=0).state.tensors())
    assert used == [1, 2, 4]
    for other in found[1:]:
        same(other, found[0])


@pytest.mark.parametrize("name", ["power law", pytest.param("STDP", marks=pytest.mark.slow)])
def test_a_long_call(circuit: Callable, used: list[int], name: str) -> None:
    """Logs of spikes are cleared, and sums dropped, within the call."""
    one = outcome(build(circuit, name, cells=CELLS), (4200,))
    with threaded(2) as provider:
        same(outcome(build(circuit, name, provider, cells=CELLS), (4200,)), one)
    assert used == [1, 2]
