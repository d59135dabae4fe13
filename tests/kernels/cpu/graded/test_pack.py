"""Synapses that stay as they are and send in every step: equal to the reference, and in bits on threads and at any cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import Hz, ms, mV
from tests.kernels.providers.tuned import threaded

CELL = """
dv/dt = (I + coupled - v)/tau : mV (unless refractory)
du/dt = (v - u)/tau : mV
coupled : mV (input)
"""
RULES = {
    "gap junction": rv.GapJunction(unit="1"),
    "of a parameter of each synapse": rv.Plasticity(
        every_step="sent = w*tanh((v_pre - E)/(10*mV))*u_post", unit="1", E=rv.Uniform(0 * mV, 5 * mV)
    ),
    "of rows": rv.Plasticity(
        "dx/dt = -x/(2*ms) : 1\nds/dt = -s/(50*ms) + 0.5*x*(1 - s)/ms : 1",
        on_pre="x += 1", every_step="sent = w*s*(5*mV - v_post)", unit="1",
    ),
    "of columns": rv.Plasticity(
        "dy/dt = -y/(20*ms) : 1", on_post="y += 1", every_step="sent = -w*y*v_pre", unit="1"
    ),
}  # fmt: skip


def build(rule: str, provider: str | None = None, dtype: torch.dtype = torch.float64) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, seed=1, dtype=dtype, provider=provider)
    cell = rv.Cell(CELL, threshold="v > 20*mV", reset="v = 0*mV", refractory=1 * ms, tau=10 * ms, I=0 * mV)
    for name, size in (("a", 150), ("b", 21)):
        net.population(name, size, cell, I=np.linspace(18, 30, size) * mV, v=rv.Uniform(0 * mV, 20 * mV))
    if "v_pre" not in RULES[rule].every_step:
        net.source("input", rv.Poisson(100 * Hz, 30))
    for pre, post, how in (
        ("a", "a", rv.FixedProbability(0.05)),
        ("a", "b", rv.FixedProbability(0.4)),
        ("b", "a", rv.AllToAll()),
        ("input", "b", rv.FixedProbability(0.5)),
    ):
        if pre in (*net.sources, *net.populations):
            words = {"weight": rv.Uniform(0, 0.03), "plasticity": RULES[rule], "name": pre + post}
            net.connect(pre, post, how, to="coupled", **words)
    return net


@pytest.mark.parametrize("rule", RULES)
def test_the_circuit_equals_the_reference(rule: str) -> None:
    runs = [
        build(rule, provider).run(20 * ms, stream=0, record={"a": ["v", "spikes"], "b": ["v"]})
        for provider in (None, "reference")
    ]
    assert len(runs[0]["a"].spikes) > 50
    for population in "ab":
        np.testing.assert_allclose(runs[0][population].v, runs[1][population].v, rtol=1e-9, atol=1e-12)
    ours, theirs = (run.state.tensors() for run in runs)
    for key, value in ours.items():
        torch.testing.assert_close(value, theirs[key], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rule", RULES)
def test_threads_and_cuts_change_no_bit(rule: str, dtype: torch.dtype) -> None:
    whole = build(rule, dtype=dtype).run(20 * ms, stream=0, record={"a": ["v"], "b": ["v"]})
    with threaded(3) as provider:
        net, state = build(rule, provider, dtype), None
        parts: dict[str, list[np.ndarray]] = {"a": [], "b": []}
        for steps in (1, 120, 79):
            run = net.run(steps * 0.1 * ms, state, stream=0, record={"a": ["v"], "b": ["v"]})
            state = run.state
            for population in "ab":
                parts[population].append(run[population].v)
    for population in "ab":
        np.testing.assert_array_equal(np.concatenate(parts[population]), whole[population].v)


def test_a_run_leaves_the_state_it_began_with() -> None:
    net = build("gap junction")
    before = net.initial_state(1, stream=0)
    after = net.run(1 * ms, before).state.synapses["aa"]["w"]
    kept = before.synapses["aa"]["w"].clone()
    torch.testing.assert_close(after, kept, rtol=0, atol=0)
    after.zero_()
    torch.testing.assert_close(before.synapses["aa"]["w"], kept, rtol=0, atol=0)


def test_rows_wait_for_no_thread_in_a_slice_of_several_steps() -> None:
    """Rows that a source drives, in a circuit whose threads meet only once in so many steps as its delay has."""
    runs = []
    for provider in (None, "reference"):
        net = rv.Network(dt=0.1 * ms, seed=1, dtype=torch.float64, provider=provider)
        cell = rv.Cell(CELL, threshold="v > 20*mV", reset="v = 0*mV", refractory=1 * ms, tau=10 * ms, I=15 * mV)
        net.source("input", rv.Poisson(100 * Hz, 30))
        net.population("cells", 70, cell)
        net.connect("input", "cells", rv.AllToAll(), to="coupled", weight=0.02, plasticity=RULES["of rows"])
        net.connect("cells", "cells", rv.FixedProbability(0.1), to="u", weight=0.1 * mV, delay=1.5 * ms)
        runs.append(net.run(20 * ms, stream=0, record={"cells": ["v"]})["cells"].v)
    np.testing.assert_allclose(*runs, rtol=1e-9, atol=1e-12)
