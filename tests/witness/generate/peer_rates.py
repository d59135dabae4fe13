"""Witness: statistics of the conductance-based network of 4,000 cells.  Made with Brian2 2.9.0 and NEST 3.10.0.

3,200 excitatory and 800 inhibitory cells, each ordered pair joined with probability 0.02 (a cell may join itself),
weights 0.6 and 6.7 in units of the leak conductance, dt 0.1 ms, negative conductances become 0.  Two circuits:

* ``design``: v uniform in (-60, -50) mV, g_e normal(4, 1.5), g_i normal(20, 12), inhibition 1 ms later than excitation.
  It falls silent after one volley in both peers, for every seed; the time of the last spike is stored.
* ``sustained``: v normal(-65, 5) mV, g_e normal(4, 1.5), g_i normal(20, 20), no delay on either projection.  It stays
  active; 2 s, the first 500 ms left out; the statistics are of this one.

Brian2: exponential Euler, ``refractory=5.1*ms`` (50 of our steps).  NEST: ``iaf_cond_exp`` (adaptive Runge-Kutta);
its smallest delay is one step, so that its projections are 0.1 ms later where Brian2's have no delay.
After Vogels & Abbott (2005) and Brette et al. (2007).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import brian2 as b2
import numpy as np
from _estimators import summary
from _store import WitnessError, save

CELLS, EXCITATORY, CHANCE, DT = 4000, 3200, 0.02, 0.1
BEGIN, END = 500.0, 2000.0  # window of the statistics, ms
DELAY, DESIGN_END = 1.0, 200.0  # the circuit with delayed inhibition, ms
SEEDS = (1, 2, 3, 4, 5, 6, 7, 10)  # with 8 and 9 the circuit falls silent within 40 ms, in Ranvier too
Spikes = tuple[np.ndarray, np.ndarray]
Run = Callable[[dict[str, np.ndarray], float, float], Spikes]
TEXT = """
dv/dt = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v))/tau_m : volt (unless refractory)
dg_e/dt = -g_e/tau_e : 1
dg_i/dt = -g_i/tau_i : 1
"""
NAMES = {"E_L": -60 * b2.mV, "E_e": 0 * b2.mV, "E_i": -80 * b2.mV, "V_t": -50 * b2.mV, "V_r": -60 * b2.mV}
NAMES |= {"tau_m": 20 * b2.ms, "tau_e": 5 * b2.ms, "tau_i": 10 * b2.ms}


def draw(seed: int, circuit: str) -> dict[str, np.ndarray]:
    """Draw initial values and edges; both peers get the same."""
    rng = np.random.default_rng(seed)
    sustained = circuit == "sustained"
    start = {
        "v": rng.normal(-65, 5, CELLS) if sustained else rng.uniform(-60, -50, CELLS),
        "g_e": np.clip(rng.normal(4, 1.5, CELLS), 0, None),
        "g_i": np.clip(rng.normal(20, 20 if sustained else 12, CELLS), 0, None),
    }
    pre, post = np.nonzero(rng.random((CELLS, CELLS), dtype=np.float32) < CHANCE)
    return {**start, "pre": pre, "post": post}


def brian(net: dict[str, np.ndarray], delay: float, end: float) -> Spikes:
    """Return spike times (start of the step, ms) and cells from Brian2; ``delay`` is that of inhibition."""
    b2.start_scope()
    b2.prefs.codegen.target = "cython"
    b2.defaultclock.dt = DT * b2.ms
    cells = b2.NeuronGroup(
        CELLS,
        TEXT,
        threshold="v > V_t",
        reset="v = V_r",
        refractory=5.1 * b2.ms,
        method="exponential_euler",
        namespace=NAMES,
    )
    cells.v, cells.g_e, cells.g_i = net["v"] * b2.mV, net["g_e"], net["g_i"]
    links = []
    for code, sort, late in (
        ("g_e += 0.6", net["pre"] < EXCITATORY, 0.0),
        ("g_i += 6.7", net["pre"] >= EXCITATORY, delay),
    ):
        link = b2.Synapses(cells, cells, on_pre=code, delay=late * b2.ms)
        link.connect(i=net["pre"][sort], j=net["post"][sort])
        links.append(link)
    monitor = b2.SpikeMonitor(cells)
    b2.Network(cells, monitor, *links).run(end * b2.ms)
    return np.asarray(monitor.t / b2.ms), np.asarray(monitor.i)


def nest_run(net: dict[str, np.ndarray], delay: float, end: float) -> Spikes:
    """Return spike times (moved to the start of the step, ms) and cells from NEST; the leak is 10 nS."""
    import nest  # last, as it prints a banner when it is imported

    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.resolution = DT
    leak = 10.0
    parameters = {"E_L": -60.0, "E_ex": 0.0, "E_in": -80.0, "V_th": -50.0, "V_reset": -60.0, "t_ref": 5.0}
    parameters |= {"g_L": leak, "C_m": 20.0 * leak, "tau_syn_ex": 5.0, "tau_syn_in": 10.0}
    cells = nest.Create("iaf_cond_exp", CELLS, params=parameters)
    cells.V_m, cells.g_ex, cells.g_in = list(net["v"]), list(net["g_e"] * leak), list(net["g_i"] * leak)
    ids = np.array(cells.global_id)
    for sort, weight, late in ((net["pre"] < EXCITATORY, 0.6, 0.0), (net["pre"] >= EXCITATORY, -6.7, delay)):
        pre, post = ids[net["pre"][sort]], ids[net["post"][sort]]
        same = np.ones(len(pre))
        links = {"synapse_model": "static_synapse", "weight": weight * leak * same, "delay": max(late, DT) * same}
        nest.Connect(pre, post, conn_spec="one_to_one", syn_spec=links)
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder)
    nest.Simulate(end)
    return np.array(recorder.events["times"]) - DT, np.array(recorder.events["senders"]) - ids[0]


def collect(peer: str, run: Run) -> dict[str, np.ndarray]:
    """Run all seeds; each stored array has the seed as its first axis."""
    rows: dict[str, list[np.ndarray]] = {}
    for seed in SEEDS:
        began = time.perf_counter()
        when, _ = run(draw(seed, "design"), DELAY, DESIGN_END)
        rows.setdefault(f"{peer}_design_last_spike", []).append(when.max())
        rows.setdefault(f"{peer}_design_spikes", []).append(np.int32(when.size))
        when, who = run(draw(seed, "sustained"), 0.0, END)
        if when.max() < END - 20:
            raise WitnessError(f"{peer}, seed {seed}: activity ended at {when.max():.1f} ms; choose another seed")
        for name, first, size in (("exc", 0, EXCITATORY), ("inh", EXCITATORY, CELLS - EXCITATORY)):
            cells = (who >= first) & (who < first + size)
            for key, value in summary(when[cells], who[cells] - first, size, BEGIN, END).items():
                rows.setdefault(f"{peer}_{name}_{key}", []).append(value)
        last = {key: round(float(values[-1]), 4) for key, values in rows.items() if "quantiles" not in key}
        print(f"{peer} seed {seed}: {time.perf_counter() - began:.0f} s, {last}", flush=True)
    return {key: np.stack(values) for key, values in rows.items()}


def main() -> None:
    """Run both peers and store."""
    out = collect("brian2", brian) | collect("nest", nest_run)
    numbers = {"dt": DT, "begin": BEGIN, "end": END, "delay": DELAY, "seeds": np.array(SEEDS, dtype=np.int32)}
    save("coba4000_statistics", ("brian2", "nest-simulator"), **numbers, **out)


if __name__ == "__main__":
    main()
