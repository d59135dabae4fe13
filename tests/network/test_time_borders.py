"""Every border that takes a time counts it in whole steps, however the time was computed."""

from __future__ import annotations

import random

import numpy as np
import pytest

import ranvier as rv
from ranvier.errors import DimensionError
from ranvier.units import ms, us

STEPS = [0.1, 0.3, 0.7, 0.05, 1 / 3, 0.0125, 1.1]


def network(dt: float) -> rv.Network:
    net = rv.Network(dt=dt * ms, seed=1)
    cell = rv.Cell("v' = v*0 + x : 1\nx : 1 (input)", threshold="v > 0.5", reset="v = 0", refractory=7 * dt * ms)
    net.population("cells", 2, cell)
    return net


@pytest.mark.parametrize("dt", STEPS)
def test_durations_and_recording_intervals(dt: float) -> None:
    net, chosen = network(dt), random.Random(1)
    for n in [3, 7, 21, *(chosen.randint(1, 400) for _ in range(4))]:
        for time in (n * dt * ms, n * (1000 * dt) * us):
            run = net.run(time, record={"cells": [rv.Sample("v", every=time)]})
            assert run.state.step == n
            assert run["cells"].v.shape == (1, 2)
    with pytest.raises(DimensionError, match="not a whole number of steps"):
        net.run(2.5 * dt * ms)


@pytest.mark.parametrize("dt", STEPS)
def test_delays_spike_trains_and_arrays(dt: float) -> None:
    chosen = random.Random(2)
    for n in [3, 6, *(chosen.randint(1, 60) for _ in range(2))]:
        net = network(dt)
        net.source("given", rv.SpikeTrains([n * dt] * ms, [0], 1))
        net.connect("given", "cells", rv.AllToAll(), delay=n * dt * ms)
        run = net.run((3 * n + 5) * dt * ms, record={"cells": ["spikes"], "given": ["spikes"]})
        assert run["given"].spikes.step.tolist() == [n - 1]
        assert run["cells"].spikes.step.tolist() == [2 * n, 2 * n]
        assert run["given"].spikes.times[0] == pytest.approx(n * dt, rel=1e-15)
        held = rv.TimedArray(np.arange(4.0)[:, None], dt=n * dt * ms)
        rows = held.block(0, 4 * n, net).flatten().tolist()
        assert rows == [float(k // n) for k in range(4 * n)]


@pytest.mark.parametrize("dt", STEPS)
def test_windows_of_statistics(dt: float) -> None:
    net = network(dt)
    net.source("drive", rv.TimedArray(np.ones((1, 2))))
    net.connect("drive", "cells", rv.OneToOne())
    run = net.run(160 * dt * ms, record={"cells": [rv.SpikeStatistics(after=24 * dt * ms, window=16 * dt * ms)]})
    assert run["cells"].statistics.fano == pytest.approx(0), "one spike in 8 steps, so two in every window"
    with pytest.raises(DimensionError, match="SpikeStatistics: window"):
        net.run(5 * dt * ms, record={"cells": [rv.SpikeStatistics(window=2.5 * dt * ms)]})
