"""Pair STDP against Brian2: every output spike and every weight, on the compiled circuit and on the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import ms, mV

DATA = Path(__file__).parent / "data" / "stdp_brian2.npz"


@pytest.fixture(scope="module")
def witness() -> dict[str, np.ndarray]:
    with np.load(DATA) as stored:
        return dict(stored)


def build(d: dict[str, np.ndarray], provider: str | None) -> tuple[rv.Network, str]:
    """Fifty recorded spike trains onto five cells, every synapse with a delay of its own."""
    unit = {"E_L": mV, "E_e": mV, "V_th": mV, "V_r": mV, "tau_m": ms, "tau_e": ms}
    cell = rv.Cell(
        """
        dv/dt = (E_L - v + g_e*(E_e - v))/tau_m : mV
        dg_e/dt = -g_e/tau_e : 1
        """,
        threshold="v > V_th", reset="v = V_r", method="exponential_euler", **{n: float(d[n]) * u for n, u in unit.items()},
    )  # fmt: skip
    dt = float(d["dt"])
    net = rv.Network(dt=dt * ms, dtype=torch.float64, provider=provider)
    inputs, outputs = d["weight_0"].shape
    net.source("input", rv.SpikeTrains(d["input_step"], d["input_neuron"], inputs))
    net.population("cells", outputs, cell, v=d["v_0"] * mV)
    rule = rv.plasticity.STDP(
        A_plus=float(d["dApre"]), A_minus=float(d["dApost"]), w_max=float(d["w_max"]),
        tau_plus=float(d["tau_pre"]) * ms, tau_minus=float(d["tau_post"]) * ms,
    )  # fmt: skip
    (name,) = net.connect(
        "input",
        "cells",
        rv.AllToAll(),
        to="g_e",
        weight=d["weight_0"].ravel(),
        delay=d["delay_steps"].ravel() * dt * ms,
        plasticity=rule,
    )
    return net, name


def test_the_compiled_circuit_equals_brian2(witness: dict[str, np.ndarray]) -> None:
    net, name = build(witness, None)
    dt, steps, every = (float(witness[n]) for n in ("dt", "steps", "every"))
    assert ("cells",) in net.plan().circuits
    run = net.run(steps * dt * ms, stream=0, record={"cells": ["spikes"], name: ["w"]}, every=every * dt * ms)
    np.testing.assert_array_equal(run["cells"].spikes.step, witness["spike_step"])
    np.testing.assert_array_equal(run["cells"].spikes.cell, witness["spike_neuron"])
    shape = witness["weights"].shape
    np.testing.assert_allclose(run[name].w.reshape(shape), witness["weights"], rtol=0, atol=1e-12)


def test_the_reference_equals_the_compiled_loop_wherever_it_is_cut(witness: dict[str, np.ndarray]) -> None:
    steps, dt = 1500, float(witness["dt"])
    fast, name = build(witness, None)
    slow, _ = build(witness, "reference")
    whole = fast.run(steps * dt * ms, stream=0, record={"cells": ["spikes"]})
    specified = slow.run(steps * dt * ms, stream=0, record={"cells": ["spikes"]})
    np.testing.assert_array_equal(whole["cells"].spikes.step, specified["cells"].spikes.step)
    for variable in ("w", "x_plus", "x_minus"):
        a, b = (r.state.synapses[name][variable].numpy() for r in (whole, specified))
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    first = fast.run(0.4 * steps * dt * ms, stream=0)
    second = fast.run(0.6 * steps * dt * ms, stream=0, state=first.state)
    np.testing.assert_allclose(second.state.synapses[name]["w"], whole.state.synapses[name]["w"], rtol=0, atol=1e-13)


def test_recurrent_plastic_synapses_equal_the_reference() -> None:
    """Plastic synapses inside the circuit: spikes of its own cells, sparse, several latencies."""

    def run(provider: str | None) -> rv.network.Run:
        cell = rv.CurrentLIF(refractory=1 * ms, I_e=0.5 * rv.units.nA)
        net = rv.Network(dt=0.5 * ms, seed=3, dtype=torch.float64, provider=provider)
        net.population("cells", 37, cell, v=rv.Uniform(-65 * mV, -50 * mV))
        rule = rv.plasticity.STDP(A_plus=0.01 * rv.units.nA, A_minus=-0.012 * rv.units.nA, w_max=0.3 * rv.units.nA)
        net.connect(
            "cells", "cells", rv.FixedProbability(0.3), to="I", weight=0.1 * rv.units.nA,
            delay=rv.Uniform(0 * ms, 3 * ms), plasticity=rule, name="synapses",
        )  # fmt: skip
        return net.run(150 * ms, stream=0, record={"cells": ["spikes"]})

    fast, specified = run(None), run("reference")
    assert len(fast["cells"].spikes) > 100
    np.testing.assert_array_equal(fast["cells"].spikes.step, specified["cells"].spikes.step)
    np.testing.assert_allclose(
        fast.state.synapses["synapses"]["w"], specified.state.synapses["synapses"]["w"], rtol=1e-10, atol=1e-13
    )
    assert fast.state.synapses["synapses"]["w"].std() > 1e-3
