"""Signals: functions of the step alone, equal to their formulas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.errors import DimensionError, EquationError, ShapeError
from ranvier.units import Hz, ms, mV, nA, second

SIGNALS = {
    "text": lambda: rv.Stimulus("x = 1*nA*sin(2*pi*30*Hz*t)", 5),
    "two lines": lambda: rv.Stimulus("a = b*t/ms\nx = a**2*nA : nA", 5, b=rv.Uniform(0, 1)),
    "step": lambda: rv.step_current(np.arange(5.0) * nA, 5, start=3 * ms, stop=17 * ms),
    "ramp": lambda: rv.ramp_current(0 * mV, 2 * mV, 5, start=[0, 1, 2, 3, 4] * ms, stop=20 * ms),
    "sine": lambda: rv.sine_current(1 * nA, 50 * Hz, 5, phase=np.arange(5.0), offset=2 * nA),
    "noise": lambda: rv.OrnsteinUhlenbeck(1 * nA, [0, 1, 2, 3, 4] * nA, 1 * ms, 5),
    "sum": lambda: rv.step_current(1 * nA, 5) + rv.OrnsteinUhlenbeck(0 * nA, 1 * nA, 2 * ms, 5),
    "trains": lambda: rv.Poisson(20 * Hz, 5, trains=100),
    "each rate": lambda: rv.Poisson([0, 1, 2, 30, 400] * Hz, 5, trains=3),
}


def net_with(source: rv.network.Source, dt: float = 0.5, seed: int = 0, **how: object) -> rv.Network:
    net = rv.Network(dt=dt * ms, seed=seed, **how)
    net.source("source", source)
    return net


@settings(max_examples=8)
@given(cuts=st.lists(st.integers(0, 3000), max_size=5))
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_blocks_join_to_the_same_bits(name: str, dtype: torch.dtype, cuts: list[int]) -> None:
    source = SIGNALS[name]()
    net = net_with(source, dtype=dtype)
    whole = source.block(0, 3000, net)
    assert whole.shape == (3000, 1, 5)
    assert whole.dtype == dtype
    pieces = [source.block(low, high - low, net) for low, high in itertools.pairwise([0, *sorted(cuts), 3000])]
    assert torch.equal(torch.cat(pieces), whole)


@pytest.mark.parametrize("name", SIGNALS)
def test_saved_and_loaded(name: str, tmp_path) -> None:
    source = SIGNALS[name]()
    net = net_with(source)
    rv.save(net, tmp_path / "net")
    again = rv.load(tmp_path / "net")
    assert torch.equal(again.sources["source"].block(7, 200, again), source.block(7, 200, net))


def test_formulas() -> None:
    t = np.arange(400) * 0.5
    expected = {
        "text": np.sin(2 * np.pi * 0.030 * t)[:, None] * np.ones(5),
        "step": np.where((t >= 3) & (t < 17), 1.0, 0.0)[:, None] * np.arange(5.0),
        "ramp": 2 * np.clip((t[:, None] - np.arange(5.0)) / (20 - np.arange(5.0)), 0, 1),
        "sine": 2 + np.sin(2 * np.pi * 0.05 * t[:, None] + np.arange(5.0)),
    }
    for name, values in expected.items():
        source = SIGNALS[name]()
        found = source.block(0, 400, net_with(source, dtype=torch.float64))[:, 0].numpy()
        np.testing.assert_allclose(found, values, atol=1e-12, err_msg=name)


def test_the_last_equation_is_emitted_and_units_are_found() -> None:
    source = rv.Stimulus("a = 3*mV\nx = a*b", 2, b=2 * nA)
    assert str(source.dimension) == str((mV * nA).dimension)
    assert source.block(0, 1, net_with(source)).tolist() == [[[6.0, 6.0]]]


class TestNoise:
    def test_moments_and_correlation_time(self) -> None:
        source = rv.OrnsteinUhlenbeck(3 * nA, 2 * nA, 5 * ms, 400)
        x = source.block(0, 4000, net_with(source, dtype=torch.float64))[:, 0].numpy()
        assert x.mean() == pytest.approx(3, abs=0.05)
        assert x.std() == pytest.approx(2, rel=0.02)
        assert x[0].std() == pytest.approx(2, rel=0.15)  # stationary from the first step
        for lag in (1, 10, 30):
            found = np.mean((x[lag:] - 3) * (x[:-lag] - 3)) / 4
            assert found == pytest.approx(np.exp(-lag * 0.5 / 5), abs=0.03)
        assert abs(np.corrcoef(x[:, 0], x[:, 1])[0, 1]) < 0.2

    def test_the_stretches_join_smoothly(self) -> None:
        """Steps 1023 -> 1024 begin a new stretch; the increment there is that of any other step."""
        source = rv.OrnsteinUhlenbeck(0 * nA, 1 * nA, 1 * ms, 2000)
        x = source.block(1000, 60, net_with(source, dtype=torch.float64))[:, 0].numpy()
        keep = np.exp(-0.5)
        increments = (x[1:] - keep * x[:-1]).std(1)
        np.testing.assert_allclose(increments, np.sqrt(1 - keep**2), rtol=0.1)

    def test_two_in_one_network_differ_and_seeds_do(self) -> None:
        net = net_with(rv.OrnsteinUhlenbeck(0 * nA, 1 * nA, 1 * ms) + rv.OrnsteinUhlenbeck(0 * nA, 1 * nA, 1 * ms))
        first, second = net.sources["source"].parts
        assert not torch.equal(first.block(0, 9, net), second.block(0, 9, net))
        other = net_with(rv.OrnsteinUhlenbeck(0 * nA, 1 * nA, 1 * ms), seed=1)
        same = net_with(rv.OrnsteinUhlenbeck(0 * nA, 1 * nA, 1 * ms), seed=0)
        blocks = [n.sources["source"].block(0, 9, n) for n in (other, same)]
        assert not torch.equal(*blocks)


class TestTrains:
    @pytest.mark.parametrize("mean", [0.01, 0.8, 12.0])
    def test_mean_and_variance_are_those_of_a_poisson_number(self, mean: float) -> None:
        source = rv.Poisson(mean / 200 / 0.5e-3 * Hz, 500, trains=200)
        x = source.block(0, 1000, net_with(source))[:, 0].double().numpy()
        assert x.mean() == pytest.approx(mean, rel=0.02)
        assert x.var() == pytest.approx(mean, rel=0.02)
        assert abs(np.corrcoef(x[:, 0], x[:, 1])[0, 1]) < 0.15

    def test_rate_zero_is_silent(self) -> None:
        source = rv.Poisson([0.0, 50.0] * Hz, 2, trains=2)
        x = source.block(0, 2000, net_with(source))[:, 0]
        assert x[:, 0].sum() == 0
        assert x[:, 1].sum() > 0

    def test_arrives_with_its_number(self) -> None:
        net = net_with(rv.Poisson(2000 * Hz, 3, trains=2), dtype=torch.float64)
        cell = rv.Cell("v' = v + x : 1\nx : 1 (input)", threshold="v > 1e9", reset="v = 0")
        net.population("cells", 3, cell)
        net.connect("source", "cells", rv.OneToOne(), to="x")
        run = net.run(50 * ms, stream=0, record={"cells": ["v"]})
        drawn = net.sources["source"].block(0, 100, net)[:, 0]
        expected = torch.cat([torch.zeros(1, 3, dtype=torch.float64), drawn.cumsum(0)[:-1]])  # one step later
        np.testing.assert_array_equal(run["cells"].v, expected)


def test_a_current_drives_cells_during_the_same_step() -> None:
    net = net_with(rv.step_current(1 * nA, 2, start=2 * ms), dtype=torch.float64)
    net.population("cells", 2, rv.Cell("x : nA (input)\ny' = x : nA", emit="y"))
    net.connect("source", "cells", rv.OneToOne(), to="x")
    assert net.run(4 * ms, stream=0, record={"cells": ["y"]})["cells"].y[:, 0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: rv.Stimulus("dx/dt = -x/ms : 1"), EquationError, "population"),
        (lambda: rv.Stimulus("x = xi*sqrt(ms)"), EquationError, "noise"),
        (lambda: rv.Stimulus("x : nA (input)"), EquationError, "equation"),
        (lambda: rv.Stimulus("x = 1*nA + 2*mV"), DimensionError, "cannot add"),
        (lambda: rv.Stimulus("x = 1*nA : mV"), DimensionError, "dimension"),
        (lambda: rv.Stimulus("x = q*nA"), EquationError, "unknown name 'q'"),
        (lambda: rv.Stimulus("x = b*nA", 3, b=[1, 2]), ShapeError, "3 cells"),
        (lambda: rv.Stimulus("x = 1*nA", 0), ShapeError, "size=0"),
        (lambda: rv.Stimulus("x = a*nA", a=rv.Learn(1.0)), EquationError, "learnt"),
        (lambda: rv.step_current(1 * nA, 2, start=5 * ms, stop=5 * ms), DimensionError, "not after"),
        (lambda: rv.step_current(1 * nA, 2, start=5), DimensionError, "start"),
        (lambda: rv.ramp_current(1 * nA, 1 * mV, stop=1 * second), DimensionError, "subtract|add"),
        (lambda: rv.sine_current(1 * nA, 5 * ms), DimensionError, "frequency"),
        (lambda: rv.OrnsteinUhlenbeck(0 * nA, -1 * nA, 1 * ms), DimensionError, "negative"),
        (lambda: rv.OrnsteinUhlenbeck(0 * nA, 1 * mV, 1 * ms), DimensionError, "sigma"),
        (lambda: rv.OrnsteinUhlenbeck(0 * nA, 1 * nA, 0 * ms), DimensionError, "tau"),
        (lambda: rv.Poisson(-1 * Hz, 3), DimensionError, "negative"),
        (lambda: rv.Poisson(1 * ms, 3), DimensionError, "rate"),
        (lambda: rv.step_current(1 * nA, 2) + rv.step_current(1 * nA, 3), ShapeError, "2 and 3"),
        (lambda: rv.step_current(1 * nA, 2) + rv.step_current(1 * mV, 2), DimensionError, "cannot add"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()


def test_a_value_that_is_not_finite_is_located() -> None:
    source = rv.Stimulus("x = 1*nA/(t/ms - 2)")
    with pytest.raises(EquationError, match="t = 2 ms"):
        source.block(0, 10, net_with(source))


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_a_comparison_that_no_time_decides(provider: str) -> None:
    """t > 10*t holds at no time after 0, and its borders are numbers to the compiler."""
    net = rv.Network(dt=1 * ms, provider=provider)
    net.source("s", rv.Stimulus("x = where(t > 10*t > 10*t > 10*ms, 2, 0) : 1"))
    net.population("c", 1, rv.Cell("v' = x : 1\nx : 1 (input)"))
    net.connect("s", "c", rv.OneToOne(), to="x")
    assert not net.run(30 * ms, record={"c": ["v"]})["c"].v.any()
