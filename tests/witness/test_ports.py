"""Synaptic kernels, drives and gap junctions in circuits: every spike and the membranes of a second equal Brian2's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import mM, ms, mV, nA, nF, uS

Data = Mapping[str, np.ndarray]
KERNELS: dict[str, Callable[[Data], rv.Part]] = {
    "exponential": lambda d: rv.Exponential("g", tau=float(d["tau"]) * ms),
    "alpha": lambda d: rv.Alpha("g", tau=float(d["tau"]) * ms),
    "double": lambda d: rv.DoubleExponential(
        "g", tau_rise=float(d["tau_rise"]) * ms, tau_decay=float(d["tau_decay"]) * ms
    ),
}
CASES = [*((drive, kernel) for drive in ("current", "conductance") for kernel in KERNELS), ("nmda", "double")]


@pytest.fixture(scope="module")
def data(witness: Callable[[str], Data]) -> Data:
    return witness("ports_brian2")


def membrane(d: Data, method: str) -> rv.Cell:
    units = {"C": nF, "g_L": uS, "E_L": mV, "V_th": mV, "V_r": mV}
    return rv.Cell(
        "dv/dt = (g_L*(E_L - v) + I + I_e)/C : mV\nI : nA (input)", threshold="v > V_th", reset="v = V_r", method=method,
        I_e=0 * nA, **{n: float(d[n]) * u for n, u in units.items()},
    )  # fmt: skip


def compare(net: rv.Network, d: Data, name: str, same_spikes: Callable) -> None:
    run = net.run(int(d["steps"]) * float(d["dt"]) * ms, stream=0, record={"cells": ["spikes", "v"]})
    same_spikes(run["cells"].spikes.step, run["cells"].spikes.cell, d, int(d["steps"]), f"{name}_")
    np.testing.assert_allclose(run["cells"].v[::100], d[f"{name}_v"], rtol=1e-9)


@pytest.mark.parametrize(("drive", "kernel"), CASES)
def test_kernels_and_drives(data: Data, drive: str, kernel: str, same_spikes: Callable) -> None:
    d, E = data, float(data["E"]) * mV
    part, unit, size = {
        "current": (rv.Current("g"), nA, d["current"]),
        "conductance": (rv.Conductance("g", E=E), uS, d["conductance"]),
        "nmda": (rv.NMDA("g", E=E, Mg=1 * mM), uS, d["block"]),
    }[drive]
    cell = membrane(d, "rk2" if drive == "nmda" else "exponential_euler") + part + KERNELS[kernel](d)
    dt, inputs, outputs = float(d["dt"]), *d["relative"].shape
    net = rv.Network(dt=dt * ms, dtype=torch.float64)
    net.source("input", rv.SpikeTrains(d["input_step"], d["input_neuron"], inputs))
    net.population("cells", outputs, cell, v=d["v_0"] * mV)
    net.connect(
        "input", "cells", rv.AllToAll(), to="g", weight=d["relative"].ravel() * float(size) * unit,
        delay=d["delay_steps"].ravel() * dt * ms,
    )  # fmt: skip
    compare(net, d, "nmda" if drive == "nmda" else f"{drive}_{kernel}", same_spikes)


@pytest.mark.parametrize("provider", [None, "reference"])
def test_gap_junctions(data: Data, provider: str | None, same_spikes: Callable) -> None:
    d = dict(data)
    net = rv.Network(dt=float(d["dt"]) * ms, dtype=torch.float64, provider=provider)
    net.population("cells", 8, membrane(d, "exponential_euler"), v=d["gap_v_0"] * mV, I_e=d["gap_I"] * nA)
    net.connect("cells", "cells", rv.FromMatrix(d["gap"]), to="I", weight=1 * uS, plasticity=rv.GapJunction())
    assert bool(net.plan().circuits) == (provider is None)
    if provider is not None:  # as much as takes a moment
        d["steps"] = np.array(2000)
        d["gap_v"] = d["gap_v"][:20]
    compare(net, d, "gap", same_spikes)
