"""Our rule for synapse code, in numpy, against ``data/stdp_brian2.npz``; ``stdp_brian2.py`` calls it before it stores.

Step n: arrive -> advance -> fire -> reset, then record, with both pathways treated alike:

* an input spike of step n runs on_pre in the arrival phase of step n + 1 + round(delay/dt) and reads the weight then;
* an output spike of step n runs on_post in the arrival phase of step n + 1 (latency 1 + round(0/dt));
* inside one arrival phase every on_pre precedes every on_post;
* the traces decay by exp(-dt/tau) in each advance.

This is Brian2 event for event.  The tempting alternative, on_post at the end of the step that fired
(``deferred=False``), swaps the two whenever an input spike arrives at the very moment t_(n+1) of the output spike, and
is then *not* equal.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from _store import DATA, require_close, require_equal_spikes

Data = Mapping[str, np.ndarray]


def simulate(
    data: Data, *, deferred: bool = True, jitter: float = 0.0
) -> tuple[list[tuple[int, int]], np.ndarray, int]:
    """Return output spikes, weights after steps every-1, 2*every-1, ... (``[R, 50, 5]``), and the number of ties.

    A tie is an input spike that arrives in step n + 1 at a cell that fired in step n.
    """
    p = {
        name: float(data[name]) for name in ("dt", "E_L", "E_e", "V_th", "V_r", "tau_m", "tau_e", "tau_pre", "tau_post")
    }
    d_pre, d_post, w_max = (float(data[name]) for name in ("dApre", "dApost", "w_max"))
    weight, delay = data["weight_0"].copy(), data["delay_steps"]
    outputs = weight.shape[1]
    steps, every = int(data["steps"]), int(data["every"])
    due: list[list[tuple[int, int]]] = [[] for _ in range(steps + int(delay.max()) + 2)]
    for step, i in zip(data["input_step"].tolist(), data["input_neuron"].tolist(), strict=True):
        for j in range(outputs):
            due[step + 1 + int(delay[i, j])].append((i, j))
    v, g = data["v_0"] + jitter, np.zeros(outputs)
    a_pre, a_post = np.zeros(weight.shape), np.zeros(weight.shape)
    decay_pre, decay_post = np.exp(-p["dt"] / p["tau_pre"]), np.exp(-p["dt"] / p["tau_post"])
    spikes: list[tuple[int, int]] = []
    rows: list[np.ndarray] = []
    fired = np.zeros(0, dtype=np.intp)
    ties = 0

    def on_post(who: np.ndarray) -> None:
        a_post[:, who] += d_post
        weight[:, who] = np.clip(weight[:, who] + a_pre[:, who], 0, w_max)

    for n in range(steps):
        for i, j in due[n]:  # arrive: on_pre
            g[j] += weight[i, j]
            a_pre[i, j] += d_pre
            weight[i, j] = min(max(weight[i, j] + a_post[i, j], 0.0), w_max)
            ties += int(j in fired)
        if deferred:
            on_post(fired)  # arrive: on_post of the spikes of step n - 1
        a = -(1 + g) / p["tau_m"]  # advance
        b = (p["E_L"] + g * p["E_e"]) / p["tau_m"]
        v = (v + b / a) * np.exp(a * p["dt"]) - b / a
        g = g * np.exp(-p["dt"] / p["tau_e"])
        a_pre *= decay_pre
        a_post *= decay_post
        fired = np.flatnonzero(v > p["V_th"])  # fire
        if not deferred:
            on_post(fired)
        v[fired] = p["V_r"]  # reset
        spikes += [(n, int(j)) for j in fired]
        if (n + 1) % every == 0:
            rows.append(weight.copy())
    return spikes, np.stack(rows), ties


def peer_spikes(data: Data) -> list[tuple[int, int]]:
    """Return the stored output spikes as pairs."""
    return list(zip(data["spike_step"].tolist(), data["spike_neuron"].tolist(), strict=True))


def check(data: Data) -> None:
    """Raise unless spikes, weights over time and final weights equal Brian2's; report ties and the alternative."""
    peer = peer_spikes(data)
    spikes, rows, ties = simulate(data)
    require_equal_spikes("our rule", spikes, peer)
    require_close("weights over time", rows, data["weights"], 1e-12)
    require_close("final weights", rows[-1], data["weight_final"], 1e-12)
    print(f"  ties between an arrival and an output spike: {ties}")
    print(f"  spikes unchanged by 1e-09 mV on every initial v: {simulate(data, jitter=1e-9)[0] == peer}")
    other, other_rows, _ = simulate(data, deferred=False)
    error = np.abs(other_rows[-1] - data["weight_final"]).max()
    print(f"  on_post in the firing step instead: spikes equal {other == peer}, largest weight error {error:.2g}")


if __name__ == "__main__":
    with np.load(DATA / "stdp_brian2.npz") as stored:
        check(dict(stored))
