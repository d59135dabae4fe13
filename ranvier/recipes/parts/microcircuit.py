"""The cortical microcircuit: four layers under 1 mm² of early sensory cortex, 77,169 cells and 0.3 billion synapses."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import track

from ranvier.connectivity import FixedTotal, OneToOne
from ranvier.network import Network, Poisson, Run
from ranvier.neurons import CurrentLIF
from ranvier.recipes.parts import cortex
from ranvier.recipes.parts.cortex import NAMES
from ranvier.units import Hz, ms, mV, pA, second
from ranvier.values import Normal

if TYPE_CHECKING:
    from ranvier.distributed import Processes

__all__ = ["MicrocircuitResult", "microcircuit", "simulate"]


def microcircuit(
    scale: float = 1.0, seed: int = 1, *, progress: bool = False, processes: Processes | None = None
) -> Network:
    """The circuit with ``scale`` times as many cells and synapses per cell.

    Leaky integrate-and-fire cells (tau_m = 10 ms, C = 250 pF, tau_s = 0.5 ms) in eight populations; FixedTotal synapses,
    each with its own weight (87.8 ± 8.8 pA, inhibitory -4 times as much) and delay (1.5 ± 0.75 ms from excitatory,
    0.75 ± 0.375 ms from inhibitory cells); 1,500 to 2,900 background synapses per cell, Poisson at 8 Hz. Below full scale
    weights grow by 1/sqrt(scale) and a constant current replaces the mean input that is lost, so that rates and their
    variances stay (S. J. van Albada, M. Helias and M. Diesmann, *PLoS Computational Biology* 11, e1004490, 2015).

    Source: T. C. Potjans and M. Diesmann, *Cereb. Cortex* 24, 785 (2014); initial potentials as in O. Rhodes et al.,
    *Phil. Trans. R. Soc. A* 378, 20190160 (2020).

    ``processes`` are those that run the circuit together (``rv.distributed.join()``).

    >>> run = microcircuit(0.1).run(1 * second, record={"L4E": ["spikes"]})
    """
    if not 0 < scale <= 1:
        raise ValueError(f"scale={scale!r} must be above 0 and at most 1, the full circuit.")
    net = Network(dt=0.1 * ms, seed=seed, processes=processes)
    for k, (name, size) in enumerate(zip(NAMES, cortex.sizes(scale), strict=True)):
        (mean, spread), synapses = cortex.V_START[k], cortex.BACKGROUND[k]
        cell = CurrentLIF(tau_s=cortex.TAU_S * ms, I_e=cortex.lost_current(k, scale) * pA)
        net.population(name, size, cell, v=Normal(mean * mV, spread * mV))
        net.source(f"to_{name}", Poisson(cortex.background_rate(k, scale) / synapses * Hz, size, trains=synapses))
        weight, late = cortex.WEIGHT / math.sqrt(scale) * pA, cortex.BACKGROUND_DELAY * ms
        net.connect(f"to_{name}", name, OneToOne(), to="I", weight=weight, delay=late)
    pathways = cortex.pathways(scale)
    for path in track(pathways, "building", console=Console(stderr=True), disable=not progress):
        mean, spread = cortex.DELAYS[path.pre[-1]]
        bound = {"low": 0 * pA} if path.weight > 0 else {"high": 0 * pA}
        net.connect(
            path.pre, path.post, FixedTotal(path.synapses), to="I", sign=1 if path.weight > 0 else -1,
            weight=Normal(path.weight * pA, abs(path.weight) * cortex.SPREAD * pA, **bound),
            delay=Normal(mean * ms, spread * ms, low=0.1 * ms),
        )  # fmt: skip
    return net


@dataclass(frozen=True)
class MicrocircuitResult:
    """What the simulation gave.

    Attributes
    ----------
    run
        The timed simulation: spikes of every population.
    cells, synapses
        How many there are.
    building
        Seconds for drawing the circuit.
    rates, cvs
        By population: mean rate in Hz; mean coefficient of variation of the intervals.
    """

    run: Run
    cells: int
    synapses: int
    building: float
    rates: dict[str, float]
    cvs: dict[str, float]


def simulate(
    seconds: float = 1.0, *, scale: float = 0.1, seed: int = 1, settle_ms: float = 100.0, progress: bool = False
) -> MicrocircuitResult:
    """Build the circuit, let it settle for ``settle_ms`` ms, then simulate ``seconds``."""
    start = time.perf_counter()
    net = microcircuit(scale, seed, progress=progress)
    building = time.perf_counter() - start
    state = net.run(settle_ms * ms, stream=0).state
    run = net.run(seconds * second, state, record={n: ["spikes"] for n in NAMES}, progress=progress)
    trains = {n: run[n].spikes for n in NAMES}
    synapses = sum(len(p.synapses) for p in net.projections.values() if p.pre in net.populations)
    return MicrocircuitResult(
        run, int(np.sum([t.size for t in trains.values()])), synapses, building,
        {n: t.rate() for n, t in trains.items()}, {n: t.cv() for n, t in trains.items()},
    )  # fmt: skip
