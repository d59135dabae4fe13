"""Witness: 200 conductance-based cells with heterogeneous delays, spike for spike.  Made with Brian2 2.9.0.

    dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : mV  (unless refractory)
    dg_e/dt = -g_e / tau_e : 1
    dg_i/dt = -g_i / tau_i : 1

Threshold v > V_t, reset v = V_r, exponential Euler, dt 0.1 ms, 1 s.  Our refractory count is round(5 ms/dt) = 50 steps
after the step of the spike; Brian2 freezes one step fewer than its own count, hence ``refractory=5.1*ms`` here.
After Vogels & Abbott (2005) and the benchmark of Brette et al. (2007), with other numbers.
"""

from __future__ import annotations

import brian2 as b2
import numpy as np
from _brian import spikes_of
from _rule import DelayLine
from _store import require_close, require_equal_spikes, save, spike_arrays

N, EXCITATORY, DT, STEPS = 200, 160, 0.1, 10_000
REFRACTORY_STEPS = 50
P = {"E_e": 0.0, "E_i": -80.0, "V_t": -50.0, "V_r": -60.0, "tau_m": 20.0, "tau_e": 5.0, "tau_i": 10.0}


def draw(seed: int) -> dict[str, np.ndarray]:
    """Draw the network: 10 % connectivity, delays of 0 to 29 steps, heterogeneous rest."""
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero(rng.random((N, N)) < 0.1)
    delay_steps = rng.integers(0, 30, pre.size)
    weight = np.where(pre < EXCITATORY, rng.uniform(0.1, 0.6, pre.size), rng.uniform(1, 6, pre.size))
    return {
        "pre": pre.astype(np.int32),
        "post": post.astype(np.int32),
        "delay_steps": delay_steps.astype(np.int32),
        "weight": weight,
        "v_0": rng.uniform(-60, -50, N),
        "g_e_0": np.clip(rng.normal(4, 1.5, N), 0, None),
        "g_i_0": np.zeros(N),
        "E_L": rng.uniform(-56, -45, N),
    }


def ours(net: dict[str, np.ndarray], jitter: float = 0.0) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Our rule; ``jitter`` moves the initial v, to see how far rounding reaches.  Also the final v, g_e, g_i."""
    v, g_e, g_i = net["v_0"] + jitter, net["g_e_0"].copy(), net["g_i_0"].copy()
    left = np.zeros(N, dtype=int)
    k = 1 + net["delay_steps"]
    lines = []
    for sort in (net["pre"] < EXCITATORY, net["pre"] >= EXCITATORY):
        lines.append(DelayLine(N, net["pre"][sort], net["post"][sort], net["weight"][sort], k[sort]))
    spikes: list[tuple[int, int]] = []
    for n in range(STEPS):
        g_e = g_e + lines[0].arrivals(n)
        g_i = g_i + lines[1].arrivals(n)
        a = -(1 + g_e + g_i) / P["tau_m"]
        b = (net["E_L"] + g_e * P["E_e"] + g_i * P["E_i"]) / P["tau_m"]
        v = np.where(left > 0, v, (v + b / a) * np.exp(a * DT) - b / a)
        g_e, g_i = g_e * np.exp(-DT / P["tau_e"]), g_i * np.exp(-DT / P["tau_i"])
        who = np.flatnonzero((v > P["V_t"]) & (left == 0))
        left = np.maximum(left - 1, 0)
        v[who], left[who] = P["V_r"], REFRACTORY_STEPS
        for line in lines:
            line.send(n, who)
        spikes += [(n, int(i)) for i in who]
    for line, g in zip(lines, (g_e, g_i), strict=True):
        g += line.arrivals(STEPS)  # Brian2 has already delivered what arrives at the start of the next step
    return spikes, np.stack([v, g_e, g_i])


def brian(net: dict[str, np.ndarray]) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Brian2 with numpy code generation."""
    b2.start_scope()
    b2.defaultclock.dt = DT * b2.ms
    text = """
    dv/dt = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v))/tau_m : volt (unless refractory)
    dg_e/dt = -g_e/tau_e : 1
    dg_i/dt = -g_i/tau_i : 1
    E_L : volt (constant)
    """
    names = {name: value * (b2.ms if name.startswith("tau") else b2.mV) for name, value in P.items()}
    cells = b2.NeuronGroup(
        N,
        text,
        threshold="v > V_t",
        reset="v = V_r",
        refractory=5.1 * b2.ms,
        method="exponential_euler",
        namespace=names,
    )
    cells.v, cells.g_e, cells.g_i, cells.E_L = net["v_0"] * b2.mV, net["g_e_0"], net["g_i_0"], net["E_L"] * b2.mV
    synapses = []
    for port, sort in (("g_e", net["pre"] < EXCITATORY), ("g_i", net["pre"] >= EXCITATORY)):
        s = b2.Synapses(cells, cells, "w : 1", on_pre=f"{port} += w")
        s.connect(i=net["pre"][sort], j=net["post"][sort])
        s.w = net["weight"][sort]
        s.delay = net["delay_steps"][sort] * DT * b2.ms
        synapses.append(s)
    monitor = b2.SpikeMonitor(cells)
    b2.Network(cells, monitor, *synapses).run(STEPS * DT * b2.ms)
    return spikes_of(monitor, DT), np.stack([np.asarray(cells.v / b2.mV), np.asarray(cells.g_e), np.asarray(cells.g_i)])


def main() -> None:
    """Compare, then store."""
    net = draw(3)
    peer, final = brian(net)
    mine, my_final = ours(net)
    require_equal_spikes("our rule against Brian2", mine, peer)
    require_close("final v, g_e, g_i", my_final, final, 1e-6)
    for jitter in (1e-11, 1e-9):
        print(f"  spikes unchanged by {jitter:g} mV on every initial v: {ours(net, jitter)[0] == peer}")
    constants = {**P, "dt": DT, "steps": STEPS, "excitatory": EXCITATORY, "refractory_steps": REFRACTORY_STEPS}
    finals = dict(zip(("v_final", "g_e_final", "g_i_final"), final, strict=True))
    save("coba_brian2", ("brian2",), **net, **constants, **finals, **spike_arrays("", peer))


if __name__ == "__main__":
    main()
