"""Witness: pair STDP with exponential traces, all-to-all, heterogeneous delays.  Made with Brian2 2.9.0.

    dv/dt   = (E_L - v + g_e*(E_e - v)) / tau_m : mV      threshold v > V_th, reset v = V_r, exponential Euler
    dg_e/dt = -g_e / tau_e                      : 1
    dApre/dt = -Apre / tau_pre,  dApost/dt = -Apost / tau_post   : 1 per synapse, exact
    on_pre : g_e += w;  Apre += dApre;  w = clip(w + Apost, 0, w_max)
    on_post: Apost += dApost;  w = clip(w + Apre, 0, w_max)

50 recorded inputs onto 5 cells, dt 0.1 ms, 2 s; inputs are silent after 1.95 s, so that nothing is pending at the end.
Song, Miller & Abbott (2000), with stronger weights.
"""

from __future__ import annotations

import brian2 as b2
import numpy as np
from _brian import spikes_of
from _store import WitnessError, save, spike_arrays
from check_stdp_rule import check

INPUTS, OUTPUTS, DT, STEPS, EVERY, LAST = 50, 5, 0.1, 20_000, 1_000, 19_500
P = {"E_L": -74.0, "E_e": 0.0, "V_th": -54.0, "V_r": -60.0, "tau_m": 10.0, "tau_e": 5.0}
RULE = {"tau_pre": 20.0, "tau_post": 20.0, "dApre": 0.004, "dApost": -0.0042, "w_max": 0.12}


def draw(seed: int) -> dict[str, np.ndarray]:
    """Draw inputs (20 per second each, at most one per step), initial weights, delays of 0 to 50 steps, initial v."""
    rng = np.random.default_rng(seed)
    step, neuron = np.nonzero(rng.random((LAST, INPUTS)) < 20e-3 * DT)
    return {
        "input_step": step.astype(np.int32),
        "input_neuron": neuron.astype(np.int32),
        "weight_0": rng.uniform(0, RULE["w_max"], (INPUTS, OUTPUTS)),
        "delay_steps": rng.integers(0, 51, (INPUTS, OUTPUTS)).astype(np.int32),
        "v_0": rng.uniform(-74, -60, OUTPUTS),
    }


def brian(net: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run Brian2; weights are taken at the start of steps every-1, 2*every-1, ..., before the step's synapse code."""
    b2.start_scope()
    b2.defaultclock.dt = DT * b2.ms
    names = {name: value * (b2.ms if name.startswith("tau") else b2.mV) for name, value in P.items()}
    names |= {name: value * b2.ms if name.startswith("tau") else value for name, value in RULE.items()}
    source = b2.SpikeGeneratorGroup(INPUTS, net["input_neuron"], net["input_step"] * DT * b2.ms)
    text = """
    dv/dt = (E_L - v + g_e*(E_e - v))/tau_m : volt
    dg_e/dt = -g_e/tau_e : 1
    """
    cells = b2.NeuronGroup(
        OUTPUTS, text, threshold="v > V_th", reset="v = V_r", method="exponential_euler", namespace=names
    )
    cells.v = net["v_0"] * b2.mV
    synapses = b2.Synapses(
        source,
        cells,
        """
        w : 1
        dApre/dt = -Apre/tau_pre : 1 (event-driven)
        dApost/dt = -Apost/tau_post : 1 (event-driven)
        """,
        on_pre="g_e_post += w; Apre += dApre; w = clip(w + Apost, 0, w_max)",
        on_post="Apost += dApost; w = clip(w + Apre, 0, w_max)",
        namespace=names,
    )
    i, j = np.divmod(np.arange(INPUTS * OUTPUTS), OUTPUTS)
    synapses.connect(i=i, j=j)
    synapses.w = net["weight_0"].ravel()
    synapses.pre.delay = net["delay_steps"].ravel() * DT * b2.ms
    spikes = b2.SpikeMonitor(cells)
    rows: list[np.ndarray] = []
    clock = b2.Clock(dt=DT * b2.ms)

    @b2.network_operation(when="start", clock=clock)
    def snapshot(t: b2.Quantity) -> None:
        if (round(float(t / b2.ms) / DT) + 1) % EVERY == 0:
            rows.append(np.array(synapses.w).reshape(INPUTS, OUTPUTS))

    b2.Network(source, cells, synapses, spikes, snapshot).run(STEPS * DT * b2.ms)
    pairs = spikes_of(spikes, DT)
    if pairs and pairs[-1][0] >= STEPS - 1:
        raise WitnessError("a cell fired in the last step; its on_post would be pending in our rule")
    final = np.array(synapses.w).reshape(INPUTS, OUTPUTS)
    return {"weights": np.stack(rows), "weight_final": final, **spike_arrays("", pairs)}


def main() -> None:
    """Compare, then store."""
    data = {**draw(15), **P, **RULE, "dt": np.array(DT), "steps": np.array(STEPS), "every": np.array(EVERY)}
    data |= brian(data)
    change = data["weight_final"] - data["weight_0"]
    print(
        f"  inputs {len(data['input_step'])}, outputs {np.bincount(data['spike_neuron'])},",
        f"weight change {change.std():.3f} sd",
    )
    check(data)
    save("stdp_brian2", ("brian2",), **data)


if __name__ == "__main__":
    main()
