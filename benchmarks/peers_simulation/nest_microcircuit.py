"""NEST's side of the microcircuit bench: `iaf_psc_exp`, `fixed_total_number`, one `poisson_generator` per population."""

from __future__ import annotations

import os
import time
from typing import Any, ClassVar

import nest
import numpy as np

from benchmarks._protocol import Arrays, Options, Task
from benchmarks._worker import resident_mb
from ranvier.recipes.parts import cortex

PACKAGES = ("nest-simulator", "numpy")
DT = 0.1
CELL = {"C_m": 250.0, "tau_m": 10.0, "t_ref": 2.0, "E_L": -65.0, "V_reset": -65.0, "V_th": -50.0}
CELL |= {"tau_syn_ex": cortex.TAU_S, "tau_syn_in": cortex.TAU_S}


class MicrocircuitTask:
    """Build once, settle; state continues between repetitions."""

    formula: ClassVar[dict[str, Any]] = {}

    def __init__(self, scale: float, seed: int, biological_s: float) -> None:
        nest.ResetKernel()
        nest.verbosity = nest.VerbosityLevel.ERROR
        nest.resolution, nest.rng_seed, nest.local_num_threads = DT, seed, int(os.environ.get("OMP_NUM_THREADS", "1"))
        self._seconds, before, start = biological_s, resident_mb(), time.perf_counter()
        self._cells, self._recorders = {}, {}
        for k, (name, size) in enumerate(zip(cortex.NAMES, cortex.sizes(scale), strict=True)):
            self._populate(k, name, size, scale)
        for path in cortex.pathways(scale):
            self._connect(path)
        built = time.perf_counter() - start
        nest.Prepare()
        nest.Run(300.0)
        grown = resident_mb() - before
        self.notes = (
            f"double precision; built in {built:.1f} s; {grown / 1000:.2f} GB more than before building, after 0.3 s.",
        )

    def _populate(self, k: int, name: str, size: int, scale: float) -> None:
        mean, spread = cortex.V_START[k]
        values = {**CELL, "I_e": cortex.lost_current(k, scale), "V_m": nest.random.normal(mean, spread)}
        self._cells[name] = nest.Create("iaf_psc_exp", size, params=values)
        drive = nest.Create("poisson_generator", params={"rate": cortex.background_rate(k, scale)})
        weight = cortex.WEIGHT / np.sqrt(scale)
        nest.Connect(drive, self._cells[name], syn_spec={"weight": weight, "delay": cortex.BACKGROUND_DELAY})
        self._recorders[name] = nest.Create("spike_recorder")
        nest.Connect(self._cells[name], self._recorders[name])

    def _connect(self, path: cortex.Pathway) -> None:
        mean, spread = cortex.DELAYS[path.pre[-1]]
        low, high = (0.0, float("inf")) if path.weight > 0 else (float("-inf"), 0.0)
        weight = nest.math.redraw(nest.random.normal(path.weight, abs(path.weight) * cortex.SPREAD), low, high)
        delay = nest.math.redraw(nest.random.normal(mean, spread), DT, float("inf"))
        rule = {"rule": "fixed_total_number", "N": path.synapses}
        model = f"{path.pre}_{path.post}"  # a model holds at most 134 million synapses of a thread
        nest.CopyModel("static_synapse", model)
        synapses = {"synapse_model": model, "weight": weight, "delay": delay}
        nest.Connect(self._cells[path.pre], self._cells[path.post], rule, synapses)

    def _events(self) -> np.ndarray:
        return np.array([recorder.n_events for recorder in self._recorders.values()])

    def check(self) -> dict[str, np.ndarray]:
        before = self._events()
        nest.Run(1000.0)
        sizes = np.array([len(cells) for cells in self._cells.values()])
        inner = int(nest.GetKernelStatus("num_connections")) - 2 * int(sizes.sum())  # without drive and recorders
        return {"rates": (self._events() - before) / sizes, "synapses": np.array(inner)}

    def step(self) -> float:
        start = time.perf_counter()
        nest.Run(self._seconds * 1e3)
        return (time.perf_counter() - start) / self._seconds


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    return MicrocircuitTask(float(inputs["scale"]), int(inputs["seed"]), options["biological_s"])
