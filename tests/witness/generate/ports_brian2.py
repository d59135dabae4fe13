"""Witness: what shapes an arrival (kernels, currents, conductances, NMDA) and gap junctions.  Made with Brian2 2.9.0.

    C dv/dt = g_L (E_L - v) + I : mV        threshold v > V_th, reset v = V_r

20 recorded inputs onto 4 cells with delays of 0 to 50 steps, and the same cells without inputs joined by gap junctions;
dt 0.1 ms, 1 s. I is the port itself (current), port*(E - v) (conductance), or that with a magnesium block (NMDA). The
kernel of the port is exponential, alpha or double exponential. Every equation is advanced by the exponential Euler rule,
with NMDA by the midpoint rule.
"""

from __future__ import annotations

import brian2 as b2
import numpy as np
from _brian import spikes_of
from _store import save, spike_arrays

INPUTS, OUTPUTS, DT, STEPS, LAST = 20, 4, 0.1, 10_000, 9_500
P = {
    "C": 0.2,
    "g_L": 0.01,
    "E_L": -70.0,
    "V_th": -52.0,
    "V_r": -60.0,
    "E": 0.0,
    "tau": 5.0,
    "tau_rise": 2.0,
    "tau_decay": 9.0,
}
KERNELS = {
    "exponential": ("dg/dt = -g/tau", "g"),
    "alpha": ("dg/dt = (exp(1)*r - g)/tau\ndr/dt = -r/tau", "r"),
    "double": ("dg/dt = (scale*r - g)/tau_decay\ndr/dt = -r/tau_rise", "r"),
}
DRIVES = {"current": ("g", "nA", 0.09), "conductance": ("g*(E - v)", "uS", 0.0016)}
BLOCK = ("g*(E - v)/(1 + exp(-0.062*v/mV)/3.57)", "uS", 0.004)
UNITS = {"nA": b2.nA, "uS": b2.uS}


def draw(seed: int) -> dict[str, np.ndarray]:
    """Draw inputs (25 per second each), relative weights, delays, initial v, and the gap junctions of eight cells."""
    rng = np.random.default_rng(seed)
    step, neuron = np.nonzero(rng.random((LAST, INPUTS)) < 25e-3 * DT)
    upper = np.triu(rng.random((8, 8)) < 0.5, 1) * rng.uniform(0.0005, 0.003, (8, 8))
    return {
        "input_step": step.astype(np.int32),
        "input_neuron": neuron.astype(np.int32),
        "relative": rng.uniform(0.3, 1.3, (INPUTS, OUTPUTS)),
        "delay_steps": rng.integers(0, 51, (INPUTS, OUTPUTS)).astype(np.int32),
        "v_0": rng.uniform(-70, -60, OUTPUTS),
        "gap": upper + upper.T,
        "gap_v_0": rng.uniform(-70, -53, 8),
        "gap_I": rng.uniform(0.0, 0.4, 8),
    }


def namespace() -> dict:
    """The parameters with their units."""
    units = {"C": b2.nF, "g_L": b2.uS, "t": b2.ms}
    out = {n: v * units.get(n, b2.ms if n.startswith("tau") else b2.mV) for n, v in P.items()}
    ratio = P["tau_decay"] / P["tau_rise"]
    return {**out, "scale": ratio ** (ratio / (ratio - 1))}


def ports(net: dict[str, np.ndarray], kernel: str, drive: tuple[str, str, float], method: str, name: str) -> dict:
    """Run one kernel under one drive."""
    b2.start_scope()
    b2.defaultclock.dt = DT * b2.ms
    equations, port = KERNELS[kernel]
    current, unit, size = drive
    lines = "\n".join(f"{line} : {'amp' if unit == 'nA' else 'siemens'}" for line in equations.splitlines())
    text = f"dv/dt = (g_L*(E_L - v) + {current})/C : volt\n{lines}"
    source = b2.SpikeGeneratorGroup(INPUTS, net["input_neuron"], net["input_step"] * DT * b2.ms)
    cells = b2.NeuronGroup(OUTPUTS, text, threshold="v > V_th", reset="v = V_r", method=method, namespace=namespace())
    cells.v = net["v_0"] * b2.mV
    synapses = b2.Synapses(source, cells, f"w : {'amp' if unit == 'nA' else 'siemens'}", on_pre=f"{port}_post += w")
    i, j = np.divmod(np.arange(INPUTS * OUTPUTS), OUTPUTS)
    synapses.connect(i=i, j=j)
    synapses.w = net["relative"].ravel() * size * UNITS[unit]
    synapses.pre.delay = net["delay_steps"].ravel() * DT * b2.ms
    return _run(name, cells, (source, synapses))


def gaps(net: dict[str, np.ndarray]) -> dict:
    """Run eight cells joined by gap junctions."""
    b2.start_scope()
    b2.defaultclock.dt = DT * b2.ms
    cells = b2.NeuronGroup(
        8, "dv/dt = (g_L*(E_L - v) + I_e + I_gap)/C : volt\nI_e : amp\nI_gap : amp", threshold="v > V_th", reset="v = V_r",
        method="exponential_euler", namespace=namespace(),
    )  # fmt: skip
    cells.v, cells.I_e = net["gap_v_0"] * b2.mV, net["gap_I"] * b2.nA
    synapses = b2.Synapses(cells, cells, "w : siemens\nI_gap_post = w*(v_pre - v_post) : amp (summed)")
    i, j = np.nonzero(net["gap"])
    synapses.connect(i=i, j=j)
    synapses.w = net["gap"][i, j] * b2.uS
    return _run("gap", cells, (synapses,))


def _run(name: str, cells: b2.NeuronGroup, parts: tuple) -> dict:
    spikes = b2.SpikeMonitor(cells)
    trace = b2.StateMonitor(cells, "v", record=True, when="end", dt=100 * DT * b2.ms)
    b2.Network(cells, *parts, spikes, trace).run(STEPS * DT * b2.ms)
    pairs = spikes_of(spikes, DT)
    print(f"  {name}: spikes {np.bincount([c for _, c in pairs])}")
    return {f"{name}_v": np.asarray(trace.v / b2.mV).T, **spike_arrays(f"{name}_", pairs)}


def main() -> None:
    """Run everything, then store. v is that after steps 0, 100, 200, ..."""
    net = draw(11)
    data = {**net, **P, "dt": np.array(DT), "steps": np.array(STEPS), "block": np.array(BLOCK[2])}
    data |= {d: np.array(size) for d, (_, _, size) in DRIVES.items()}
    for drive, how in DRIVES.items():
        for kernel in KERNELS:
            data |= ports(net, kernel, how, "exponential_euler", f"{drive}_{kernel}")
    data |= ports(net, "double", BLOCK, "rk2", "nmda")
    data |= gaps(net)
    save("ports_brian2", ("brian2",), **data)


if __name__ == "__main__":
    main()
