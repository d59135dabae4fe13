"""The cortical microcircuit: four layers under 1 mm² of early sensory cortex, 77,169 cells and 0.3 billion synapses."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.progress import track

from ranvier.connectivity import FixedTotal, OneToOne
from ranvier.network import Network, PoissonDrive
from ranvier.network._run import Run
from ranvier.neurons import CurrentLIF
from ranvier.recipes._cortex import MEAN_DELAY, NAMES, PROBABILITIES, SIZES, SPREAD, WEIGHT, mean_weight, synapses
from ranvier.units import Hz, ms, mV, pA, second
from ranvier.values import Normal

__all__ = ["NAMES", "RATES", "MicrocircuitResult", "expected_synapses", "microcircuit", "simulate", "sizes"]

#: published mean rates in Hz at full scale
RATES = (0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829)

#: background synapses of a cell, each firing at ``_BACKGROUND_HZ``
_BACKGROUND = (1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100)
_BACKGROUND_HZ = 8.0
_TAU_S = 0.5
#: mV, mean and standard deviation of the first membrane potential, close to those of the running circuit
_V_START = (
    (-68.28, 5.36), (-63.16, 4.57), (-63.33, 4.74), (-63.45, 4.94),
    (-63.11, 4.94), (-61.66, 4.55), (-66.72, 5.46), (-61.43, 4.48),
)  # fmt: skip


def _synapses(post: int, pre: int) -> float:
    """Synapses of a projection at full scale."""
    return synapses(PROBABILITIES[post][pre], SIZES[pre] * SIZES[post])


def sizes(scale: float = 1.0) -> list[int]:
    """Cells of each population at ``scale``."""
    return [max(2, round(size * scale)) for size in SIZES]


def expected_synapses(scale: float = 1.0) -> int:
    """Synapses of the whole circuit at ``scale``, without the background."""
    every = range(len(NAMES))
    return sum(round(_synapses(post, pre) * scale * scale) for post in every for pre in every)


def _lost_current(post: int, scale: float) -> float:
    """pA: what smaller in-degrees with weights 1/sqrt(scale) times as large take from a cell's mean input.

    tau_s (1 - sqrt(scale)) (sum over pre of K w rate + K_ext w_ext rate_ext), K the in-degrees at full scale.
    """
    total = _BACKGROUND[post] * WEIGHT * _BACKGROUND_HZ
    for pre, name in enumerate(NAMES):
        total += _synapses(post, pre) / SIZES[post] * mean_weight(name, NAMES[post]) * RATES[pre]
    return _TAU_S / 1000 * (1 - math.sqrt(scale)) * total


def microcircuit(scale: float = 1.0, seed: int = 1, *, progress: bool = False) -> Network:
    """The circuit with ``scale`` times as many cells and synapses per cell.

    Leaky integrate-and-fire cells (tau_m = 10 ms, C = 250 pF, tau_s = 0.5 ms) in eight populations; FixedTotal synapses,
    each with its own weight (87.8 ± 8.8 pA, inhibitory -4 times as much) and delay (1.5 ± 0.75 ms from excitatory,
    0.75 ± 0.375 ms from inhibitory cells); 1,500 to 2,900 background synapses per cell, Poisson at 8 Hz. Below full scale
    weights grow by 1/sqrt(scale) and a constant current replaces the mean input that is lost, so that rates and their
    variances stay (S. J. van Albada, M. Helias and M. Diesmann, *PLoS Computational Biology* 11, e1004490, 2015).

    Source: T. C. Potjans and M. Diesmann, *Cereb. Cortex* 24, 785 (2014); initial potentials as in O. Rhodes et al.,
    *Phil. Trans. R. Soc. A* 378, 20190160 (2020).

    >>> run = microcircuit(0.1).run(1 * second, record={"L4E": ["spikes"]})
    """
    if not 0 < scale <= 1:
        raise ValueError(f"scale={scale!r} must be above 0 and at most 1, the full circuit.")
    net = Network(dt=0.1 * ms, seed=seed)
    larger = 1 / math.sqrt(scale)
    for k, (name, size) in enumerate(zip(NAMES, sizes(scale), strict=True)):
        mean, spread = _V_START[k]
        cell = CurrentLIF(tau_s=_TAU_S * ms, I_e=_lost_current(k, scale) * pA)
        net.population(name, size, cell, v=Normal(mean * mV, spread * mV))
        net.source(f"to_{name}", PoissonDrive(_BACKGROUND[k] * scale * _BACKGROUND_HZ * Hz, size))
        net.connect(f"to_{name}", name, OneToOne(), to="I", weight=WEIGHT * larger * pA, delay=1.5 * ms)
    pairs = [(post, pre) for post in range(len(NAMES)) for pre in range(len(NAMES))]
    for post, pre in track(pairs, "building", console=Console(stderr=True), disable=not progress):
        total = round(_synapses(post, pre) * scale * scale)
        if total == 0:
            continue
        name, target = NAMES[pre], NAMES[post]
        weight, delay = mean_weight(name, target) * larger, MEAN_DELAY[name[-1]]
        bound = {"low": 0 * pA} if weight > 0 else {"high": 0 * pA}
        net.connect(
            name, target, FixedTotal(total), to="I", sign=1 if weight > 0 else -1,
            weight=Normal(weight * pA, abs(weight) * SPREAD * pA, **bound),
            delay=Normal(delay * ms, delay / 2 * ms, low=0.1 * ms),
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
    state = net.run(settle_ms * ms).state
    run = net.run(seconds * second, state, record={n: ["spikes"] for n in NAMES}, progress=progress)
    trains = {n: run[n].spikes for n in NAMES}
    synapses = sum(len(p.synapses) for p in net.projections.values() if p.pre in net.populations)
    return MicrocircuitResult(
        run, int(np.sum([t.size for t in trains.values()])), synapses, building,
        {n: t.rate() for n, t in trains.items()}, {n: t.cv() for n, t in trains.items()},
    )  # fmt: skip
