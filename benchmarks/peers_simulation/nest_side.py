"""NEST: `iaf_cond_exp` (adaptive solver, double precision only), state carried from one repetition to the next."""

from __future__ import annotations

import os
import time
from typing import Any, ClassVar

import nest
import numpy as np

from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.simulation import _circuit as circuit
from benchmarks.simulation._lit import first_lit, still_lit

PACKAGES = ("nest-simulator", "numpy")
LEAK_NS = 10.0
"""Leak conductance; with C_m = 200 pF the membrane time constant is 20 ms."""


class CobaTask:
    """Build once; each repetition continues the run by `biological_s` seconds."""

    formula: ClassVar[dict[str, Any]] = {}
    notes = ("iaf_cond_exp, double precision, delays 0.1 ms; state continues between repetitions.",)

    def __init__(self, kind: circuit.Kind, cells: int, seed: int, biological_s: float) -> None:
        self._kind, self._cells, self._duration = kind, cells, biological_s
        nest.ResetKernel()
        nest.set_verbosity("M_ERROR")
        threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
        nest.SetKernelStatus({"resolution": circuit.DT, "rng_seed": seed, "local_num_threads": threads})
        population = nest.Create("iaf_cond_exp", cells, params=self._parameters(np.random.default_rng(seed)))
        self._connect(population)
        nest.Prepare()

    def _parameters(self, generator: np.random.Generator) -> dict[str, object]:
        def draw(moments: tuple[float, float]) -> list[float]:
            return list(np.clip(generator.normal(*moments, self._cells), 0.0, None) * LEAK_NS)

        return {
            "C_m": LEAK_NS * circuit.TAU_M,
            "g_L": LEAK_NS,
            "E_L": circuit.E_L,
            "E_ex": circuit.E_E,
            "E_in": circuit.E_I,
            "V_th": circuit.V_THRESHOLD,
            "V_reset": circuit.V_RESET,
            "t_ref": circuit.REFRACTORY,
            "tau_syn_ex": circuit.TAU_E,
            "tau_syn_in": circuit.TAU_I,
            "V_m": list(generator.uniform(circuit.V_RESET, circuit.V_THRESHOLD, self._cells)),
            "g_ex": draw(circuit.G_E_START),
            "g_in": draw(circuit.G_I_START),
        }

    def _connect(self, population: nest.NodeCollection) -> None:
        excitatory, _, probability = circuit.sizes(self._cells)
        rule = {"rule": "pairwise_bernoulli", "p": probability}
        excitation, inhibition = self._synapse(circuit.W_E * LEAK_NS), self._synapse(-circuit.W_I * LEAK_NS)
        nest.Connect(population[:excitatory], population, rule, excitation)
        nest.Connect(population[excitatory:], population, rule, inhibition)

    def _synapse(self, weight: float) -> dict[str, object]:
        """Weight and delay; a delay is at least a step."""
        own = nest.random.normal(weight, circuit.SPREAD * abs(weight))
        late = circuit.DT + nest.random.uniform(0.0, circuit.LONGEST_DELAY)
        return {"weight": own if self._kind.weights else weight, "delay": late if self._kind.delays else circuit.DT}

    def step(self) -> float:
        seconds, fired = self._advance()
        still_lit(fired, self._cells, self._duration)
        return seconds / self._duration

    def _advance(self) -> tuple[float, int]:
        """Seconds and spikes of one more run (the kernel's counter restarts with every run)."""
        start = time.perf_counter()
        nest.Run(self._duration * 1e3)
        seconds = time.perf_counter() - start
        return seconds, nest.GetKernelStatus("local_spike_counter")

    def check(self) -> dict[str, np.ndarray]:
        _, fired = self._advance()
        synapses = nest.GetKernelStatus("num_connections")
        return {"rate": np.array(fired / self._cells / self._duration), "synapses": np.array(synapses)}


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    kind = circuit.kind_of(bench)
    if kind is None or kind.model != "coba":
        raise NotOffered(f"not written for {bench}")
    cells, seed = int(inputs["cells"]), int(inputs["seed"])
    return first_lit(lambda s: CobaTask(kind, cells, s, options["biological_s"]), seed)
