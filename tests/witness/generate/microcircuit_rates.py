"""Witness: statistics of the cortical microcircuit at a tenth of its size.  Made with NEST 3.10.0.

7,717 cells (`iaf_psc_exp`) in eight populations and 2,988,807 synapses by `fixed_total_number`, every weight and every delay
drawn from a normal distribution that is drawn again beyond its bound; a `poisson_generator` for each cell; weights and a
constant current adjusted to the smaller size.  The numbers are those of `ranvier/recipes/parts/cortex.py`, which imports nothing.
5.5 s, the first 500 ms left out; eight seeds.  Run with the root of the repository in PYTHONPATH.
"""

from __future__ import annotations

import time

import nest
import numpy as np
from _estimators import summary
from _store import save

from ranvier.recipes.parts import cortex

DT, SCALE, BEGIN, END, SEEDS = 0.1, 0.1, 500.0, 5500.0, (1, 2, 3, 4, 5, 6, 7, 8)
CELL = {"C_m": 250.0, "tau_m": 10.0, "t_ref": 2.0, "E_L": -65.0, "V_reset": -65.0, "V_th": -50.0}
CELL |= {"tau_syn_ex": cortex.TAU_S, "tau_syn_in": cortex.TAU_S}


def run(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray, int]]:
    """By population: spike times (start of the step, ms), cells, and how many there are."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.resolution, nest.rng_seed = DT, seed
    cells, recorders = {}, {}
    for k, (name, size) in enumerate(zip(cortex.NAMES, cortex.sizes(SCALE), strict=True)):
        mean, spread = cortex.V_START[k]
        values = {**CELL, "I_e": cortex.lost_current(k, SCALE), "V_m": nest.random.normal(mean, spread)}
        cells[name] = nest.Create("iaf_psc_exp", size, params=values)
        drive = nest.Create("poisson_generator", params={"rate": cortex.background_rate(k, SCALE)})
        weight = cortex.WEIGHT / np.sqrt(SCALE)
        nest.Connect(drive, cells[name], syn_spec={"weight": weight, "delay": cortex.BACKGROUND_DELAY})
        recorders[name] = nest.Create("spike_recorder")
        nest.Connect(cells[name], recorders[name])
    for path in cortex.pathways(SCALE):
        mean, spread = cortex.DELAYS[path.pre[-1]]
        weight = nest.random.normal(path.weight, abs(path.weight) * cortex.SPREAD)
        low, high = (0.0, np.inf) if path.weight > 0 else (-np.inf, 0.0)
        nest.Connect(
            cells[path.pre], cells[path.post], {"rule": "fixed_total_number", "N": path.synapses},
            {
                "weight": nest.math.redraw(weight, low, high),
                "delay": nest.math.redraw(nest.random.normal(mean, spread), DT, np.inf),
            },
        )  # fmt: skip
    nest.Simulate(END)
    found = {}
    for name, recorder in recorders.items():
        events = recorder.events
        first = cells[name][0].global_id
        found[name] = np.array(events["times"]) - DT, np.array(events["senders"]) - first, len(cells[name])
    return found


def main() -> None:
    """Run all seeds and store; each array has the seed as its first axis."""
    rows: dict[str, list[np.ndarray]] = {}
    for seed in SEEDS:
        began = time.perf_counter()
        for name, (when, who, size) in run(seed).items():
            for key, value in summary(when, who, size, BEGIN, END).items():
                rows.setdefault(f"nest_{name}_{key}", []).append(value)
        last = {key: round(float(v[-1]), 3) for key, v in rows.items() if key.endswith(("rate_mean", "cv_mean"))}
        print(f"seed {seed}: {time.perf_counter() - began:.0f} s, {last}", flush=True)
    numbers = {"dt": DT, "scale": SCALE, "begin": BEGIN, "end": END, "seeds": np.array(SEEDS, np.int32)}
    out = {key: np.stack(values) for key, values in rows.items()}
    save("microcircuit_statistics", ("nest-simulator",), **numbers, **out)


if __name__ == "__main__":
    main()
