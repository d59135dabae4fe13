"""Witness: statistics of two circuits with current-based cells.  Made with Brian2 2.9.0 and NEST 3.10.0.

* ``brunel_sr``, ``brunel_si``, ``brunel_ai``: 4,000 excitatory and 1,000 inhibitory cells with delta synapses, 400
  excitatory and 100 inhibitory synapses each, tau 20 ms, threshold 20 mV, reset 10 mV, 2 ms of refractoriness, jumps of
  0.25 mV and -g*0.25 mV, delay 1.5 ms; every cell gets Poisson input of eta times the rate that just reaches the threshold.
  After Brunel (2000): synchronous regular (g 3, eta 2), synchronous irregular (g 6, eta 4), asynchronous (g 5, eta 2).
  1 s, the first 200 ms left out.
* ``cuba``: 3,200 and 800 cells, probability 0.02, exponential currents of 5 and 10 ms, jumps of 1.62 mV and -9 mV, no
  delay (NEST: its smallest, one step). Brette et al. (2007), benchmark 2. 1 s, the first 300 ms left out.

What arrives in Brian2 acts after the threshold test, that is, in the next step: its 1.5 ms are one step more than NEST's.
That counts most in the synchronous regular regime, whose period is locked to the delay (312 instead of 333 Hz).

Every peer draws its own graphs and input; each stored array has the seed as its first axis.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import brian2 as b2
import numpy as np
from _estimators import summary
from _store import save

DT, SEEDS, END = 0.1, (1, 2, 3, 4, 5, 6, 7, 8), 1000.0
REGIMES: Mapping[str, tuple[float, float]] = {"brunel_sr": (3, 2), "brunel_si": (6, 4), "brunel_ai": (5, 2)}
BRUNEL = {"exc": (0, 4000), "inh": (4000, 1000)}
CUBA = {"exc": (0, 3200), "inh": (3200, 800)}
FROM_EXC, FROM_INH, JUMP, TAU, THETA = 400, 100, 0.25, 20.0, 20.0
Spikes = tuple[np.ndarray, np.ndarray]


def brunel_graph(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Presynaptic cells [synapses] of both kinds, and the postsynaptic ones."""
    rng = np.random.default_rng(seed)
    exc = rng.integers(0, 4000, (5000, FROM_EXC))
    inh = rng.integers(4000, 5000, (5000, FROM_INH))
    return exc.ravel(), inh.ravel(), np.arange(5000)


def brunel_brian(seed: int, g: float, eta: float) -> Spikes:
    """Times (start of the step, ms) and cells from Brian2."""
    b2.start_scope()
    b2.seed(seed)
    b2.defaultclock.dt = DT * b2.ms
    space = {"tau": TAU * b2.ms, "theta": THETA * b2.mV, "v_r": 10 * b2.mV}
    cells = b2.NeuronGroup(
        5000, "dv/dt = -v/tau : volt (unless refractory)", threshold="v >= theta", reset="v = v_r",
        refractory=2.1 * b2.ms, method="exact", namespace=space,
    )  # fmt: skip
    exc, inh, post = brunel_graph(seed)
    links = []
    for pre, count, jump in ((exc, FROM_EXC, JUMP), (inh, FROM_INH, -g * JUMP)):
        link = b2.Synapses(cells, cells, on_pre="v += jump", delay=1.5 * b2.ms, namespace={"jump": jump * b2.mV})
        link.connect(i=pre, j=np.repeat(post, count))
        links.append(link)
    rate = eta * THETA / (JUMP * TAU)  # per ms, all trains together
    drive = b2.PoissonInput(cells, "v", 4000, rate / 4000 * b2.kHz, JUMP * b2.mV)
    monitor = b2.SpikeMonitor(cells)
    b2.Network(cells, monitor, drive, *links).run(END * b2.ms)
    return np.asarray(monitor.t / b2.ms), np.asarray(monitor.i)


def cuba_brian(seed: int) -> Spikes:
    """Times (start of the step, ms) and cells from Brian2."""
    b2.start_scope()
    b2.seed(seed)
    b2.defaultclock.dt = DT * b2.ms
    text = """
    dv/dt = (g_e + g_i - (v - E_L))/tau_m : volt (unless refractory)
    dg_e/dt = -g_e/tau_e : volt
    dg_i/dt = -g_i/tau_i : volt
    """
    space = {"E_L": -49 * b2.mV, "V_t": -50 * b2.mV, "V_r": -60 * b2.mV, "tau_m": 20 * b2.ms}
    space |= {"tau_e": 5 * b2.ms, "tau_i": 10 * b2.ms}
    cells = b2.NeuronGroup(
        4000, text, threshold="v > V_t", reset="v = V_r", refractory=5.1 * b2.ms, method="exact", namespace=space
    )
    cells.v = np.random.default_rng(seed).uniform(-60, -50, 4000) * b2.mV
    links = []
    for code, group in (("g_e += 1.62*mV", cells[:3200]), ("g_i -= 9*mV", cells[3200:])):
        link = b2.Synapses(group, cells, on_pre=code)
        link.connect(p=0.02)
        links.append(link)
    monitor = b2.SpikeMonitor(cells)
    b2.Network(cells, monitor, *links).run(END * b2.ms)
    return np.asarray(monitor.t / b2.ms), np.asarray(monitor.i)


def nest_kernel(seed: int):
    """NEST, emptied and seeded."""
    import nest  # last, as it prints a banner when it is imported

    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.resolution, nest.rng_seed = DT, seed
    return nest


def nest_spikes(nest, cells) -> Spikes:
    """Run and read: times moved to the start of the step."""
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder)
    nest.Simulate(END)
    return np.array(recorder.events["times"]) - DT, np.array(recorder.events["senders"]) - cells[0].global_id


def brunel_nest(seed: int, g: float, eta: float) -> Spikes:
    """Times and cells from NEST, ``iaf_psc_delta``."""
    nest = nest_kernel(seed)
    values = {"C_m": 1.0, "tau_m": TAU, "t_ref": 2.0, "E_L": 0.0, "V_reset": 10.0, "V_m": 0.0, "V_th": THETA}
    cells = nest.Create("iaf_psc_delta", 5000, params=values)
    for group, count, jump in ((cells[:4000], FROM_EXC, JUMP), (cells[4000:], FROM_INH, -g * JUMP)):
        rule = {"rule": "fixed_indegree", "indegree": count}
        nest.Connect(group, cells, rule, {"weight": jump, "delay": 1.5})
    drive = nest.Create("poisson_generator", params={"rate": 1000 * eta * THETA / (JUMP * TAU)})
    nest.Connect(drive, cells, syn_spec={"weight": JUMP, "delay": 1.5})
    return nest_spikes(nest, cells)


def cuba_nest(seed: int) -> Spikes:
    """Times and cells from NEST, ``iaf_psc_exp`` with a capacity that makes the current's unit mV."""
    nest = nest_kernel(seed)
    values = {"C_m": 20.0, "tau_m": 20.0, "t_ref": 5.0, "E_L": -49.0, "V_reset": -60.0, "V_th": -50.0}
    cells = nest.Create("iaf_psc_exp", 4000, params={**values, "tau_syn_ex": 5.0, "tau_syn_in": 10.0})
    cells.V_m = list(np.random.default_rng(seed).uniform(-60, -50, 4000))
    for group, jump in ((cells[:3200], 1.62), (cells[3200:], -9.0)):
        nest.Connect(group, cells, {"rule": "pairwise_bernoulli", "p": 0.02}, {"weight": jump, "delay": DT})
    return nest_spikes(nest, cells)


def collect(name: str, run: Callable[[int], Spikes], parts: Mapping[str, tuple[int, int]], begin: float) -> dict:
    """Run all seeds; ``name`` is circuit and peer."""
    rows: dict[str, list[np.ndarray]] = {}
    for seed in SEEDS:
        began = time.perf_counter()
        when, who = run(seed)
        for part, (first, size) in parts.items():
            chosen = (who >= first) & (who < first + size)
            for key, value in summary(when[chosen], who[chosen] - first, size, begin, END).items():
                rows.setdefault(f"{name}_{part}_{key}", []).append(value)
        last = {key: round(float(v[-1]), 4) for key, v in rows.items() if key.endswith("mean") and "_exc_" in key}
        print(f"{name} seed {seed}: {time.perf_counter() - began:.0f} s, {last}", flush=True)
    return {key: np.stack(values) for key, values in rows.items()}


def main() -> None:
    """Run both peers on every circuit and store."""
    b2.prefs.codegen.target = "cython"
    out = collect("cuba_brian2", cuba_brian, CUBA, 300.0) | collect("cuba_nest", cuba_nest, CUBA, 300.0)
    for regime, (g, eta) in REGIMES.items():
        out |= collect(f"{regime}_nest", lambda seed, g=g, eta=eta: brunel_nest(seed, g, eta), BRUNEL, 200.0)
        out |= collect(f"{regime}_brian2", lambda seed, g=g, eta=eta: brunel_brian(seed, g, eta), BRUNEL, 200.0)
    save("brunel_cuba_statistics", ("brian2", "nest-simulator"), dt=DT, end=END, seeds=np.array(SEEDS, np.int32), **out)


if __name__ == "__main__":
    main()
