"""Poisson-distributed input: its law, and that a compiled circuit draws what the source itself would give."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import ranvier as rv
from ranvier.errors import DimensionError, ShapeError
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.units import Hz, kHz, ms, pA
from ranvier.values import PoissonLaw, poisson_counts, poisson_counts_each
from tests.kernels.providers.tuned import tuned


@pytest.mark.parametrize("mean", [0.0, 1e-3, 0.4, 1.7, 9.0, 300.0])
def test_the_table_is_the_law(mean: float) -> None:
    """Every word counted: the share of words for each count is its probability."""
    law = PoissonLaw.of(mean)
    share = 2.0**-law.shift / len(law.threshold)
    mine = law.threshold.astype(np.uint32) * share * 2.0**0
    total = np.zeros(len(law.threshold))
    np.add.at(total, np.arange(len(total)), mine)
    np.add.at(total, law.other, 1 / len(law.threshold) - mine)
    np.testing.assert_allclose(total, stats.poisson.pmf(np.arange(len(total)), mean), atol=1e-8)


def test_counts_follow_the_law() -> None:
    counts = poisson_counts(PoissonLaw.of(1.7), (3, 4, 0), 0, 200, 500)[:, 0]
    seen = np.bincount(counts.reshape(-1), minlength=10)[:10]
    expected = stats.poisson.pmf(np.arange(10), 1.7) * counts.size
    assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-3
    assert abs(np.corrcoef(counts[:-1].reshape(-1), counts[1:].reshape(-1))[0, 1]) < 0.01
    assert abs(np.corrcoef(counts[:, :-1].reshape(-1), counts[:, 1:].reshape(-1))[0, 1]) < 0.01


@settings(max_examples=20)
@given(first=st.integers(0, 2**33), steps=st.integers(0, 5), cells=st.integers(1, 70))
def test_counts_depend_on_cell_and_step_alone(first: int, steps: int, cells: int) -> None:
    law = PoissonLaw.of(2.5)
    whole = poisson_counts(law, (1, 2, 5), first, steps, 70, 3)
    assert np.array_equal(whole[:, :2, :cells], poisson_counts(law, (1, 2, 5), first, steps, cells, 2))
    for n in range(steps):
        assert np.array_equal(whole[n], poisson_counts(law, (1, 2, 5), first + n, 1, 70, 3)[0])


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
    net = circuit(None, dtype=torch.float32)
    whole = net.run(30 * ms, stream=0, record=record)
    state, pieces = None, []
    for length in (0.1, 0.7, 9.2, 20):
        part = net.run(length * ms, state, stream=0, record=record)
        state = part.state
        pieces.append(part["cells"].v)
    assert np.array_equal(np.concatenate(pieces), whole["cells"].v)
    assert all(torch.equal(t, whole.state.tensors()[n]) for n, t in state.tensors().items())


def test_two_inputs_on_one_port_add_up() -> None:
    found = []
    for provider in (None, "reference"):
        net = circuit(provider)
        net.source("more", rv.Poisson(5 * Hz, 70, trains=1000))
        net.connect("more", "cells", rv.OneToOne(), to="I", weight=100 * pA)
        found.append(net.run(20 * ms, stream=0, record={"cells": ["v"]})["cells"].v)
    np.testing.assert_allclose(*found, atol=1e-9)


def test_counts_with_a_mean_each_follow_their_laws_and_no_cut() -> None:
    means = np.array([0.0, 1e-3, 0.4, 7.0, 400.0])
    found = poisson_counts_each(means, (3, 4, 0), 10, 20_000)[:, 0]
    for mean, counts in zip(means, found.T, strict=True):
        assert counts.mean() == pytest.approx(mean, abs=5 * np.sqrt((mean + 1e-12) / 20_000))
        assert counts.var() == pytest.approx(mean, abs=0.05 * mean + 1e-3)
    np.testing.assert_array_equal(found[700:], poisson_counts_each(means, (3, 4, 0), 710, 19_300)[:, 0])
    alike = poisson_counts_each(np.full(40, 2.5), (3, 4, 0), 0, 300)
    assert (
        stats.ks_2samp(alike.ravel(), poisson_counts(PoissonLaw.of(2.5), (3, 5, 0), 0, 300, 40).ravel()).pvalue > 1e-3
    )


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


def test_a_rate_for_each_cell_is_handed_over() -> None:
    rates = np.linspace(0, 24, 70) * kHz
    found = [
        circuit(p, rate=rates).run(20 * ms, stream=0, record={"cells": ["v"]})["cells"].v for p in (None, "reference")
    ]
    np.testing.assert_allclose(*found, atol=1e-9)
    counts = rv.Poisson(rates / 2, 70, trains=2).block(0, 500, circuit(None))
    assert counts[..., 0].max() == 0
    assert 2.0 < float(counts[..., -1].mean()) < 2.8


@pytest.mark.parametrize(
    ("rate", "size", "error"),
    [(5, 3, DimensionError), (-1 * Hz, 3, DimensionError), ([1, 2] * Hz, 3, ShapeError), (5 * Hz, 0, ShapeError),
     (float("nan") * Hz, 3, DimensionError)],
)  # fmt: skip
def test_nonsense_is_refused(rate, size: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="Poisson"):
        rv.Poisson(rate, size, trains=5)


def test_too_many_spikes_are_refused() -> None:
    net = circuit(None, rate=20_000 * kHz)
    with pytest.raises(DimensionError, match="2000 spikes per cell and step"):
        net.run(1 * ms, stream=0)


@pytest.mark.parametrize("size", [37, 1000])
def test_threads_draw_the_same(size: int) -> None:
    """Also with delays of their own, variables recorded, and more threads than some population has vectors."""

    def outcome(threads: int) -> list[np.ndarray]:
        torch.set_num_threads(threads)
        with tuned(Tuning(idle=threads, thread_cells=1, threaded_call=0)) as provider:
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

    before = torch.get_num_threads()
    try:
        alone, *others = (outcome(k) for k in (1, 2, 3))
    finally:
        torch.set_num_threads(before)
    assert len(alone[1]) > size
    for other in others:
        for mine, theirs in zip(alone, other, strict=True):
            np.testing.assert_array_equal(mine, theirs)
