"""Poisson sources: rates of every form, and that a compiled circuit draws what the source itself would give."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import DimensionError, ShapeError
from ranvier.units import Hz, kHz, ms, pA
from tests.kernels.providers.tuned import threaded
from tests.network.pieces import same_in_pieces


def circuit(provider: str | None, *, rate=12 * kHz, dtype=torch.float64, delay=0.3 * ms) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, seed=2, dtype=dtype, provider=provider)
    net.source("background", rv.Poisson(rate / 1000, 70, trains=1000))
    net.population("cells", 70, rv.CurrentLIF())
    net.connect("background", "cells", rv.OneToOne(), to="I", delay=delay, weight=rv.Uniform(300 * pA, 400 * pA))
    net.connect(
        "cells", "cells", rv.FixedProbability(0.2), to="I", weight=-200 * pA, delay=rv.Uniform(0.1 * ms, 1 * ms)
    )
    return net


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_loop_draws_what_the_source_gives(dtype: torch.dtype) -> None:
    """The reference is handed the counts as an array."""
    record = {"cells": ["spikes", "v"]}
    inside, handed = (circuit(p, dtype=dtype).run(60 * ms, stream=0, record=record) for p in (None, "reference"))
    assert len(inside["cells"].spikes) > 50
    if dtype == torch.float64:
        assert np.array_equal(inside["cells"].spikes.step, handed["cells"].spikes.step)
        np.testing.assert_allclose(inside["cells"].v, handed["cells"].v, atol=1e-9)
    else:
        assert abs(len(inside["cells"].spikes) - len(handed["cells"].spikes)) < 10


def test_any_cut_gives_the_same_bits() -> None:
    record = {"cells": ["spikes", "v"]}
    same_in_pieces(circuit(None, dtype=torch.float32), record, (0.1, 0.7, 9.2, 20), stream=0)


def test_two_inputs_on_one_port_add_up() -> None:
    found = []
    for provider in (None, "reference"):
        net = circuit(provider)
        net.source("more", rv.Poisson(5 * Hz, 70, trains=1000))
        net.connect("more", "cells", rv.OneToOne(), to="I", weight=100 * pA)
        found.append(net.run(20 * ms, stream=0, record={"cells": ["v"]})["cells"].v)
    np.testing.assert_allclose(*found, atol=1e-9)


@pytest.mark.parametrize("provider", [None, "reference"])
def test_many_trains_are_few_of_the_same_sum(provider: str | None) -> None:
    """The same counts whatever the trains, and drawn inside the loop."""
    runs = []
    for source in (rv.Poisson(8 * kHz, 70, trains=2), rv.Poisson(8 * Hz, 70, trains=2000)):
        net = rv.Network(dt=0.1 * ms, seed=3, provider=provider)
        net.source("background", source)
        net.population("cells", 70, rv.CurrentLIF())
        net.connect("background", "cells", rv.OneToOne(), to="I", weight=87.8 * pA)
        runs.append(net.run(50 * ms, stream=0, record={"cells": ["v"]})["cells"].v)
    np.testing.assert_array_equal(*runs)


def test_a_rate_for_each_cell() -> None:
    rates = np.linspace(0, 24, 70) * kHz
    found = [
        circuit(p, rate=rates).run(20 * ms, stream=0, record={"cells": ["v"]})["cells"].v for p in (None, "reference")
    ]
    np.testing.assert_allclose(*found, atol=1e-9)
    counts = rv.Poisson(rates / 2, 70, trains=2).block(0, 500, circuit(None))
    assert counts[..., 0].max() == 0
    assert 2.0 < float(counts[..., -1].mean()) < 2.8


SIZE = 70
WAVE = "1*kHz*(1 + sin(2*pi*30*Hz*t))"
SOURCES = {
    "one": lambda: rv.Poisson(1 * kHz, SIZE),
    "each": lambda: rv.Poisson(np.linspace(0, 2, SIZE) * kHz, SIZE),
    "in time": lambda: rv.Poisson(WAVE, SIZE),
    "each in time": lambda: rv.Poisson(rv.Stimulus(f"r = w*{WAVE}", SIZE, w=rv.Uniform(0, 1)), SIZE),
    "array": lambda: rv.Poisson(rv.TimedArray(np.linspace(0, 3, 40)[:, None] * kHz, dt=1 * ms), SIZE),
    "sum": lambda: rv.Poisson(9 * Hz, SIZE, trains=100),
    "sum each": lambda: rv.Poisson(np.linspace(0, 20, SIZE) * Hz, SIZE, trains=100),
    "sum in time": lambda: rv.Poisson(WAVE, SIZE, trains=7),
    "sum each in time": lambda: rv.Poisson(rv.Stimulus(f"r = w*{WAVE}", SIZE, w=rv.Uniform(0, 1)), SIZE, trains=3),
}  # fmt: skip


def driven(kind: str, provider: str | None, dtype: torch.dtype = torch.float64) -> rv.Network:
    """Cells in a circuit under two inputs to one port."""
    net = rv.Network(dt=0.1 * ms, seed=3, provider=provider, dtype=dtype)
    net.source("input", SOURCES[kind]())
    net.source("other", rv.Poisson(2 * kHz, SIZE, trains=2))
    net.population("cells", SIZE, rv.LIF(tau=10 * ms))
    net.connect("input", "cells", rv.OneToOne(), weight=rv.Uniform(0.1, 0.2), delay=0.3 * ms, name="fed")
    net.connect("other", "cells", rv.OneToOne(), weight=-0.01)
    net.connect("cells", "cells", rv.FixedInDegree(5), weight=0.01)
    return net


@pytest.mark.parametrize("kind", SOURCES)
def test_every_rate_is_the_same_inside_the_circuit_and_by_the_reference(kind: str) -> None:
    record = {"cells": ["v", "spikes"], "input": ["spikes"]}
    inside, handed = (driven(kind, p).run(30 * ms, stream=4, record=record) for p in (None, "reference"))
    for a, b in zip(*((r["input"].spikes, r["cells"].spikes) for r in (inside, handed)), strict=True):
        assert len(a) > 30
        np.testing.assert_array_equal(a.step, b.step)
        np.testing.assert_array_equal(a.cell, b.cell)
    np.testing.assert_allclose(inside["cells"].v, handed["cells"].v, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", SOURCES)
def test_no_rate_depends_on_the_cut(kind: str) -> None:
    same_in_pieces(driven(kind, None, torch.float32), {"cells": ["v"]}, (0.1, 0.3, 7.6, 12), stream=4)


def test_the_plan_says_which_sources_a_circuit_draws() -> None:
    drawn = {kind for kind in SOURCES if "fed" in driven(kind, None).plan(steps=9).drawn}
    assert drawn == set(SOURCES) - {"sum each in time"}


def test_equal_rates_give_equal_spikes_however_they_are_given() -> None:
    forms = [
        50 * Hz,
        np.full(SIZE, 50) * Hz,
        "50*Hz",
        rv.Stimulus("r = 50*Hz", SIZE),
        rv.TimedArray(np.full((1, 1), 50) * Hz),
    ]
    for trains in (1, 9):
        one, *others = (rv.Poisson(rate, SIZE, trains=trains).block(900, 400, circuit(None)) for rate in forms)
        assert one.sum() > 0
        for other in others:
            assert torch.equal(one, other)


def test_rates_follow_the_time() -> None:
    net = rv.Network(dt=0.1 * ms, seed=1)
    for trains in (1, 3):
        found = rv.Poisson("400*Hz*int(t >= 50*ms)", 500, trains=trains).block(0, 1000, net)[:, 0].mean(1)
        assert found[:500].sum() == 0
        assert float(found[500:].mean()) == pytest.approx(0.04 * trains, rel=0.05)


def test_tiny_rates_stay_tiny() -> None:
    """Chances far below what one word resolves are none, not many."""
    x = np.linspace(0, 1, 100)
    net = rv.Network(dt=1 * ms, seed=1)
    spikes = rv.Poisson(50 * np.exp(-(x**2) / (2 * 0.1**2)) * Hz, 100).block(0, 1000, net)
    assert abs(float(spikes.sum()) - 645) < 4 * np.sqrt(645)
    assert rv.Poisson(1e-18 * Hz, 100).block(0, 1000, net).sum() == 0
    assert rv.Poisson(1 * kHz, 100).block(0, 1000, net).sum() == 100_000


def test_rates_in_time_that_are_none_are_refused() -> None:
    net = circuit(None)
    for rate, match in (
        ("50*mV", "has dimension"),
        (rv.TimedArray(np.ones((5, 3)) * Hz), "has shape"),
        (rv.Poisson(5 * Hz, SIZE), "has dimension"),
        (rv.OrnsteinUhlenbeck(5 * Hz, 1 * Hz, 5 * ms, SIZE), "random numbers"),
    ):
        with pytest.raises((DimensionError, ShapeError), match=match):
            rv.Poisson(rate, SIZE)
    with pytest.raises(DimensionError, match=r"rate is -5 Hz at t = 1 ms.*maximum"):
        rv.Poisson("5*Hz - 10*Hz*int(t >= 1*ms)", SIZE).block(0, 40, net)
    with pytest.raises(DimensionError, match="at most once"):
        rv.Poisson("20*kHz*sin(t/(100*ms))**2", SIZE).block(0, 2000, net)


@pytest.mark.parametrize(
    ("rate", "size", "error"),
    [(5, 3, DimensionError), (-1 * Hz, 3, DimensionError), ([1, 2] * Hz, 3, ShapeError), (5 * Hz, 0, ShapeError),
     (float("nan") * Hz, 3, DimensionError)],
)  # fmt: skip
def test_nonsense_is_refused(rate, size: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="Poisson"):
        rv.Poisson(rate, size, trains=5)


def test_too_many_spikes_are_refused() -> None:
    with pytest.raises(DimensionError, match="2000 spikes per cell and step"):
        circuit(None, rate=20_000 * kHz)


@pytest.mark.parametrize("size", [37, 1000])
def test_threads_draw_the_same(size: int) -> None:
    """Also with delays of their own, variables recorded, and more threads than some population has vectors."""

    def outcome(threads: int) -> list[np.ndarray]:
        with threaded(threads) as provider:
            return drawn(provider)

    def drawn(provider: str) -> list[np.ndarray]:
        net = rv.Network(dt=0.1 * ms, seed=3, provider=provider)
        for name, cells in (("a", size), ("b", size // 3)):
            net.population(name, cells, rv.LIF(tau=10 * ms, refractory=2 * ms), v=rv.Uniform(0, 1))
            net.source(f"drive_{name}", rv.Poisson(9 * Hz, cells, trains=1000))
            net.connect(f"drive_{name}", name, rv.OneToOne(), weight=0.02)
        net.connect(
            "a", ["a", "b"], rv.FixedInDegree(9), weight=rv.Normal(0.05, 0.01), delay=rv.Uniform(0 * ms, 2 * ms)
        )
        net.connect("b", ["a", "b"], rv.FixedInDegree(9), weight=-0.1, delay=1 * ms)
        run = net.run(100 * ms, stream=0, record={"a": ["spikes", "v"], "b": ["spikes"]})
        trains = [run[name].spikes for name in "ab"]
        return [run["a"].v, *(t.cell for t in trains), *(t.step for t in trains)]

    alone, *others = (outcome(k) for k in (1, 2, 3))
    assert len(alone[1]) > size
    for other in others:
        for mine, theirs in zip(alone, other, strict=True):
            np.testing.assert_array_equal(mine, theirs)
