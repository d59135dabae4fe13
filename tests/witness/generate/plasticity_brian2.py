"""Witness: the plasticity rules and short-term plasticity, under one input with heterogeneous delays.  Made with Brian2 2.9.0.

    dv/dt   = (E_L - v + g_e*(E_e - v)) / tau_m : mV      threshold v > V_th, reset v = V_r, exponential Euler
    dg_e/dt = -g_e / tau_e                      : 1
    dv_low/dt = (v - v_low)/tau_low, dv_high/dt = (v - v_high)/tau_high : mV,  dd/dt = -d/tau_d : Hz

20 recorded inputs onto 4 cells, dt 0.1 ms, 1 s; inputs are silent after 0.95 s. Every rule runs in a network of its own.
What a rule does in every step is a ``run_regularly`` of the synapses just before the state updaters.

A modulator's spike is seen by our synapses in the step after its arrival, so that Brian2 is given its arrivals one step
later and decayed by that step.
"""

from __future__ import annotations

import brian2 as b2
import numpy as np
from _brian import spikes_of
from _store import save, spike_arrays

INPUTS, OUTPUTS, DT, STEPS, EVERY, LAST = 20, 4, 0.1, 10_000, 1_000, 9_500
P = {
    "E_L": -74.0, "E_e": 0.0, "V_th": -54.0, "V_r": -60.0, "tau_m": 10.0, "tau_e": 5.0, "tau_low": 10.0, "tau_high": 7.0,
    "tau_d": 200.0, "w_d": 2.0,
}  # fmt: skip
PAIR = "dx_plus/dt = -x_plus/tau_plus : 1 (event-driven)\ndx_minus/dt = -x_minus/tau_minus : 1 (event-driven)"
RATES = "dx/dt = -x/tau_x : Hz (clock-driven)\ndy/dt = -y/tau_y : Hz (clock-driven)"
TAUS = {"tau_plus": 20.0, "tau_minus": 30.0}
W = 0.3
#: initial weights are larger for synapses that tire
LARGER = {"depressing": 4.0, "facilitating": 3.0}
#: name -> equations, on_pre, on_post, every step, values (times in ms, voltages in mV, rates in Hz)
RULES = {
    "nearest": (
        PAIR, "x_plus = A_plus; w = clip(w + x_minus, 0, w_max)", "x_minus = A_minus; w = clip(w + x_plus, 0, w_max)", "",
        {"A_plus": 0.005, "A_minus": -0.014, "w_max": W, **TAUS},
    ),
    "triplet": (
        "dr1/dt = -r1/tau_plus : 1 (event-driven)\ndr2/dt = -r2/tau_x : 1 (event-driven)\n"
        "do1/dt = -o1/tau_minus : 1 (event-driven)\ndo2/dt = -o2/tau_y : 1 (event-driven)",
        "w = clip(w - o1*(A2_minus + A3_minus*r2), 0, w_max); r1 += 1; r2 += 1",
        "w = clip(w + r1*(A2_plus + A3_plus*o2), 0, w_max); o1 += 1; o2 += 1", "",
        {"A2_plus": 5e-4, "A3_plus": 2e-3, "A2_minus": 8e-3, "A3_minus": 2e-3, "w_max": W, "tau_x": 101.0, "tau_y": 125.0, **TAUS},
    ),
    "power_law": (
        PAIR, "x_plus += 1; w = clip(w - w_max*rate*alpha*(w/w_max)**mu_minus*x_minus, 0, w_max)",
        "x_minus += 1; w = clip(w + w_max*rate*(1 - w/w_max)**mu_plus*x_plus, 0, w_max)", "",
        {"rate": 0.05, "alpha": 1.05, "mu_plus": 0.4, "mu_minus": 0.6, "w_max": W, **TAUS},
    ),
    "multiplicative": (
        PAIR, "x_plus += 1; w = clip(w - rate*w*x_minus, 0, inf)", "x_minus += 1; w += A_plus*x_plus", "",
        {"A_plus": 0.01, "rate": 0.1, **TAUS},
    ),
    "inhibitory": (
        "dx_in/dt = -x_in/tau : 1 (event-driven)\ndx_out/dt = -x_out/tau : 1 (event-driven)",
        "x_in += 1; w = clip(w + eta*(x_out - 2*target*tau), 0, w_max)", "x_out += 1; w = clip(w + eta*x_in, 0, w_max)", "",
        {"eta": 0.003, "target": 70.0, "w_max": W, "tau": 20.0},
    ),
    "depressing": (
        "dx/dt = (1 - x)/tau_rec : 1 (event-driven)", "g_e_post += w*U*x; x -= U*x", "", "", {"U": 0.5, "tau_rec": 200.0},
    ),
    "facilitating": (
        "dx/dt = (1 - x)/tau_rec : 1 (event-driven)\ndu/dt = -u/tau_facil : 1 (event-driven)",
        "u += U*(1 - u); g_e_post += w*u*x; x -= u*x", "", "", {"U": 0.15, "tau_rec": 60.0, "tau_facil": 500.0},
    ),
    "voltage": (
        "dx/dt = -x/tau_x : 1 (clock-driven)",
        "w = clip(w - A_minus*clip(v_low_post - theta_minus, 0*mV, inf*mV), 0, w_max); x += 1", "",
        "w = clip(w + dt*A_plus*x/tau_x*clip(v_post - theta_plus, 0*mV, inf*mV)*clip(v_high_post - theta_minus, 0*mV, inf*mV), 0, w_max)",
        {"A_minus": 2e-3, "A_plus": 8e-4, "theta_minus": -68.0, "theta_plus": -58.0, "tau_x": 15.0, "w_max": W},
    ),
    "bcm": (
        RATES + "\ndtheta/dt = (y**2/target - theta)/tau_theta : Hz (clock-driven)", "x += 1/tau_x", "y += 1/tau_y",
        "w = clip(w + dt*eta*x*y*(y - theta)/target**2, 0, w_max)",
        {"eta": 0.005, "target": 15.0, "w_max": W, "tau_x": 50.0, "tau_y": 60.0, "tau_theta": 300.0},
    ),
    "oja": (
        RATES, "x += 1/tau_x", "y += 1/tau_y", "w = clip(w + dt*eta*y*(x - y*w/alpha)/target, 0, inf)",
        {"eta": 0.02, "alpha": 0.2, "target": 15.0, "tau_x": 50.0, "tau_y": 60.0},
    ),
    "scaling": (
        "dy/dt = -y/tau_y : Hz (clock-driven)", "", "y += 1/tau_y", "w = clip(w + dt*eta*w*(target - y), 0, w_max)",
        {"eta": 0.1, "target": 15.0, "tau_y": 200.0, "w_max": W},
    ),
    "dopamine": (
        PAIR.replace("event", "clock") + "\ndc/dt = -c/tau_c : 1 (clock-driven)",
        "x_plus += A_plus; c += x_minus", "x_minus += A_minus; c += x_plus", "w = clip(w + dt*c*d_post, 0, w_max)",
        {"A_plus": 0.05, "A_minus": -0.04, "w_max": W, "tau_c": 300.0, **TAUS},
    ),
}  # fmt: skip


def draw(seed: int) -> dict[str, np.ndarray]:
    """Draw inputs (25 per second each), a modulator's spikes, initial weights, delays of 0 to 50 steps, initial v."""
    rng = np.random.default_rng(seed)
    step, neuron = np.nonzero(rng.random((LAST, INPUTS)) < 25e-3 * DT)
    return {
        "input_step": step.astype(np.int32),
        "input_neuron": neuron.astype(np.int32),
        "reward_step": np.flatnonzero(rng.random(LAST) < 5e-3 * DT).astype(np.int32),
        "weight_0": rng.uniform(0.2, 0.8, (INPUTS, OUTPUTS)) * W,
        "delay_steps": rng.integers(0, 51, (INPUTS, OUTPUTS)).astype(np.int32),
        "v_0": rng.uniform(-74, -60, OUTPUTS),
    }


def unit_of(name: str) -> b2.Quantity | int:
    """The unit of a value by its name."""
    if name == "target":
        return b2.Hz
    if name.startswith("tau"):
        return b2.ms
    if name.startswith(("E_", "V_", "theta")):
        return b2.mV
    return 1


def brian(net: dict[str, np.ndarray], rule: str) -> dict[str, np.ndarray]:
    """Run one rule; weights are taken after the state updaters of steps EVERY-1, 2*EVERY-1, ..."""
    equations, on_pre, on_post, every, values = RULES[rule]
    b2.start_scope()
    b2.defaultclock.dt = DT * b2.ms
    names = {name: value * unit_of(name) for name, value in {**P, **values}.items()}
    if rule == "voltage":
        names |= {"A_minus": values["A_minus"] / b2.mV, "A_plus": values["A_plus"] / b2.mV**2}
    source = b2.SpikeGeneratorGroup(INPUTS, net["input_neuron"], net["input_step"] * DT * b2.ms)
    reward = b2.SpikeGeneratorGroup(1, np.zeros(len(net["reward_step"]), int), net["reward_step"] * DT * b2.ms)
    text = """
    dv/dt = (E_L - v + g_e*(E_e - v))/tau_m : volt
    dg_e/dt = -g_e/tau_e : 1
    dv_low/dt = (v - v_low)/tau_low : volt
    dv_high/dt = (v - v_high)/tau_high : volt
    dd/dt = -d/tau_d : Hz
    """
    cells = b2.NeuronGroup(
        OUTPUTS, text, threshold="v > V_th", reset="v = V_r", method="exponential_euler", namespace=names
    )
    cells.v = net["v_0"] * b2.mV
    cells.v_low = cells.v_high = P["E_L"] * b2.mV
    send = [] if "g_e_post" in on_pre else ["g_e_post += w"]
    codes = {"on_pre": "; ".join(filter(None, [*send, on_pre]))} | ({"on_post": on_post} if on_post else {})
    synapses = b2.Synapses(source, cells, f"w : 1\n{equations}", namespace=names, method="exponential_euler", **codes)
    i, j = np.divmod(np.arange(INPUTS * OUTPUTS), OUTPUTS)
    synapses.connect(i=i, j=j)
    start = net["weight_0"] * LARGER.get(rule, 1.0)
    synapses.w = start.ravel()
    if "dx/dt = (1 - x)" in equations:
        synapses.x = 1
    synapses.pre.delay = net["delay_steps"].ravel() * DT * b2.ms
    if every:
        synapses.run_regularly(every, when="groups", order=-1)
    modulate = b2.Synapses(reward, cells, on_pre="d_post += w_d*Hz*exp(-dt/tau_d)", namespace=names)
    modulate.connect()
    modulate.delay = DT * b2.ms
    spikes = b2.SpikeMonitor(cells)
    rows: list[np.ndarray] = []

    @b2.network_operation(when="after_groups")
    def snapshot(t: b2.Quantity) -> None:
        if (round(float(t / b2.ms) / DT) + 1) % EVERY == 0:
            rows.append(np.array(synapses.w).reshape(INPUTS, OUTPUTS))

    b2.Network(source, reward, cells, synapses, modulate, spikes, snapshot).run(STEPS * DT * b2.ms)
    pairs = spikes_of(spikes, DT)
    change = (rows[-1] - start).std()
    print(f"  {rule}: spikes {np.bincount([c for _, c in pairs], minlength=OUTPUTS)}, weight change {change:.3f} sd")
    values = {f"{rule}_{n}": np.array(v) for n, v in values.items()}
    values[f"{rule}_weight_0"] = start
    return {f"{rule}_weights": np.stack(rows), **spike_arrays(f"{rule}_", pairs), **values}


def main() -> None:
    """Run every rule, then store."""
    data = {**draw(7), **P, "dt": np.array(DT), "steps": np.array(STEPS), "every": np.array(EVERY)}
    net = dict(data)
    for rule in RULES:
        data |= brian(net, rule)
    save("plasticity_brian2", ("brian2",), **data)


if __name__ == "__main__":
    main()
