"""Ranvier's side of the microcircuit bench: the recipe itself."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np

from benchmarks._protocol import Arrays, Options, Task
from benchmarks._worker import resident_mb
from ranvier.recipes.parts.cortex import NAMES
from ranvier.recipes.parts.microcircuit import microcircuit
from ranvier.units import second

PACKAGES = ("torch", "numpy")


class MicrocircuitTask:
    """Build once, settle; state continues between repetitions."""

    formula: ClassVar[dict[str, Any]] = {}

    def __init__(self, scale: float, seed: int, biological_s: float) -> None:
        self._seconds, before, start = biological_s, resident_mb(), time.perf_counter()
        self._net = microcircuit(scale, seed)
        built = time.perf_counter() - start
        self._state = self._net.run(0.3 * second, stream=0).state
        grown = resident_mb() - before
        self.notes = (
            f"float32; built in {built:.1f} s; {grown / 1000:.2f} GB more than before building, after 0.3 s.",
        )

    def _advance(self, seconds: float) -> np.ndarray:
        run = self._net.run(seconds * second, self._state, record={name: ["spikes"] for name in NAMES})
        self._state = run.state
        return np.array([run[name].spikes.rate() for name in NAMES])

    def check(self) -> dict[str, np.ndarray]:
        synapses = sum(len(p.synapses) for p in self._net.projections.values() if p.pre in NAMES)
        return {"rates": self._advance(1.0), "synapses": np.array(synapses)}

    def step(self) -> float:
        start = time.perf_counter()
        self._advance(self._seconds)
        return (time.perf_counter() - start) / self._seconds


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    return MicrocircuitTask(float(inputs["scale"]), int(inputs["seed"]), options["biological_s"])
