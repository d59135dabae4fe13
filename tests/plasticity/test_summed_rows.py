"""What rows and columns hold, potentiation added up over long times, and rules that must not be added up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier import plasticity
from ranvier.kernels.tasks import PlasticProjection, RowRule
from ranvier.network.run import _circuit as _compiled
from ranvier.units import Hz, ms, mV
from tests.plasticity.rules import ALL

#: with tau = 2 ms and dt = 0.5 ms sums begin anew every 8 steps, and all rows are caught up every 128
SHORT: dict[str, Any] = {"tau_plus": 2 * ms, "tau_minus": 3 * ms, "A_plus": 0.1 * mV, "w_max": 2 * mV}


def build(
    rule: rv.Plasticity, wiring: rv.connectivity.Connectivity | None = None, provider: str | None = None, *, weight: object = None,
    delay: object = None,
) -> rv.Network:  # fmt: skip
    net = rv.Network(dt=0.5 * ms, seed=4, dtype=torch.float64, provider=provider)
    cell = rv.Cell(
        "dv/dt = (E_L - v + g)/tau_m : mV\ndg/dt = -g/tau_s : mV", threshold="v > V_t", reset="v = V_r", v=rv.Uniform(-65 * mV, -51 * mV),
        E_L=-49 * mV, V_t=-50 * mV, V_r=-60 * mV, tau_m=10 * ms, tau_s=3 * ms,
    )  # fmt: skip
    net.source("input", rv.Poisson(30 * Hz, 21))
    net.population("cells", 19, cell)
    weight = rv.Uniform(0.9 * mV, 2 * mV) if weight is None else weight
    net.connect(
        "input", "cells", wiring or rv.AllToAll(), to="g", weight=weight, delay=delay, plasticity=rule, name="learnt"
    )
    return net


def rule_of(net: rv.Network, monkeypatch: pytest.MonkeyPatch) -> RowRule:
    """The rule that the loop runs."""
    seen: list[PlasticProjection] = []
    whole = _compiled.as_rows

    def spy(*given: Any) -> PlasticProjection:
        seen.append(whole(*given))
        return seen[-1]

    with monkeypatch.context() as patch:
        patch.setattr(_compiled, "as_rows", spy)
        net.run(1 * ms, stream=0)
    return seen[0].rule


def same(a: rv.network.State, b: rv.network.State) -> None:
    for key, value in a.tensors().items():
        torch.testing.assert_close(value, b.tensors()[key], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("steps", [8, 127, 128, 129, 136, 400])
@pytest.mark.parametrize("wiring", [rv.AllToAll(), rv.FixedProbability(0.4)], ids=["dense", "sparse"])
def test_sums_agree_with_the_reference_over_many_blocks(wiring: rv.connectivity.Connectivity, steps: int) -> None:
    rule = plasticity.STDP(A_minus=-0.11 * mV, **SHORT)
    fast, slow = (
        build(rule, wiring, p).run(steps * 0.5 * ms, stream=0, record={"cells": ["spikes"]})
        for p in (None, "reference")
    )
    np.testing.assert_array_equal(fast["cells"].spikes.step, slow["cells"].spikes.step)
    assert steps < 100 or len(fast["cells"].spikes) > 20
    same(fast.state, slow.state)


@pytest.mark.parametrize(
    "wiring", [rv.FixedInDegree(9, multapses=True), rv.FixedProbability(0.4)], ids=["twice", "once"]
)
def test_two_synapses_of_one_pair_and_delays_of_their_own(wiring: rv.connectivity.Connectivity) -> None:
    rule, late = plasticity.STDP(A_minus=-0.11 * mV, **SHORT), rv.Uniform(0 * ms, 3 * ms)
    runs = [build(rule, wiring, p, delay=late).run(140 * ms, stream=0) for p in (None, "reference")]
    same(runs[0].state, runs[1].state)


@pytest.mark.parametrize(
    ("name", "cut"), [("power law", 4096), ("power law", 4100), ("STDP", 4096), ("facilitating", 5000)]
)
def test_a_long_call_equals_short_ones(name: str, cut: int) -> None:
    net, total = build(ALL[name]), 8192
    whole = net.run(total * 0.5 * ms, stream=0, record={"cells": ["spikes"]})
    assert len(whole["cells"].spikes) > 500
    state = net.initial_state(stream=0)
    for steps in (700, cut - 700, 1, total - cut - 1):
        state = net.run(steps * 0.5 * ms, stream=0, state=state).state
    same(whole.state, state)


@pytest.mark.parametrize(
    ("name", "row", "column", "summed"),
    [
        ("STDP", ("x_plus",), ("x_minus",), True), ("triplet", ("r1", "r2"), ("o1", "o2"), True),
        ("power law", ("x_plus",), ("x_minus",), False), ("multiplicative", ("x_plus",), ("x_minus",), True),
        ("short and long", ("x", "x_plus"), ("x_minus",), True), ("BCM", ("x",), ("y", "theta"), False),
        ("dopamine", ("x_plus",), ("x_minus",), False),
    ],
)  # fmt: skip
def test_what_all_synapses_of_a_cell_share_is_held_once(
    circuit: Callable, monkeypatch: pytest.MonkeyPatch, name: str, row: tuple[str, ...], column: tuple[str, ...], summed: bool
) -> None:  # fmt: skip
    rule = rule_of(circuit(ALL[name]), monkeypatch)
    assert (rule.row, rule.column, rule.additive is not None) == (row, column, summed)


SIGNS = rv.Plasticity(
    "dx/dt = -x/tau : 1\ndy/dt = -y/tau : 1", on_pre="x += 1", on_post="w = clip(w + A*x*(y - 0.5), 0*mV, w_max); y += 1",
    tau=8 * ms, A=0.3 * mV, w_max=2 * mV,
)  # fmt: skip
NOT_SUMMED = {
    "weights beyond the limits": (plasticity.STDP(A_minus=-0.11 * mV, **SHORT), rv.Uniform(1.5 * mV, 2.5 * mV)),
    "amounts of both signs": (SIGNS, None),
    "on_pre without limits": (
        rv.Plasticity(
            "dx/dt = -x/tau : 1", on_pre="x += 1; w -= B", on_post="w = clip(w + A*x, 0*mV, w_max)", tau=8 * ms,
            A=0.3 * mV, B=0.1 * mV, w_max=2 * mV,
        ),
        None,
    ),
    "a trace per synapse": (
        rv.Plasticity(
            "dx/dt = -x/tau : 1", on_pre="x += B", on_post="w += A*x", tau=8 * ms, A=0.1 * mV, B=rv.Uniform(0, 1)
        ),
        None,
    ),
    "a start per synapse": (
        rv.Plasticity("dx/dt = -x/tau : 1", on_pre="x += 1", on_post="w += A*x", tau=8 * ms, A=0.1 * mV, x=rv.Uniform(0, 1)),
        None,
    ),
    "growing traces": (
        rv.Plasticity("dx/dt = x/tau : 1", on_pre="x = 1", on_post="w += A*x", tau=80 * ms, A=0.01 * mV),
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_SUMMED)
def test_rules_that_cannot_be_added_up_are_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule, weight = NOT_SUMMED[name]
    assert rule_of(build(rule, weight=weight), monkeypatch).additive is None
    fast, slow = (build(rule, None, p, weight=weight).run(60 * ms, stream=0) for p in (None, "reference"))
    same(fast.state, slow.state)


def test_limits_that_fall_below_the_weights_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule is chosen anew for every call: a state from elsewhere may break what was true before."""
    rule = plasticity.STDP(A_minus=-0.11 * mV, **SHORT)
    fast, slow = build(rule), build(rule, None, "reference")
    state = fast.run(30 * ms, stream=0).state
    state.synapses["learnt"]["w"].add_(1.0)
    state.synapses["learnt"]["x_plus"][0, 3] = 0.2
    same(fast.run(60 * ms, stream=0, state=state).state, slow.run(60 * ms, stream=0, state=state).state)


def test_poisson_spikes_as_a_list_are_those_of_the_array() -> None:
    net = build(ALL["STDP"])
    source = net.sources["input"]
    dense = source.block(37, 3000, net)[:, 0]
    step, cell = source.spikes(37, 3000, net)
    assert len(step) == len(set(zip(step.tolist(), cell.tolist(), strict=True))) == int(dense.sum()) > 500
    assert bool((dense[torch.from_numpy(step - 37), torch.from_numpy(cell)] == 1).all())
