"""Warnings that a first state or an input gives: said once, with value, place and remedy, and not where all is well."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierWarning, ShapeError
from ranvier.units import ms, mV, nA

CELLS = [rv.AdEx, rv.ALIF, rv.CurrentLIF, rv.HodgkinHuxley, rv.Izhikevich, rv.LIF, rv.TraubMiles]


def _alone(cell: rv.Cell, dt: float = 0.1, **values: object) -> rv.Network:
    net = rv.Network(dt=dt * ms)
    net.population("cells", 3, cell, **values)
    return net


class TestThresholds:
    def test_a_cell_that_starts_above_is_named_once(self) -> None:
        net = _alone(rv.CurrentLIF(), v=np.array([-65.0, -45.0, -65.0]) * mV)
        with pytest.warns(
            RanvierWarning, match=r"'cells': cell 1 starts beyond its threshold 'v >= V_th' \(v = -45 mV\)"
        ):
            net.run(1 * ms)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            net.run(1 * ms)

    def test_before_a_call_too(self) -> None:
        net = rv.Sequential(rv.Linear(2, 3), rv.LIF(3, v=1.5), rv.Linear(3, 1), rv.LeakyReadout(1), dt=1 * ms)
        with pytest.warns(RanvierWarning, match="'lif1': cell 0 starts beyond"):
            net(torch.zeros(4, 1, 2))

    def test_an_adaptive_threshold_counts(self) -> None:
        with pytest.warns(RanvierWarning, match="starts beyond"):
            _alone(rv.ALIF(v=1.5, a=0.2)).run(1 * ms)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _alone(rv.ALIF(v=1.5, a=0.4)).run(1 * ms)


class TestSteps:
    @pytest.mark.parametrize(
        ("cell", "dt", "message"),
        [
            (lambda: rv.LIF(tau=0.02 * ms), 1.0, "v decays with a time constant of 0.02 ms, but a step takes 1 ms"),
            (lambda: rv.CurrentLIF(tau_s=0.2 * ms), 1.0, "I decays with a time constant of 0.2 ms"),
            (lambda: rv.HodgkinHuxley(method="exponential_euler"), 1.0, "m decays with a time constant of 0.237 ms"),
            (lambda: rv.AdEx(), 25.0, r"v decays with a time constant of 9.\d+ ms, but a step takes 25 ms \(euler\)"),
        ],
    )
    def test_a_step_far_beyond_a_time_constant(self, cell: Callable[[], rv.Cell], dt: float, message: str) -> None:
        with pytest.warns(RanvierWarning, match=message):
            _alone(cell(), dt).run(dt * ms)

    @pytest.mark.parametrize("cell", CELLS)
    def test_ready_made_cells_at_their_usual_step_say_nothing(self, cell: Callable[[], rv.Cell]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _alone(cell(), 0.1).run(1 * ms)

    def test_a_time_constant_a_little_shorter_than_a_step_is_fine(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _alone(rv.LIF(tau=0.4 * ms), 1.0).run(1 * ms)


class TestAxes:
    def _net(self) -> rv.Network:
        return rv.Sequential(rv.Linear(4, 2), rv.LeakyReadout(2), dt=1 * ms)

    def test_an_input_turned_round_between_two_calls(self) -> None:
        net = self._net()
        net(torch.zeros(10, 3, 4))
        with pytest.warns(
            RanvierWarning, match=r"3 steps of 10 samples, but the last one had 10 steps of 3.*transpose"
        ):
            net(torch.zeros(3, 10, 4))

    def test_other_sizes_say_nothing(self) -> None:
        net = self._net()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for shape in ((10, 3), (10, 2), (7, 3), (3, 3), (3, 3), (1, 3)):
                net(torch.zeros(*shape, 4))

    def test_lengths_of_the_other_axis(self) -> None:
        with pytest.raises(ShapeError, match=r"shape \(3,\).*If the input is \[B, T, …\]"):
            self._net()(torch.zeros(10, 3, 4), lengths=torch.full((10,), 2))

    def test_targets_of_the_other_axis(self) -> None:
        out, _ = self._net()(torch.zeros(3, 10, 4))
        with pytest.raises(rv.errors.TrainingError, match=r"transpose an input that is \[B, T"):
            rv.losses.MeanMembrane()(out, torch.zeros(3, dtype=torch.long))


def test_a_current_decides_no_start() -> None:
    """A threshold on an input is left alone."""
    cell = rv.Cell("dv/dt = (I*nA_ - v)/tau : 1\nI : nA (input)", threshold="v > 1", tau=5 * ms, nA_=1 / nA)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _alone(cell).run(1 * ms)
