"""Every rule that Brian2 can say: each output spike of a second and the weights along the way are equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier import plasticity
from ranvier.units import Hz, ms, mV

Data = Mapping[str, np.ndarray]
RULES: dict[str, Callable[..., rv.Plasticity]] = {
    "nearest": lambda **v: plasticity.STDP(pairs="nearest", **v),
    "triplet": plasticity.TripletSTDP,
    "power_law": plasticity.PowerLawSTDP,
    "multiplicative": plasticity.MultiplicativeSTDP,
    "inhibitory": plasticity.InhibitorySTDP,
    "depressing": rv.TsodyksMarkram,
    "facilitating": rv.TsodyksMarkram,
    "voltage": plasticity.VoltageSTDP,
    "bcm": plasticity.BCM,
    "oja": plasticity.Oja,
    "scaling": plasticity.SynapticScaling,
    "dopamine": lambda **v: plasticity.DopamineSTDP(modulator="d", **v),
}


@pytest.fixture(scope="module")
def data(witness: Callable[[str], Data]) -> Data:
    return witness("plasticity_brian2")


def unit_of(name: str, rule: str) -> rv.units.Quantity:
    if rule == "voltage" and name.startswith("A_"):
        return 1 / mV if name == "A_minus" else 1 / mV**2
    if name == "target":
        return Hz
    return ms if name.startswith("tau") else mV if name.startswith(("E_", "V_", "theta")) else rv.units.as_quantity(1)


def build(d: Data, rule: str, provider: str | None) -> rv.Network:
    names = ("E_L", "E_e", "V_th", "V_r", "tau_m", "tau_e")
    cell = rv.Cell(
        "dv/dt = (E_L - v + g_e*(E_e - v))/tau_m : mV\ndg_e/dt = -g_e/tau_e : 1",
        threshold="v > V_th", reset="v = V_r", method="exponential_euler", **{n: float(d[n]) * unit_of(n, "") for n in names},
    )  # fmt: skip
    low, high = (float(d[n]) * ms for n in ("tau_low", "tau_high"))
    cell = cell + plasticity.VoltageTraces(tau_low=low, tau_high=high, start=float(d["E_L"]) * mV)
    cell = cell + plasticity.Modulator("d", tau=float(d["tau_d"]) * ms)
    dt, inputs, outputs = float(d["dt"]), *d["weight_0"].shape
    net = rv.Network(dt=dt * ms, dtype=torch.float64, provider=provider)
    net.source("input", rv.SpikeTrains(d["input_step"], d["input_neuron"], inputs))
    net.source("reward", rv.SpikeTrains(d["reward_step"], np.zeros_like(d["reward_step"]), 1))
    net.population("cells", outputs, cell, v=d["v_0"] * mV)
    net.connect("reward", "cells", rv.AllToAll(), to="d", weight=float(d["w_d"]) * Hz)
    values = {n.removeprefix(f"{rule}_"): float(v) for n, v in d.items() if n.startswith(f"{rule}_") and v.ndim == 0}
    net.connect(
        "input", "cells", rv.AllToAll(), to="g_e", weight=d[f"{rule}_weight_0"].ravel(), delay=d["delay_steps"].ravel() * dt * ms,
        plasticity=RULES[rule](**{n: v * unit_of(n, rule) for n, v in values.items()}), name="synapses",
    )  # fmt: skip
    return net


@pytest.mark.parametrize("rule", RULES)
def test_the_compiled_loop_equals_brian2_for_a_second(data: Data, rule: str, same_spikes: Callable) -> None:
    net, dt, steps = build(data, rule, None), float(data["dt"]), int(data["steps"])
    assert ("cells",) in net.plan().circuits
    run = net.run(
        steps * dt * ms, stream=0, record={"cells": ["spikes"], "synapses": ["w"]}, every=int(data["every"]) * dt * ms
    )
    same_spikes(run["cells"].spikes.step, run["cells"].spikes.cell, data, steps, f"{rule}_")
    theirs = data[f"{rule}_weights"]
    np.testing.assert_allclose(run["synapses"].w.reshape(theirs.shape), theirs, rtol=1e-9, atol=1e-12)
    changed = np.abs(theirs[-1] - data[f"{rule}_weight_0"]).max()
    assert changed > 0.01 or rule in ("depressing", "facilitating")
