"""Every rule: the compiled circuit equals the reference, at any cut; the plan says how the circuit updates it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.units import Hz, ms, mV, uS
from tests.plasticity.conftest import make_cell
from tests.plasticity.rules import ALL, EAGER, LAZY

STEPS = 160


def build(circuit: Callable, name: str, provider: str | None = None, **how: object) -> rv.Network:
    if "_pre" not in ALL[name].every_step:
        return circuit(ALL[name], provider, **how)
    net = circuit(ALL["STDP"], provider, **how)
    net.connect(
        "cells", "cells", rv.FixedProbability(0.4), to="g", weight=rv.units.mV, plasticity=ALL[name], name="more"
    )
    return net


@pytest.mark.parametrize("name", ALL)
def test_the_compiled_circuit_equals_the_reference_at_any_cut(circuit: Callable, name: str) -> None:
    nets = build(circuit, name), build(circuit, name, "reference")
    assert ("cells",) in nets[0].plan().circuits
    assert ("cells",) not in nets[1].plan().circuits
    fast, slow = (net.run(STEPS * 0.5 * ms, stream=0, record={"cells": ["spikes", "v"]}) for net in nets)
    assert len(fast["cells"].spikes) > 40
    before = nets[0].initial_state(1, stream=0).synapses
    moved = {v for n in before for v in before[n] if not torch.equal(before[n][v], fast.state.synapses[n][v])}
    assert moved or name.startswith("release")
    np.testing.assert_array_equal(fast["cells"].spikes.step, slow["cells"].spikes.step)
    np.testing.assert_array_equal(fast["cells"].spikes.cell, slow["cells"].spikes.cell)
    np.testing.assert_allclose(fast["cells"].v, slow["cells"].v, rtol=1e-9)
    ours, theirs = fast.state.tensors(), slow.state.tensors()
    for key in ours:
        torch.testing.assert_close(ours[key], theirs[key], rtol=1e-9, atol=1e-12)
    state = None
    for part in (1, 76, 0, 2, STEPS - 79):
        state = nets[0].run(part * 0.5 * ms, stream=0, state=state).state
    for key, value in state.tensors().items():
        torch.testing.assert_close(value, ours[key], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["short and long", "release", "dopamine"])
@settings(max_examples=4)
@given(cuts=st.lists(st.integers(0, STEPS), max_size=3))
def test_any_cut_and_any_recording(circuit: Callable, name: str, cuts: list[int]) -> None:
    net, state = build(circuit, name), None
    whole = net.run(STEPS * 0.5 * ms, stream=0).state.tensors()
    for low, high in pairwise([0, *sorted(cuts), STEPS]):
        state = net.run(
            (high - low) * 0.5 * ms, stream=0, state=state, record={"recurrent": ["w"]}, every=10 * ms
        ).state
    for key, value in (state or net.initial_state()).tensors().items():
        torch.testing.assert_close(value, whole[key], rtol=1e-9, atol=1e-12)


def test_the_plan_says_how_and_why(circuit: Callable) -> None:
    for name in LAZY:
        assert "lazily and exactly" in str(build(circuit, name).plan()), name
    for name in EAGER:
        assert "eagerly, every synapse in every step: " in str(build(circuit, name).plan()), name
    assert "step by step" in str(build(circuit, "STDP", "reference").plan())


def test_single_precision_is_close(circuit: Callable) -> None:
    for name in ("triplet", "dopamine", "release", "facilitating"):
        fast, slow = (
            build(circuit, name, p, dtype=torch.float32).run(40 * ms, stream=0).state.synapses["recurrent"]
            for p in (None, "reference")
        )
        for variable in fast:
            torch.testing.assert_close(fast[variable], slow[variable], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["STDP", "dopamine", "pre"])
def test_between_populations(name: str) -> None:
    """Rules see cells at both ends, and all three populations are one circuit."""
    runs = []
    for provider in (None, "reference"):
        net = rv.Network(dt=0.5 * ms, seed=3, dtype=torch.float64, provider=provider)
        net.source("input", rv.Poisson(60 * Hz, 23))
        for population, cells in (("first", 11), ("second", 7), ("third", 5)):
            net.population(population, cells, make_cell())
        net.connect("input", "first", rv.AllToAll(), to="g", weight=1 * mV)
        net.connect(
            "first", "second", rv.AllToAll(), to="g", weight=1 * mV, delay=2 * ms, plasticity=ALL[name], name="learnt"
        )
        gap = rv.GapJunction()
        for pre, post in (("second", "third"), ("third", "second")):
            net.connect(pre, post, rv.AllToAll(), to="c", weight=2e-4 * uS, plasticity=gap)
        net.connect("input", "third", rv.AllToAll(), to="g", weight=0.7 * mV)
        loops = {frozenset(m) for m in net.plan().circuits}
        assert loops == (set() if provider else {frozenset(("first", "second", "third"))})
        runs.append(net.run(60 * ms, stream=0, record={n: ["spikes"] for n in ("first", "second", "third")}))
    assert len(runs[0]["second"].spikes) > 5
    for population in ("second", "third"):
        np.testing.assert_array_equal(*(run[population].spikes.step for run in runs))
    for key, value in runs[0].state.tensors().items():
        torch.testing.assert_close(value, runs[1].state.tensors()[key], rtol=1e-9, atol=1e-12)
