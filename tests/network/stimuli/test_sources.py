"""Stimuli: functions of the step alone, whatever the block."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.errors import DimensionError, ShapeError
from ranvier.network import Source
from ranvier.units import Hz, kHz, ms, mV, nA

SOURCES = {
    "poisson": lambda: rv.Poisson(100 * Hz, 7),
    "rates": lambda: rv.Poisson(np.arange(7) * 20 * Hz, 7),
    "trains": lambda: rv.SpikeTrains([0, 3, 3, 3, 19], [1, 0, 6, 6, 2], 7),
    "times": lambda: rv.SpikeTrains([1.0, 2.4, 19.9] * ms, [1, 0, 6], 7),
    "array": lambda: rv.TimedArray(np.arange(70.0).reshape(10, 7) * nA),
    "slow array": lambda: rv.TimedArray(np.arange(70.0).reshape(10, 7), dt=3 * ms),
}


def net_with(source: Source, dt: float = 1.0, seed: int = 0, **how: object) -> rv.Network:
    net = rv.Network(dt=dt * ms, seed=seed, **how)
    net.source("source", source)
    return net


@settings(max_examples=10)
@given(cuts=st.lists(st.integers(0, 30), max_size=5), name=st.sampled_from(sorted(SOURCES)))
def test_any_blocks_join_to_the_whole(cuts: list[int], name: str) -> None:
    source = SOURCES[name]()
    net = net_with(source, dtype=torch.float64)
    whole = source.block(0, 30, net)
    assert whole.shape == (30, 1, 7)
    assert whole.dtype == torch.float64
    borders = [0, *sorted(cuts), 30]
    pieces = [source.block(low, high - low, net) for low, high in itertools.pairwise(borders)]
    assert torch.equal(torch.cat(pieces), whole)


class TestPoisson:
    def test_rates_are_met(self) -> None:
        rates = np.array([0.0, 20.0, 200.0, 1000.0])
        source = rv.Poisson(np.repeat(rates, 50) * Hz, 200)
        counts = source.block(0, 4000, net_with(source, 0.5)).sum(0).reshape(4, 50).mean(1)
        expected = rates * 2.0
        np.testing.assert_allclose(counts, expected, atol=4 * np.sqrt(2000 / 50), rtol=0.05)
        assert counts[0] == 0

    def test_cells_and_steps_are_independent(self) -> None:
        source = rv.Poisson(300 * Hz, 40)
        x = source.block(0, 3000, net_with(source))[:, 0].double()
        correlation = np.corrcoef(x.T)
        assert np.abs(correlation[np.triu_indices(40, 1)]).max() < 0.1
        assert abs(np.corrcoef(x[:-1].flatten(), x[1:].flatten())[0, 1]) < 0.02

    def test_seed_and_name_decide(self) -> None:
        def draw(seed: int, name: str) -> torch.Tensor:
            net, source = rv.Network(dt=1 * ms, seed=seed), rv.Poisson(200 * Hz, 9)
            net.source(name, source)
            return source.block(0, 50, net)

        assert torch.equal(draw(1, "a"), draw(1, "a"))
        assert not torch.equal(draw(1, "a"), draw(2, "a"))
        assert not torch.equal(draw(1, "a"), draw(1, "b"))

    def test_other_rates_change_no_spike_of_a_cell(self) -> None:
        """A cell's spikes depend on its own rate only."""
        slow, mixed = rv.Poisson(50 * Hz, 6), rv.Poisson(np.array([50, 900, 50, 0, 1000, 50.0]) * Hz, 6)
        first, second = (s.block(700, 2000, net_with(s)) for s in (slow, mixed))
        assert torch.equal(first[..., [0, 2, 5]], second[..., [0, 2, 5]])
        assert second[..., 4].all()

    @pytest.mark.parametrize("dt", [0.1, 1.0])
    def test_rates_over_many_orders(self, dt: float) -> None:
        """Rates that fall off like a Gaussian, to 1e-20 Hz and less: 645 spikes are expected in a second."""
        rates = 50 * np.exp(-(np.linspace(0, 1, 100) ** 2) / (2 * 0.1**2))
        source = rv.Poisson(rates * Hz, 100)
        counts = source.block(0, round(10_000 / dt), net_with(source, dt)).sum((0, 1)).numpy()
        assert abs(counts.sum() - 10 * rates.sum()) < 4 * np.sqrt(10 * rates.sum())
        assert not counts[rates < 1e-9].any()

    @pytest.mark.parametrize("rate", [0.0, 5e-324, 1e-300, 1e-18])
    def test_a_rate_next_to_nothing_is_silent(self, rate: float) -> None:
        source = rv.Poisson(np.full(1000, rate) * Hz, 1000)
        assert not source.block(0, 5000, net_with(source, 0.1)).any()

    @pytest.mark.parametrize("trains", [1, 2])
    def test_more_than_a_step_holds_is_refused(self, trains: int) -> None:
        for rate in (1e9, 1e300):
            source = rv.Poisson(rate * Hz, 2, trains=trains)
            with pytest.raises(DimensionError, match="per cell and step"):
                source.block(0, 1, net_with(source))
        with pytest.raises(DimensionError, match="non-finite"):
            rv.Poisson(float("inf") * Hz, 2, trains=trains)

    @pytest.mark.parametrize(
        ("rate", "size", "error", "message"),
        [
            (10, 3, DimensionError, "8\\*Hz"), (10 * ms, 3, DimensionError, "dimension ms"), (-1 * Hz, 3, DimensionError, "negative"),
            (float("nan") * Hz, 3, DimensionError, "non-finite"), (np.ones(4) * Hz, 3, ShapeError, r"\(4,\)"),
            (1 * Hz, 0, ShapeError, "size=0"), (1 * Hz, 2.5, ShapeError, "size=2.5"), (1 * Hz, True, ShapeError, "size=True"),
        ],
    )  # fmt: skip
    def test_mistakes(self, rate: object, size: int, error: type, message: str) -> None:
        with pytest.raises(error, match=message):
            rv.Poisson(rate, size)

    def test_a_rate_beyond_one_spike_a_step(self) -> None:
        source = rv.Poisson(3 * kHz, 2)
        with pytest.raises(DimensionError, match="lower the rate or dt"):
            source.block(0, 1, net_with(source))


class TestSpikeTrains:
    def test_steps_and_times(self) -> None:
        by_step = rv.SpikeTrains([2, 5], [0, 1], 2)
        by_time = rv.SpikeTrains([1.5, 3.0] * ms, [0, 1], 2)
        assert torch.equal(by_step.block(0, 9, net_with(by_step, 0.5)), by_time.block(0, 9, net_with(by_time, 0.5)))

    def test_any_order_and_doubles(self) -> None:
        source = rv.SpikeTrains([5, 2, 5, 5], [1, 0, 0, 1], 2)
        assert source.block(0, 7, net_with(source))[:, 0].tolist() == [[0, 0]] * 2 + [[1, 0]] + [[0, 0]] * 2 + [
            [1, 2],
            [0, 0],
        ]

    def test_no_spike_at_all(self) -> None:
        source = rv.SpikeTrains([], [], 3)
        assert not source.block(0, 5, net_with(source)).any()

    @pytest.mark.parametrize(
        ("time", "cell", "size", "error", "message"),
        [
            ([1], [3], 3, ShapeError, "cells 0 to 2"), ([1], [-1], 3, ShapeError, "-1"), ([1, 2], [0], 3, ShapeError, "equal length"),
            ([1.5], [0], 3, ShapeError, "whole numbers"), ([-1], [0], 3, ShapeError, "before the start"),
            ([1] * mV, [0], 3, DimensionError, "mV"), ([float("nan")] * ms, [0], 3, ShapeError, "not finite"),
            ([1], [0.5], 3, ShapeError, "whole numbers"), ([1], [0], 0, ShapeError, "size=0"),
        ],
    )  # fmt: skip
    def test_mistakes(self, time: object, cell: object, size: int, error: type, message: str) -> None:
        with pytest.raises(error, match=message):
            rv.SpikeTrains(time, cell, size)

    def test_times_that_no_run_reaches(self) -> None:
        source = rv.SpikeTrains([1.0, 1e300] * ms, [0, 0], 1)
        assert source.block(0, 9, net_with(source)).flatten().tolist() == [1.0] + [0.0] * 8
        with pytest.raises(ShapeError, match="at most 2"):
            rv.SpikeTrains([1], [1e300], 1)

    def test_a_spike_before_the_first_step(self) -> None:
        source = rv.SpikeTrains([0.1] * ms, [0], 1)
        with pytest.raises(ShapeError, match="before the first step"):
            source.block(0, 1, net_with(source))


class TestTimedArray:
    def test_rows_last_as_long_as_they_should(self) -> None:
        source = rv.TimedArray(np.array([[1.0], [2.0], [3.0]]), dt=1 * ms)
        assert source.block(0, 8, net_with(source, 0.5)).flatten().tolist() == [1, 1, 2, 2, 3, 3, 3, 3]

    def test_a_row_that_lasts_for_ever(self) -> None:
        source = rv.TimedArray(np.array([[1.0], [2.0]]), dt=1e300 * ms)
        assert source.block(0, 3, net_with(source)).flatten().tolist() == [1, 1, 1]

    def test_its_unit_meets_the_weight(self) -> None:
        net = rv.Network(dt=1 * ms)
        net.source("current", rv.TimedArray(np.ones((1, 2)) * nA))
        net.population("cells", 2, rv.CurrentLIF())
        net.connect("current", "cells", rv.OneToOne(), to="I", weight=0.5)
        with pytest.raises(DimensionError, match="1 is needed"):
            net.connect("current", "cells", rv.OneToOne(), to="I", weight=0.5 * nA)

    @pytest.mark.parametrize(
        ("values", "how", "error", "message"),
        [
            (np.ones(3), {}, ShapeError, r"values\[:, None\]"), (np.ones((0, 2)), {}, ShapeError, r"\(0, 2\)"),
            (np.array([[1.0], [np.inf]]), {}, ShapeError, r"inf at \[time, …\] = \(1, 0\)"), (np.ones((2, 2)), {"dt": 1}, DimensionError, "dt=1"),
            (np.ones((2, 2)), {"dt": -1 * ms}, DimensionError, "positive"),
        ],
    )  # fmt: skip
    def test_mistakes(self, values: object, how: dict, error: type, message: str) -> None:
        with pytest.raises(error, match=message):
            rv.TimedArray(values, **how)

    def test_rows_that_do_not_fit_the_steps(self) -> None:
        source = rv.TimedArray(np.ones((2, 2)), dt=1 * ms)
        with pytest.raises(DimensionError, match="not a multiple"):
            source.block(0, 1, net_with(source, 0.3))


def test_your_own_source_is_a_class_of_its_own() -> None:
    class Ramp(Source):
        """Counts."""

        shape, lag = (2,), 0

        def block(self, first: int, count: int, net: rv.Network) -> torch.Tensor:
            return torch.arange(first, first + count, dtype=net.dtype).reshape(-1, 1, 1).expand(-1, 1, 2)

    net = net_with(Ramp())
    net.population("out", 2, rv.Cell("y' = x : 1\nx : 1 (input)", emit="y"))
    net.connect("source", "out", rv.OneToOne(), to="x", weight=2.0)
    assert net.run(4 * ms, stream=0, record={"out": ["y"]})["out"].y[:, 1].tolist() == [0, 2, 4, 6]


@pytest.mark.parametrize("source", [np.ones((3, 2)), None, "poisson", rv.Poisson])
def test_what_is_no_source_is_refused(source: object) -> None:
    with pytest.raises(rv.network.GraphError, match=r"rv\.Poisson"):
        net_with(source)


@pytest.mark.parametrize(("shape", "said"),
    [((5, 3), r"shape \(5, 3\)"), ((7, 1, 3), r"\(7, 1, 3\)"), ((5, 1, 4), r"\(5, 1, 4\)"), (None, "ndarray")],
)  # fmt: skip
def test_what_an_own_source_gives_is_looked_at(shape: tuple[int, ...] | None, said: str) -> None:
    class Own(Source):
        def __init__(self) -> None:
            self.shape = (3,)

        def block(self, first: int, count: int, net: rv.Network) -> torch.Tensor:
            return np.zeros((count, 1, 3)) if shape is None else torch.ones(shape)  # type: ignore[return-value]

    net = rv.Network(dt=1 * ms, seed=1)
    net.source("own", Own())
    net.population("cells", 3, rv.LIF(tau=10 * ms))
    net.connect("own", "cells", rv.OneToOne())
    with pytest.raises(ShapeError, match=rf"Own\.block\(0, 5, graph\) gave .*{said}.* of shape \(5, 1, 3\)"):
        net.run(5 * ms, stream=0)
