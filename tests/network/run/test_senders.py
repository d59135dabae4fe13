"""Sources of single spikes inside a circuit: the same as arrays of spikes, whatever the synapses, cut, threads and record."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.network import Source
from ranvier.units import Hz, kHz, ms
from tests.kernels.providers.tuned import threaded
from tests.network.pieces import same_in_pieces

SIZE = 70
SOURCES: dict[str, Callable[[], Source]] = {
    "one": lambda: rv.Poisson(1 * kHz, SIZE),
    "each": lambda: rv.Poisson(np.linspace(0, 2, SIZE) * kHz, SIZE),
    "in time": lambda: rv.Poisson("1*kHz*(1 + sin(2*pi*30*Hz*t))", SIZE),
    "trains": lambda: rv.SpikeTrains(np.arange(600) // 2 * 0.1 * ms + 0.1 * ms, np.arange(600) * 11 % SIZE, SIZE),
    "each in time": lambda: rv.Poisson(rv.TimedArray(np.linspace(0, 2, 9 * SIZE).reshape(9, -1) * kHz, dt=1 * ms), SIZE),
}  # fmt: skip
DELAYS = {"one": 0.3 * ms, "each": rv.Uniform(0 * ms, 3 * ms)}
RECORD = {"cells": ["v", "spikes"], "input": ["spikes"]}


def net_of(source: Source, delay: object, provider: str | None, dtype: torch.dtype = torch.float64) -> rv.Network:
    """Cells in a circuit that a source reaches twice, and cells behind them that it reaches once."""
    net = rv.Network(dt=0.1 * ms, seed=3, provider=provider, dtype=dtype)
    net.source("input", source)
    net.population("cells", SIZE, rv.LIF(tau=10 * ms))
    net.population("last", 30, rv.LIF(tau=10 * ms))
    net.connect("input", "cells", rv.FixedProbability(0.1), weight=rv.Uniform(0, 0.1), delay=delay, name="sparse")
    net.connect("input", ["cells", "last"], rv.FixedOutDegree(5), weight=0.02)
    net.connect("cells", "cells", rv.FixedInDegree(5), weight=0.01)
    net.connect("cells", "last", rv.FixedInDegree(5), weight=0.1)
    return net


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("kind", SOURCES)
def test_the_circuit_is_the_reference(kind: str, delay: str) -> None:
    runs = [
        net_of(SOURCES[kind](), DELAYS[delay], p).run(30 * ms, stream=4, record=RECORD) for p in (None, "reference")
    ]
    for name in ("input", "cells"):
        ours, theirs = (r[name].spikes for r in runs)
        assert len(ours) > 20
        np.testing.assert_array_equal(ours.step, theirs.step)
        np.testing.assert_array_equal(ours.cell, theirs.cell)
    np.testing.assert_allclose(*(r["cells"].v for r in runs), rtol=0, atol=1e-12)


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("kind", ["one", "trains", "each in time"])
def test_no_cut_changes_a_bit(kind: str, delay: str) -> None:
    net = net_of(SOURCES[kind](), DELAYS[delay], None, torch.float32)
    assert "sparse" in net.plan(steps=9).sent
    same_in_pieces(net, RECORD, (0.1, 0.3, 7.6, 12), stream=4)


def test_threads_change_no_bit() -> None:
    def outcome(threads: int) -> np.ndarray:
        with threaded(threads) as provider:
            return (
                net_of(rv.Poisson(1 * kHz, SIZE), 0.3 * ms, provider).run(20 * ms, stream=0, record=RECORD)["cells"].v
            )

    alone, *others = (outcome(k) for k in (1, 2, 3))
    for other in others:
        np.testing.assert_array_equal(alone, other)


def test_frozen_sources_stay_frozen() -> None:
    net = net_of(rv.Poisson(500 * Hz, SIZE, frozen=True), 0.3 * ms, None)
    first, second = (net.run(10 * ms, stream=k, record=RECORD)["cells"].v for k in (1, 2))
    np.testing.assert_array_equal(first, second)
    net = net_of(rv.Poisson(500 * Hz, SIZE), 0.3 * ms, None)
    first, second = (net.run(10 * ms, stream=k, record=RECORD)["cells"].v for k in (1, 2))
    assert (first != second).any()


def test_other_sources_are_given() -> None:
    """Counts may be more than one spike, and a hook must see what arrives."""
    assert "sparse" not in net_of(rv.Poisson(5 * Hz, SIZE, trains=100), 0.3 * ms, None).plan(steps=9).sent
    assert "sparse" not in net_of(rv.SpikeTrains([1, 1], [0, 0], SIZE), 0.3 * ms, None).plan(steps=9).sent
    assert "sparse" not in net_of(rv.SpikeTrains([0.11, 0.12] * ms, [0, 0], SIZE), 0.3 * ms, None).plan(steps=9).sent
    net = net_of(rv.Poisson(500 * Hz, SIZE), 0.3 * ms, None)
    net.projections["sparse"].register_forward_hook(lambda *_: None)
    assert "sparse" not in net.plan(steps=9).sent


FED = {
    "one to one": (rv.OneToOne(), 0.3, lambda: rv.Poisson(1 * kHz, SIZE)),
    "sums": (rv.OneToOne(), 0.3, lambda: rv.Poisson(0.3 * kHz, SIZE, trains=9)),
    "in time": (rv.OneToOne(), 0.3, lambda: rv.Poisson("1*kHz*(1 + sin(2*pi*30*Hz*t))", SIZE)),
    "sparse": (rv.FixedProbability(0.1), 0.1, lambda: rv.Poisson(1 * kHz, SIZE)),
}


@pytest.mark.parametrize("delay", [0 * ms, 3 * ms])
@pytest.mark.parametrize("kind", FED)
def test_spikes_in_flight_are_those_of_the_state(kind: str, delay: object) -> None:
    """With another stream, another source, another seed or another history: what was sent before arrives, whoever draws."""

    def net_of(provider: str | None) -> rv.Network:
        rule, weight, make = FED[kind]
        net = rv.Network(dt=0.1 * ms, seed=3, provider=provider, dtype=torch.float64)
        net.source("input", make())
        net.population("cells", SIZE, rv.Cell("dv/dt = -v/tau : 1", threshold="v > 9", reset="v = 0", tau=9 * ms))
        net.connect("input", "cells", rule, to="v", weight=weight, delay=delay)
        return net

    def outcome(provider: str | None, change: str) -> np.ndarray:
        net = net_of(provider)
        state = net.run(5 * ms, stream=1).state
        if change == "source":
            net.sources["input"] = rv.Poisson(0.1 * kHz, SIZE, trains=9 if kind == "sums" else 1)
        if change == "seed":
            net.seed = 8
        if change == "history":
            state.history["input"].zero_()
        stream = 9 if change == "stream" else None
        return np.concatenate(
            [
                net.run(1 * ms, state, stream=stream, record={"cells": ["v"]})["cells"].v,
                net.run(5 * ms, state, stream=stream, record={"cells": ["v"]})["cells"].v,
            ]
        )

    plain = outcome(None, "")
    assert net_of(None).plan().drawn or net_of(None).plan().sent
    for change in ("", "stream", "source", "seed", "history"):
        ours, theirs = outcome(None, change), outcome("reference", change)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
        assert (change == "") == np.array_equal(ours, plain)


@pytest.mark.parametrize("rule", [rv.OneToOne(), rv.FixedProbability(0.1)])
def test_a_source_that_stands_for_an_input_goes_on_from_an_array(rule: rv.OneToOne | rv.FixedProbability) -> None:
    x = (torch.rand(50, SIZE, generator=torch.Generator().manual_seed(1)) < 0.2).double()
    outcomes = []
    for provider in (None, "reference"):
        net = rv.Network(dt=0.1 * ms, seed=3, provider=provider, dtype=torch.float64)
        net.input("input", SIZE)
        net.population("cells", SIZE, rv.Cell("dv/dt = -v/tau : 1", threshold="v > 9", reset="v = 0", tau=9 * ms))
        net.connect("input", "cells", rule, to="v", weight=0.3, delay=2 * ms)
        state = net.run(5 * ms, inputs=x, stream=1).state
        run = net.run(5 * ms, state, inputs=rv.Poisson(0.1 * kHz, SIZE), record={"cells": ["v"]})
        outcomes.append(np.asarray(run["cells"].v))
    assert outcomes[0].max() > 0.5
    np.testing.assert_allclose(*outcomes, rtol=0, atol=1e-12)
