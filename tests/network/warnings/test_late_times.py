"""The time is right to a rounding of float64 wherever equations read it, however long a run lasts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import Hz, kHz, ms, nA

HOUR = 36_000_000  # steps of 0.1 ms
STARTS = [0, 3_338_000, HOUR, 10**10]
WAVE = "y = sin(2*pi*f*t) : 1\non = int(t >= start) : 1\ndv/dt = (y + on - v)/(10*ms) : 1\ndg/dt = -g/(5*ms) : 1"


def alone(net: rv.Network) -> None:
    """One population."""


def circuit(net: rv.Network) -> None:
    """A compiled circuit."""
    net.connect("cells", "cells", rv.AllToAll(autapses=False), to="g", weight=0.0, delay=0.3 * ms)


def plastic(net: rv.Network) -> None:
    """A circuit with plastic synapses."""
    net.connect("cells", "cells", rv.AllToAll(autapses=False), to="g", weight=0.0, plasticity=rv.plasticity.STDP())


def run(
    build: Callable, provider: str | None, start: int, steps: int, cut: int | None = None
) -> tuple[np.ndarray, ...]:
    """y, on and v of the last cell in the steps from ``start`` on."""
    net = rv.Network(dt=0.1 * ms, seed=1, provider=provider)
    cell = rv.Cell(WAVE, threshold="v > 10", reset="v = 0", f=1 * kHz, start=(start + 21) * 0.1 * ms)
    net.population("cells", 3, cell)
    build(net)
    state = replace(net.initial_state(1, stream=0), step=start)
    pieces = []
    for count in [steps] if cut is None else [cut, steps - cut]:
        made = net.run(count * 0.1 * ms, state, record={"cells": ["y", "on", "v"]})
        pieces.append([made["cells"].y[:, 2], made["cells"].on[:, 2], made["cells"].v[:, 2]])
        state = made.state
    return tuple(np.concatenate(x) for x in zip(*pieces, strict=True))


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("build", [alone, circuit])
def test_waves_and_switches_after_any_time(build: Callable, provider: str, start: int) -> None:
    y, on, v = run(build, provider, start, 50)
    phase = 2e-16 * 2 * np.pi * start / 10  # what float64 itself leaves of the angle
    np.testing.assert_allclose(y, np.sin(2 * np.pi * np.arange(50) / 10), rtol=0, atol=1e-7 + 2 * phase)
    assert on.tolist() == [float(n >= 21) for n in range(50)]
    np.testing.assert_array_equal(np.stack(run(build, provider, start, 50, cut=17)), np.stack((y, on, v)))


@pytest.mark.parametrize("start", [0, HOUR])
def test_a_circuit_with_plastic_synapses(start: int) -> None:
    np.testing.assert_array_equal(np.stack(run(plastic, None, start, 40)), np.stack(run(circuit, None, start, 40)))


def sequence(f: object, provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(1)
    cell = rv.Cell(
        "dv/dt = (x + sin(2*pi*f*t) - v)/(10*ms) : 1\nx : 1 (input)",
        threshold="v > 0.5",
        reset="v = 0",
        f=f,
        size=5,
        name="c",
    )
    return rv.Sequential(
        rv.Linear(4, 5), cell, rv.Linear(5, 3), rv.LeakyReadout(3, tau=20 * ms), dt=0.1 * ms, seed=1, provider=provider
    )


@pytest.mark.parametrize("f", [1 * kHz, rv.Uniform(900 * Hz, 1100 * Hz)])
def test_calls_fused_and_step_by_step(f: object) -> None:
    x = (torch.rand(30, 2, 4, generator=torch.Generator().manual_seed(1)) < 0.4).float()
    made = {}
    for provider in ("cpu", "reference"):
        net = sequence(f, provider)
        for start in (0, HOUR * 10):
            state = replace(net.initial_state(2, stream=0), step=start)
            out, after = net(x, state)
            first, middle = net(x[:11], state)
            np.testing.assert_allclose(torch.cat([first, net(x[11:], middle)[0]]).detach(), out.detach(), atol=1e-6)
            made[provider, start] = out.detach()
            assert after.step == start + 30
    torch.testing.assert_close(made["cpu", HOUR * 10], made["reference", HOUR * 10], rtol=1e-4, atol=1e-5)
    if f == 1 * kHz:
        torch.testing.assert_close(made["cpu", HOUR * 10], made["cpu", 0], rtol=1e-4, atol=1e-5)


def test_the_gradient_of_a_frequency_passes_through_the_time() -> None:
    def loss(f: float) -> tuple[torch.Tensor, rv.Sequential]:
        cell = rv.Cell(
            "dv/dt = (x + sin(2*pi*f*t) - v)/(10*ms) : 1\nx : 1 (input)", emit="v", f=rv.Learn(f * kHz), size=2
        )
        torch.manual_seed(1)
        net = rv.Sequential(rv.Linear(1, 2), cell, dt=0.1 * ms, dtype=torch.float64, seed=1)
        return net(torch.ones(40, 1, 1))[0].pow(2).sum(), net

    total, net = loss(0.3)
    total.backward()
    found = float(next(p for n, p in net.named_parameters() if n.endswith(".f")).grad)
    step = 1e-6
    assert found == pytest.approx((loss(0.3 + step)[0] - loss(0.3 - step)[0]).item() / (2 * step), rel=1e-6)


def test_stimuli_switch_at_the_right_step() -> None:
    net = rv.Network(dt=0.7 * ms, seed=1)
    for start in (2.1 * ms, 3 * 0.7 * ms):
        on = rv.Stimulus("x = int(t >= start)", start=start)
        assert on.block(0, 6, net).flatten().tolist() == [0, 0, 0, 1, 1, 1]
    late = rv.Stimulus("x = int(t >= start)", start=(HOUR + 3) * 0.7 * ms)
    assert late.block(HOUR, 6, net).flatten().tolist() == [0, 0, 0, 1, 1, 1]
    assert rv.Stimulus("x = sin(2*pi*f*t)", f=10 * Hz).block(HOUR, 1, net).abs() < 1e-7


def test_a_time_kept_in_float32_is_told_when_it_loses_digits() -> None:
    def network(
        text: str, reset: str = "", dtype: torch.dtype = torch.float32, plasticity: object = None
    ) -> rv.Network:
        net = rv.Network(dt=0.1 * ms, seed=1, dtype=dtype)
        cell = rv.Cell(text, threshold="v > 1", reset=reset, v=0) if text else rv.CurrentLIF()
        net.population("cells", 2, cell)
        if plasticity:
            net.connect("cells", "cells", rv.AllToAll(autapses=False), to="I", weight=0 * nA, plasticity=plasticity)
        return net

    def late(net: rv.Network) -> None:
        net.run(0.1 * ms, replace(net.initial_state(1, stream=0), step=HOUR))

    since = "v' = v*exp(-(t - last)/(10*ms)) : 1\nlast' = last : ms"
    count = rv.Plasticity("n' = n : 1", on_pre="n = t/ms")
    gate = rv.Plasticity("last' = last : ms", on_pre="w += 0.001*w*int(t > 10*second)*(t - last)/ms; last = t")
    number = "v' = v : 1\nn' = n : 1"
    with pytest.warns(rv.errors.RanvierWarning, match=r"'n' of population 'cells' .*grows with the time t.*unit ms"):
        late(network(number, "n = t/ms"))
    net = network("")
    late(net)
    net.population("more", 2, rv.Cell(number, threshold="v > 1", reset="n = t/ms", v=0))
    with pytest.warns(rv.errors.RanvierWarning, match="'n' of population 'more' .*grows with the time t"):
        late(net)
    with pytest.warns(
        rv.errors.RanvierWarning, match=r"'n' of projection 'cells_to_cells.*' grows with the time t.*unit ms"
    ):
        late(network("", plasticity=count))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        late(network(since, "last = t"))
        late(network(number, "n = n + 1"))
        late(network(number, "n = t/ms", torch.float64))
        network(number, "n = t/ms").run(0.1 * ms)
        late(network("", plasticity=gate))
        run(alone, None, HOUR, 3)


LAST = rv.Plasticity(
    "t_pre' = t_pre : ms\nt_post' = t_post : ms",
    on_pre="w += A_minus*exp(-(t - t_post)/tau) + B*sin(2*pi*f*t)\nt_pre = t",
    on_post="w += A_plus*exp(-(t - t_pre)/tau)*int(t - t_pre <= window)\nt_post = t",
    A_minus=-0.11,
    A_plus=0.1,
    B=0.01,
    f=1 * kHz,
    tau=20 * ms,
    window=3 * ms,
)
PARTED = rv.Plasticity(
    "t_pre' = t_pre : ms",
    on_pre="t_pre = t",
    on_post="w += A*(t - t_pre)/tau",
    A=0.01,
    tau=rv.Uniform(10 * ms, 20 * ms),
)
EAGER = rv.Plasticity(
    "dx/dt = (sin(2*pi*f*t) - x)/tau : 1\nt_pre' = t_pre : ms",
    on_pre="t_pre = t",
    every_step="w += 0.001*x + 0.01*int(t - t_pre == 0.5*ms)",
    f=1 * kHz,
    tau=5 * ms,
)
PRE, POST = [3, 14, 30, 41, 77], [9, 20, 44, 60]


def pairs(rule: rv.Plasticity, provider: str, dtype: torch.dtype, start: int, cells: int = 19) -> rv.Network:
    """Spikes at steps of our choice on both sides of plastic synapses."""
    net = rv.Network(dt=0.1 * ms, seed=1, dtype=dtype, provider=provider)
    relays = {"before": PRE, "after": POST}
    for name, steps in relays.items():
        drive = rv.SpikeTrains(
            (np.repeat(steps, cells) + start) * 0.1 * ms, np.tile(np.arange(cells), len(steps)), cells
        )
        net.source(f"{name}_drive", drive)
        net.population(name, cells, rv.Cell("v' = x : 1\nx : 1 (input)\ng' = g/2 : 1", threshold="v > 0.5"))
        net.connect(f"{name}_drive", name, rv.OneToOne(), to="x", weight=1.0)
    net.connect("before", "after", rv.AllToAll(), to="g", weight=0.01, plasticity=rule, name="learnt")
    return net


def by_pairs() -> float:
    """The weight after the rule LAST: a spike of step n counts in step n + 1 on both sides."""
    w, pre, post = 0.01, -1e9, -1e9
    for n in range(90):
        t = n / 10
        if n - 1 in PRE:
            w, pre = w - 0.11 * np.exp(-(t - post) / 20) + 0.01 * np.sin(2 * np.pi * t), t
        if n - 1 in POST:
            w, post = w + 0.1 * np.exp(-(t - pre) / 20) * (round(10 * (t - pre)) <= 30), t
    return w


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_synapses_that_hold_the_times_of_spikes(provider: str, dtype: torch.dtype) -> None:
    late = 10**10
    for rule, expected in ((LAST, by_pairs()), (PARTED, None), (EAGER, None)):
        ends = []
        for start in (0, late):
            net = pairs(rule, provider, dtype, start)
            state = replace(net.initial_state(1, stream=0), step=start)
            before = {
                n: v if n not in ("t_pre", "t_post") else v - 1e9 + 0.1 * start
                for n, v in state.synapses["learnt"].items()
            }
            state = replace(state, synapses={"learnt": before})
            made = net.run(9 * ms, state, record={"before": ["spikes"], "after": ["spikes"], "learnt": ["w", "t_pre"]})
            assert sorted({*made["before"].spikes.step}) == [start + n for n in PRE]
            ends.append(made.state.synapses["learnt"])
            assert made["learnt"].t_pre.dtype == np.float64
            cut = net.run(5.2 * ms, net.run(3.8 * ms, state).state).state.synapses["learnt"]
            for n, v in cut.items():
                torch.testing.assert_close(v, ends[-1][n], rtol=0, atol=0)
        early, then = ends
        assert then["t_pre"].dtype == torch.float64
        arrived = PRE[-1] + 1
        assert then["t_pre"].unique().tolist() == [float(rv.units.steps.times_at(late + arrived, 0.1))]
        assert not torch.equal(early["w"], torch.full_like(early["w"], 0.01))
        torch.testing.assert_close(then["w"], early["w"], rtol=2e-6, atol=1e-7)
        if expected is not None:
            torch.testing.assert_close(
                then["w"].double(), torch.full_like(then["w"].double(), expected), rtol=0, atol=1e-7
            )
