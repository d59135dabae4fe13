"""Refractoriness lasts exactly round(t_ref/dt) further steps, however many these are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.network.bounds import Bounds
from ranvier.units import ms

LONG = 18_000_000
TEXT = "v' = v + x + 1 : 1 (unless refractory)\nx : 1 (input)\ng' = 0*g : 1"


def alone(net: rv.Network) -> None:
    """One population."""


def circuit(net: rv.Network) -> None:
    """A compiled circuit."""
    net.connect("cells", "cells", rv.AllToAll(autapses=False), to="g", weight=0.0, delay=0.3 * ms)


def plastic(net: rv.Network) -> None:
    """A circuit with plastic synapses."""
    net.connect("cells", "cells", rv.AllToAll(autapses=False), to="g", weight=0.0, plasticity=rv.plasticity.STDP())


def network(build: Callable, period: object, provider: str | None = None) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, seed=1, provider=provider)
    net.population("cells", 3, rv.Cell(TEXT, threshold="v > 2.5", reset="v = 0", refractory=period))
    build(net)
    return net


PERIODS = [LONG * 0.1 * ms, np.array([LONG + 1, 50, LONG + 3]) * 0.1 * ms]


@pytest.mark.parametrize("period", PERIODS, ids=["one", "per cell"])
@pytest.mark.parametrize(
    ("build", "provider"), [(alone, "cpu"), (alone, "reference"), (circuit, None), (plastic, None)]
)
def test_a_period_of_eighteen_million_steps_ends_at_its_step(
    build: Callable, provider: str | None, period: object
) -> None:
    net = network(build, period, provider)
    run = net.run(0.8 * ms, record={"cells": ["spikes"]})
    steps = np.broadcast_to(np.rint(np.asarray(period.value) / 0.1), 3).astype(int)
    assert run["cells"].spikes.step.tolist() == [2, 2, 2]
    assert run.state.variables["cells"]["refractory_left"].tolist() == [[n - 5 for n in steps]]
    for cut in (1, 7):
        part = net.run(cut * 0.1 * ms, run.state)
        assert part.state.variables["cells"]["refractory_left"].tolist() == [[max(n - 5 - cut, 0) for n in steps]]
    left = torch.tensor([[2**24 + 3, 4, 0]], dtype=torch.int32)
    variables = {"cells": {**run.state.variables["cells"], "refractory_left": left}}
    last = net.run(0.6 * ms, replace(run.state, variables=variables), record={"cells": ["spikes"]})
    assert last["cells"].spikes.cell.tolist() == [2], "free at once: three steps to the threshold"
    assert last["cells"].spikes.step.tolist() == [10]
    assert last.state.variables["cells"]["refractory_left"].tolist() == [[2**24 - 3, 0, steps[2] - 3]]


@pytest.mark.parametrize("build", [alone, circuit, plastic])
@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("period", [20 * 0.1 * ms, np.array([20, 3, 31]) * 0.1 * ms], ids=["one", "per cell"])
def test_long_periods_are_counted_as_short_ones(build: Callable, provider: str, period: object) -> None:
    """With lanes that count to 8 only, every step is the same."""
    net = network(build, period, provider)
    whole = net.run(9 * ms, record={"cells": ["spikes"]})
    net.bounds = Bounds(refractory=8)
    state, steps, cells, chosen = None, [], [], np.random.default_rng(1)
    while state is None or state.step < 90:
        count = min(int(chosen.integers(1, 4)), 90 - (state.step if state else 0))
        part = net.run(count * 0.1 * ms, state, record={"cells": ["spikes"]})
        state = part.state
        steps += part["cells"].spikes.step.tolist()
        cells += part["cells"].spikes.cell.tolist()
    assert (steps, cells) == (whole["cells"].spikes.step.tolist(), whole["cells"].spikes.cell.tolist())
    assert len(steps) > 10
    assert torch.equal(state.variables["cells"]["refractory_left"], whole.state.variables["cells"]["refractory_left"])


def counted(spikes: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Steps left after every step, from spikes [T, …] alone: a spike sets them, and each later step takes one away."""
    out, left = [], np.zeros(spikes.shape[1:], int)
    for fired in spikes:
        left = np.where(fired != 0, period, np.maximum(left - 1, 0))
        out.append(left)
    return np.stack(out)


@pytest.mark.parametrize("build", [alone, circuit, plastic])
@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("most", [1 << 23, 8])
def test_the_steps_left_are_recorded(build: Callable, provider: str, most: int, tmp_path: Path) -> None:
    period = np.array([20, 3, 31])
    net, state, spikes, left, coarse = network(build, period * 0.1 * ms, provider), None, [], [], []
    net.bounds = Bounds(refractory=most)
    for k, count in enumerate((3, 1, 2, 3) * 10):
        wanted = {"cells": ["spikes", "refractory_left", rv.Sample("v", every=0.1 * ms)]}
        part = net.run(count * 0.1 * ms, state, record=wanted)
        some = net.run(
            count * 0.1 * ms, state, record={"cells": ["refractory_left"]}, every=0.2 * ms, to=tmp_path / f"{k}"
        )
        fired = np.zeros((count, 3), int)
        train = part["cells"].spikes
        fired[train.step - train.first, train.cell] = 1
        spikes.append(fired)
        left.append(part["cells"].refractory_left)
        coarse.append(some["cells"].refractory_left)
        state = part.state
    wanted = counted(np.concatenate(spikes), period)
    assert wanted.max() == 31
    assert np.concatenate(left).dtype == np.concatenate(coarse).dtype == np.int32
    assert np.array_equal(np.concatenate(left), wanted)
    assert np.array_equal(np.concatenate(coarse), wanted[1::2])


def sequence(provider: str | None) -> rv.Sequential:
    torch.manual_seed(1)
    cell = {"threshold": "v > 2.5", "reset": "v = 0", "refractory": 20 * 0.1 * ms}
    return rv.Sequential(
        rv.Linear(4, 6), rv.Cell(TEXT, size=6, name="a", **cell), rv.Linear(6, 5), rv.Cell(TEXT, size=5, name="b", **cell),
        dt=0.1 * ms, provider=provider,
    )  # fmt: skip


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_calls_in_pieces_of_any_length(provider: str) -> None:
    net, x = sequence(provider), torch.rand(90, 64, 4)
    out, end = net(x)
    net.bounds = Bounds(refractory=8)
    state, pieces, seen = None, [], []
    for first in range(0, 90, 3):
        seen.append(
            net.observe(x[first : first + 3], state, record={"b1": ["refractory_left"]})["b1"]["refractory_left"]
        )
        piece, state = net(x[first : first + 3], state)
        pieces.append(piece)
    assert torch.equal(torch.cat(pieces), out)
    assert torch.cat(seen).numpy().tolist() == counted(out.detach().numpy(), np.array(20)).tolist()
    assert torch.equal(state.variables["b1"]["refractory_left"], end.variables["b1"]["refractory_left"])


def test_rules_in_windows_see_whole_numbers() -> None:
    x, found = torch.rand(30, 64, 4), []
    for most in (1 << 23, 8):
        net = sequence(None)
        net.bounds = Bounds(refractory=most)
        rv.rules.SLTT(window=3).gradient(net, x, rv.rules.PerStep(lambda out: out.pow(2).mean()))
        found.append([p.grad.clone() for p in net.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert any(bool(g.any()) for g in found[0])


def test_a_window_that_is_too_long_to_count_is_refused() -> None:
    net = network(alone, 20 * 0.1 * ms)
    net.bounds = Bounds(refractory=8)
    with pytest.raises(rv.errors.ShapeError, match="too long beside refractory periods of more than 8 steps"):
        net.run(9 * ms)


def test_states_of_earlier_versions_and_other_types() -> None:
    net = network(alone, 5 * 0.1 * ms)
    state = net.run(0.5 * ms).state
    counter = state.variables["cells"]["refractory_left"]
    assert counter.dtype == torch.int32
    assert state.to(torch.float64).variables["cells"]["refractory_left"].dtype == torch.int32
    assert state.to(torch.float64).variables["cells"]["v"].dtype == torch.float64
    old = replace(state, variables={"cells": {**state.variables["cells"], "refractory_left": counter.float()}})
    assert torch.equal(net.run(0.1 * ms, old).state.variables["cells"]["refractory_left"], (counter - 1).clamp(min=0))


def test_half_steps_go_to_the_even_one() -> None:
    for period, steps in ((0.25 * ms, 2), (0.35 * ms, 4)):
        run = network(alone, period).run(0.3 * ms)
        assert run.state.variables["cells"]["refractory_left"].tolist() == [[steps] * 3]


def test_a_changed_period_holds_from_the_next_run_on() -> None:
    cell = rv.Cell(
        "v' = v + x : 1  (unless refractory)\nx : 1 (input)", threshold="v > 0.5", reset="v = 0", refractory=2 * ms
    )
    net = rv.Network(dt=1 * ms)
    net.input("in", 1)
    net.population("cells", 1, cell, output=True)
    net.connect("in", "cells", rv.AllToAll(), weight=1.0)
    x = torch.ones(12, 1, 1)

    def gap() -> int:
        out, _ = net(x)
        when = torch.nonzero(out[:, 0, 0]).flatten()
        return int(when[1] - when[0])

    with torch.no_grad():
        assert gap() == 3
        net.populations["cells"].refractory.fill_(4.0)
        assert gap() == 5
        net.populations["cells"].refractory.fill_(2.0)
        assert gap() == 3
