"""Circuits with a delay for every synapse equal Brian2 and NEST spike for spike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import ms, mV, nA, nF

STRETCHES = [pytest.param("cpu", None, id="cpu"), pytest.param("reference", 300, id="reference")]


def coba(data: dict, provider: str) -> rv.Network:
    """One population whose first cells act on g_e and the others on g_i."""
    cell = rv.Cell(
        """
        dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : mV  (unless refractory)
        dg_e/dt = -g_e / tau_e : 1
        dg_i/dt = -g_i / tau_i : 1
        """,
        threshold="v > V_t", reset="v = V_r", refractory=int(data["refractory_steps"]) * float(data["dt"]) * ms,
        method="exponential_euler", E_L=data["E_L"] * mV,
        **{n: float(data[n]) * mV for n in ("E_e", "E_i", "V_t", "V_r")},
        **{n: float(data[n]) * ms for n in ("tau_m", "tau_e", "tau_i")},
        v=data["v_0"] * mV, g_e=data["g_e_0"], g_i=data["g_i_0"],
    )  # fmt: skip
    net = rv.Network(dt=float(data["dt"]) * ms, dtype=torch.float64, provider=provider)
    net.population("cells", len(data["v_0"]), cell)
    excitatory = data["pre"] < data["excitatory"]
    for port, chosen in (("g_e", excitatory), ("g_i", ~excitatory)):
        rule = rv.FromArrays(data["pre"][chosen], data["post"][chosen])
        delay = data["delay_steps"][chosen] * float(data["dt"]) * ms
        net.connect("cells", "cells", rule, to=port, weight=data["weight"][chosen], delay=delay)
    return net


def iaf(data: dict, provider: str) -> rv.Network:
    """Two populations and four projections; NEST's cell in the words of its documentation."""
    cell = rv.Cell(
        """
        dv/dt = (E_L - v)/tau_m + (i_e + i_i + I_ext)/C_m : mV (unless refractory)
        di_e/dt = -i_e/tau_e : nA
        di_i/dt = -i_i/tau_i : nA
        """,
        threshold="v >= V_th", reset="v = V_r", refractory=int(data["refractory_steps"]) * float(data["dt"]) * ms,
        method="exact", C_m=float(data["C_m"]) * nF, **{n: float(data[n]) * mV for n in ("E_L", "V_th", "V_r")},
        **{n: float(data[n]) * ms for n in ("tau_m", "tau_e", "tau_i")}, I_ext=0 * nA,
    )  # fmt: skip
    net = rv.Network(dt=float(data["dt"]) * ms, dtype=torch.float64, provider=provider)
    split = int(data["excitatory"])
    ranges = {"exc": (0, split), "inh": (split, len(data["v_0"]))}
    for name, (low, high) in ranges.items():
        net.population(name, high - low, cell, v=data["v_0"][low:high] * mV, I_ext=data["I_ext"][low:high] * nA)
    for pre, (a, b) in ranges.items():
        for post, (c, d) in ranges.items():
            chosen = (data["pre"] >= a) & (data["pre"] < b) & (data["post"] >= c) & (data["post"] < d)
            net.connect(
                pre, post, rv.FromArrays(data["pre"][chosen] - a, data["post"][chosen] - c), to="i_e" if pre == "exc" else "i_i",
                weight=data["weight"][chosen] * nA, delay=data["delay_steps"][chosen] * float(data["dt"]) * ms,
            )  # fmt: skip
    return net


@pytest.mark.parametrize(("provider", "steps"), STRETCHES)
def test_conductance_based_circuit_equals_brian2(
    witness: Callable, same_spikes: Callable, provider: str, steps: int | None
) -> None:
    data = witness("coba_brian2")
    dt, whole = float(data["dt"]), int(data["steps"])
    net = coba(data, provider)
    run = net.run((steps or whole) * dt * ms, stream=0, record={"cells": ["spikes"]})
    spikes = run["cells"].spikes
    same_spikes(spikes.step, spikes.cell, data, steps or whole)
    if steps is None:
        state = run.state.variables["cells"]
        np.testing.assert_allclose(state["v"][0], data["v_final"], rtol=1e-14, atol=1e-12)
        # Brian2 has already delivered what arrives in the next step, which then decays for one step.
        state = net.run(dt * ms, run.state, stream=0).state.variables["cells"]
        for name, tau in (("g_e", data["tau_e"]), ("g_i", data["tau_i"])):
            np.testing.assert_allclose(
                state[name][0], data[f"{name}_final"] * np.exp(-dt / tau), rtol=1e-13, atol=1e-13
            )


@pytest.mark.parametrize(("provider", "steps"), STRETCHES)
def test_current_based_circuit_equals_nest(
    witness: Callable, same_spikes: Callable, provider: str, steps: int | None
) -> None:
    data = witness("iaf_psc_exp_nest")
    dt, whole, split = float(data["dt"]), int(data["steps"]), int(data["excitatory"])
    run = iaf(data, provider).run((steps or whole) * dt * ms, stream=0, record={"exc": ["spikes"], "inh": ["spikes"]})
    exc, inh = run["exc"].spikes, run["inh"].spikes
    same_spikes(
        np.concatenate([exc.step, inh.step]), np.concatenate([exc.cell, inh.cell + split]), data, steps or whole
    )
    if steps is None:
        v = torch.cat([run.state.variables[n]["v"][0] for n in ("exc", "inh")])
        np.testing.assert_allclose(v, data["v_final"], rtol=1e-13, atol=1e-12)


def test_split_runs_equal_brian2_too(witness: Callable, same_spikes: Callable) -> None:
    """Going on from ``run.state`` at odd places changes no spike."""
    data = witness("coba_brian2")
    net, state, found = coba(data, "cpu"), None, []
    for steps in (1, 7, 29, 30, 333, 1600):
        run = net.run(steps * float(data["dt"]) * ms, state, stream=0, record={"cells": ["spikes"]})
        state = run.state
        found.append((run["cells"].spikes.step, run["cells"].spikes.cell))
    step, cell = (np.concatenate([f[k] for f in found]) for k in range(2))
    same_spikes(step, cell, data, 2000)


@pytest.mark.slow
@pytest.mark.parametrize("circuit", [pytest.param(coba, id="coba"), pytest.param(iaf, id="iaf")])
def test_both_providers_stay_equal_for_long(witness: Callable, circuit: Callable) -> None:
    data = witness("coba_brian2" if circuit is coba else "iaf_psc_exp_nest")
    record = {n: ["spikes"] for n in circuit(data, "cpu").populations}
    fast, slow = (
        circuit(data, p).run(2000 * float(data["dt"]) * ms, stream=0, record=record) for p in ("cpu", "reference")
    )
    for name in record:
        np.testing.assert_array_equal(fast[name].spikes.step, slow[name].spikes.step)
        np.testing.assert_array_equal(fast[name].spikes.cell, slow[name].spikes.cell)
