"""``net.run``: records, intervals, continuing, noise and seeds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.errors import NonFiniteError
from ranvier.network.bounds import Bounds
from ranvier.units import Hz, ms, mV

RECORD = {"exc": ["spikes", "v", "g"], "inh": ["spikes"]}


def circuit(
    seed: int = 1, *, provider: str | None = None, dtype: torch.dtype = torch.float32, delay: object = None
) -> rv.Network:
    """A noisy circuit that never falls silent; 0.5 ms steps."""
    cell = rv.Cell(
        """
        dv/dt = (E - v + 60*mV*g)/tau + 2*mV*sqrt(2/tau)*xi : mV (unless refractory)
        dg/dt = -g/tau_g : 1
        """,
        threshold="v > V_t", reset="v = V_r", refractory=2 * ms, E=-52 * mV, V_t=-50 * mV, V_r=-60 * mV, tau=10 * ms,
        tau_g=4 * ms, v=rv.Uniform(-60 * mV, -50 * mV),
    )  # fmt: skip
    net = rv.Network(dt=0.5 * ms, seed=seed, provider=provider, dtype=dtype)
    net.source("background", rv.Poisson(60 * Hz, 20))
    net.population("exc", 33, cell)
    net.population("inh", 9, cell)
    net.connect("background", "exc", rv.FixedProbability(0.4), to="g", weight=0.1)
    delay = rv.Uniform(0 * ms, 4 * ms) if delay is None else delay
    net.connect("exc", ["exc", "inh"], rv.FixedProbability(0.3), to="g", weight=rv.Uniform(0.0, 0.1), delay=delay)
    net.connect("inh", ["exc", "inh"], rv.FixedProbability(0.5), to="g", weight=-0.1, delay=1 * ms)
    return net


def same(first: rv.network.Run, second: rv.network.Run) -> None:
    for name in ("exc", "inh"):
        np.testing.assert_array_equal(first[name].spikes.step, second[name].spikes.step)
        np.testing.assert_array_equal(first[name].spikes.cell, second[name].spikes.cell)
    np.testing.assert_array_equal(first["exc"].v, second["exc"].v)


class TestContinuing:
    @settings(max_examples=8)
    @given(cuts=st.lists(st.integers(0, 90), max_size=4), each=st.booleans())
    def test_a_run_cut_anywhere_has_the_same_bits(self, cuts: list[int], each: bool) -> None:
        net = circuit(delay=None if each else 2 * ms)
        whole = net.run(45 * ms, stream=0, record=RECORD)
        borders, state, runs = [0, *sorted(cuts), 90], None, []
        for low, high in itertools.pairwise(borders):
            runs.append(net.run((high - low) * 0.5 * ms, state, stream=0, record=RECORD))
            state = runs[-1].state
        for name in ("exc", "inh"):
            np.testing.assert_array_equal(np.concatenate([r[name].spikes.step for r in runs]), whole[name].spikes.step)
            np.testing.assert_array_equal(np.concatenate([r[name].spikes.cell for r in runs]), whole[name].spikes.cell)
        for variable in ("v", "g"):
            np.testing.assert_array_equal(
                np.concatenate([getattr(r["exc"], variable) for r in runs]), getattr(whole["exc"], variable)
            )
        assert all(torch.equal(t, whole.state.tensors()[n]) for n, t in runs[-1].state.tensors().items())
        assert len(whole["exc"].spikes) > 20

    @pytest.mark.parametrize("block", [1, 7, 64])
    def test_the_block_size_is_of_no_account(self, block: int) -> None:
        whole = circuit().run(45 * ms, stream=0, record=RECORD)
        net = circuit()
        net.bounds = Bounds(dense=1, listed=1)
        small = net.run(45 * ms, stream=0, record=RECORD, every=block * 0.5 * ms)
        np.testing.assert_array_equal(small["exc"].spikes.step, whole["exc"].spikes.step)
        np.testing.assert_array_equal(small["exc"].v, whole["exc"].v[block - 1 :: block])


class TestRecords:
    @pytest.mark.parametrize("provider", ["cpu", "reference"])
    @pytest.mark.parametrize(
        ("every", "first", "length"),
        [(1, 0, 20), (3, 0, 20), (5, 3, 7), (5, 4, 1), (5, 3, 1), (7, 13, 30), (50, 0, 20)],
    )
    def test_samples_are_taken_every_k_steps(self, provider: str, every: int, first: int, length: int) -> None:
        """After steps k - 1, 2k - 1, … counted from the beginning of time, wherever a run begins."""
        net = circuit(provider=provider, dtype=torch.float64)
        full = net.run((first + length) * 0.5 * ms, stream=0, record=RECORD)
        start = net.run(first * 0.5 * ms, stream=0).state
        run = net.run(length * 0.5 * ms, start, stream=0, record=RECORD, every=every * 0.5 * ms)
        due = [n for n in range(first, first + length) if (n + 1) % every == 0]
        np.testing.assert_array_equal(run["exc"].v, full["exc"].v[due])
        np.testing.assert_allclose(run["exc"].times, (np.array(due) + 1) * 0.5)
        assert run["exc"].v.shape == (len(due), 33)

    def test_spikes_are_a_train(self) -> None:
        spikes = circuit().run(100 * ms, stream=0, record=RECORD)["exc"].spikes
        assert (np.diff(spikes.step) >= 0).all()
        np.testing.assert_allclose(spikes.times, (spikes.step + 1) * 0.5)
        assert (spikes.size, spikes.first, spikes.steps, spikes.duration) == (33, 0, 200, 100.0)
        assert spikes.rate() == pytest.approx(len(spikes) / 33 / 0.1)
        assert spikes.rates().sum() * 0.1 == pytest.approx(len(spikes))
        trains = spikes.trains()
        assert [len(t) for t in trains] == np.bincount(spikes.cell, minlength=33).tolist()
        assert all((np.diff(t) > 2).all() for t in trains), "the refractory period is 2 ms"

    def test_records_agree_with_each_other(self) -> None:
        run = circuit(dtype=torch.float64).run(30 * ms, stream=0, record=RECORD)
        reset = run["exc"].v[run["exc"].spikes.step, run["exc"].spikes.cell]
        assert (reset == -60).all()
        np.testing.assert_array_equal(run["exc"].v[-1], run.state.variables["exc"]["v"][0])

    def test_nothing_recorded_is_nothing_kept(self) -> None:
        run = circuit().run(5 * ms, stream=0)
        assert list(run.records) == []
        with pytest.raises(KeyError, match="was not recorded"):
            run["exc"]

    def test_what_was_not_recorded_is_named(self) -> None:
        run = circuit().run(5 * ms, stream=0, record={"exc": ["v"]})
        with pytest.raises(AttributeError, match="record="):
            run["exc"].g
        with pytest.raises(AttributeError, match="spikes"):
            run["exc"].spikes

    def test_no_time_is_no_step(self) -> None:
        run = circuit().run(0 * ms, stream=0, record=RECORD)
        assert run.state.step == 0
        assert run["exc"].v.shape == (0, 33)
        assert len(run["exc"].spikes) == 0

    def test_other_events_and_subexpressions(self) -> None:
        cell = rv.Cell(
            "v' = v + 1 : 1\nsquare = v**2 : 1",
            threshold="v > 4",
            reset="v = 0",
            events={"half": ("v > 1.5 and v < 2.5", "")},
        )
        for loop in (False, True):
            net = rv.Network(dt=1 * ms, dtype=torch.float64)
            net.population("cells", 3, cell)
            if loop:
                net.connect("cells", "cells", rv.OneToOne(), to="v", weight=0.0)
            assert net.plan().circuits
            record = net.run(7 * ms, stream=0, record={"cells": ["half", "square", "spikes"]})["cells"]
            assert record.half[:, 0].tolist() == [0, 1, 0, 0, 0, 0, 1]
            assert record.square[:, 0].tolist() == [1, 4, 9, 16, 0, 1, 4]
            assert record.spikes.step.tolist() == [4] * 3


class TestRandomness:
    def test_the_seed_decides(self) -> None:
        same(circuit(3).run(40 * ms, stream=0, record=RECORD), circuit(3).run(40 * ms, stream=0, record=RECORD))
        last = [circuit(seed).run(40 * ms, stream=0, record=RECORD)["exc"].v[-1] for seed in (3, 4)]
        assert (last[0] != last[1]).any()

    def test_the_same_stream_is_the_same_run(self) -> None:
        net = circuit()
        same(net.run(40 * ms, stream=0, record=RECORD), net.run(40 * ms, stream=0, record=RECORD))

    def test_torchs_generator_takes_no_part_where_a_stream_is_given(self) -> None:
        torch.manual_seed(0)
        first = circuit().run(20 * ms, stream=0, record=RECORD)
        torch.manual_seed(1)
        same(first, circuit().run(20 * ms, stream=0, record=RECORD))

    def test_providers_share_their_random_numbers(self) -> None:
        fast, slow = (
            circuit(provider=p, dtype=torch.float64).run(30 * ms, stream=0, record=RECORD) for p in ("cpu", "reference")
        )
        np.testing.assert_array_equal(fast["exc"].spikes.step, slow["exc"].spikes.step)
        np.testing.assert_allclose(fast["exc"].v, slow["exc"].v, rtol=1e-9)

    def test_precision_changes_no_draw(self) -> None:
        narrow, wide = (circuit(dtype=d).run(2 * ms, stream=0, record=RECORD) for d in (torch.float32, torch.float64))
        np.testing.assert_allclose(narrow["exc"].v, wide["exc"].v, rtol=1e-5)

    def test_noise_has_its_variance(self) -> None:
        """The stationary variance of dx = -x/tau dt + sigma sqrt(2/tau) dW is sigma^2 (of the Euler map, over 1 - dt/2tau)."""
        cell = rv.Cell("dx/dt = -x/tau + sigma*sqrt(2/tau)*xi : 1", tau=5 * ms, sigma=0.7)
        net = rv.Network(dt=0.5 * ms, dtype=torch.float64)
        net.population("cells", 500, cell)
        x = net.run(400 * ms, stream=0, record={"cells": ["x"]}, every=20 * ms)["cells"].x[3:]
        assert x.var() == pytest.approx(0.49 / (1 - 0.05), rel=0.06)
        assert x.mean() == pytest.approx(0, abs=0.05)

    def test_calls_without_state_draw_new_noise(self) -> None:
        net = rv.Sequential(rv.Cell("v' = x + xi*sqrt(dt) : 1\nx : 1 (input)", emit="v"), dt=1 * ms)
        x = torch.zeros(4, 2, 3)
        torch.manual_seed(0)
        first, second = net(x)[0], net(x)[0]
        assert not torch.equal(first, second)
        assert not torch.equal(first[:, 0], first[:, 1]), "samples of a batch have noise of their own"
        torch.manual_seed(0)
        assert torch.equal(net(x)[0], first)


def test_what_explodes_is_located() -> None:
    net = rv.Network(dt=1 * ms)
    net.population("cells", 5, rv.Cell("dv/dt = v**3/ms : 1", method="euler", v=np.array([0.0, 0.0, 0.0, 3.0, 0.0])))
    with pytest.raises(NonFiniteError, match=r"cells\.v of cell 3"):
        net.run(100 * ms, stream=0)


def test_learnable_initial_values_and_parameters_run() -> None:
    net = rv.Network(dt=1 * ms)
    net.population("cells", 5, rv.LIF(tau=rv.Learn(10 * ms)), v=rv.Learn(0.5))
    run = net.run(3 * ms, stream=0, record={"cells": ["v"]})
    assert run["cells"].v[0] == pytest.approx(np.full(5, 0.5 * np.exp(-0.1)), rel=1e-5)
