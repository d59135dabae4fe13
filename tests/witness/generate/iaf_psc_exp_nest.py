"""Witness: 150 current-based cells with heterogeneous delays, spike for spike.  Made with NEST 3.10.0, ``iaf_psc_exp``.

    dv/dt   = (E_L - v)/tau_m + (i_e + i_i + I_ext)/C_m : mV  (unless refractory)
    di_e/dt = -i_e / tau_e : nA
    di_i/dt = -i_i / tau_i : nA

Threshold v >= V_th, reset v = V_r, exact (matrix exponential), dt 0.1 ms, 1 s.  NEST's refractory count is ours:
t_ref = 2 ms is 20 steps.  NEST's time stamp t belongs to step round(t/dt) - 1; its delay of D steps is our ``connect``
delay of D steps, k = 1 + D.
Rotter & Diesmann (1999).
"""

from __future__ import annotations

import nest
import numpy as np
from _rule import DelayLine
from _store import require_close, require_equal_spikes, save, spike_arrays
from scipy.linalg import expm

N, EXCITATORY, DT, STEPS = 150, 120, 0.1, 10_000
REFRACTORY_STEPS = 20
P = {"E_L": -70.0, "V_r": -70.0, "V_th": -55.0, "tau_m": 10.0, "tau_e": 2.0, "tau_i": 3.0, "C_m": 0.25}


def draw(seed: int) -> dict[str, np.ndarray]:
    """Draw the network: 10 % connectivity, delays of 1 to 29 steps (NEST allows no zero), currents in nA."""
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero(rng.random((N, N)) < 0.1)
    delay_steps = rng.integers(1, 30, pre.size)
    weight = np.where(pre < EXCITATORY, rng.uniform(0.005, 0.03, pre.size), rng.uniform(-0.12, -0.03, pre.size))
    return {
        "pre": pre.astype(np.int32),
        "post": post.astype(np.int32),
        "delay_steps": delay_steps.astype(np.int32),
        "weight": weight,
        "v_0": rng.uniform(-80, -56, N),
        "I_ext": rng.uniform(0.35, 0.52, N),
    }


def ours(net: dict[str, np.ndarray], jitter: float = 0.0) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Our rule with the exact propagator; also returns the final v."""
    tau_m, tau_e, tau_i, c_m = P["tau_m"], P["tau_e"], P["tau_i"], P["C_m"]
    generator = np.zeros((4, 4))
    generator[0] = [-1 / tau_m, 1 / c_m, 1 / c_m, 1 / c_m]
    generator[1, 1], generator[2, 2] = -1 / tau_e, -1 / tau_i
    m = expm(generator * DT)
    u, i_e, i_i = net["v_0"] + jitter - P["E_L"], np.zeros(N), np.zeros(N)
    left = np.zeros(N, dtype=int)
    k = 1 + net["delay_steps"]
    lines = []
    for sort in (net["pre"] < EXCITATORY, net["pre"] >= EXCITATORY):
        lines.append(DelayLine(N, net["pre"][sort], net["post"][sort], net["weight"][sort], k[sort]))
    spikes: list[tuple[int, int]] = []
    for n in range(STEPS):
        i_e = i_e + lines[0].arrivals(n)
        i_i = i_i + lines[1].arrivals(n)
        u = np.where(left > 0, u, m[0, 0] * u + m[0, 1] * i_e + m[0, 2] * i_i + m[0, 3] * net["I_ext"])
        i_e, i_i = m[1, 1] * i_e, m[2, 2] * i_i
        who = np.flatnonzero((u >= P["V_th"] - P["E_L"]) & (left == 0))
        left = np.maximum(left - 1, 0)
        u[who], left[who] = P["V_r"] - P["E_L"], REFRACTORY_STEPS
        for line in lines:
            line.send(n, who)
        spikes += [(n, int(i)) for i in who]
    return spikes, u + P["E_L"]


def peer_run(net: dict[str, np.ndarray]) -> tuple[list[tuple[int, int]], np.ndarray]:
    """NEST, one thread; its own units are pA and pF."""
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.resolution = DT
    parameters = {
        "E_L": P["E_L"],
        "V_reset": P["V_r"],
        "V_th": P["V_th"],
        "tau_m": P["tau_m"],
        "tau_syn_ex": P["tau_e"],
        "tau_syn_in": P["tau_i"],
        "C_m": P["C_m"] * 1000,
        "t_ref": REFRACTORY_STEPS * DT,
    }
    cells = nest.Create("iaf_psc_exp", N, params=parameters)
    cells.V_m = list(net["v_0"])
    cells.I_e = list(net["I_ext"] * 1000)
    ids = np.array(cells.global_id)
    links = {"synapse_model": "static_synapse", "weight": net["weight"] * 1000, "delay": net["delay_steps"] * DT}
    nest.Connect(ids[net["pre"]], ids[net["post"]], conn_spec="one_to_one", syn_spec=links)
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder)
    nest.Simulate(STEPS * DT)
    steps = np.round(np.array(recorder.events["times"]) / DT).astype(int) - 1
    who = np.array(recorder.events["senders"]) - ids[0]
    return sorted(zip(steps.tolist(), who.tolist(), strict=True)), np.array(cells.V_m)


def main() -> None:
    """Compare, then store."""
    net = draw(3)
    peer, final = peer_run(net)
    mine, my_final = ours(net)
    require_equal_spikes("our rule against NEST", mine, peer)
    require_close("final v", my_final, final, 1e-9)
    for jitter in (1e-11, 1e-9):
        print(f"  spikes unchanged by {jitter:g} mV on every initial v: {ours(net, jitter)[0] == peer}")
    constants = {**P, "dt": DT, "steps": STEPS, "excitatory": EXCITATORY, "refractory_steps": REFRACTORY_STEPS}
    save("iaf_psc_exp_nest", ("nest-simulator",), **net, **constants, v_final=final, **spike_arrays("", peer))


if __name__ == "__main__":
    main()
