"""Processor time and memory of one circuit at several sizes, and the straight lines through their logarithms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np
import torch

from ranvier.network import Network, Poisson
from ranvier.recipes.parts.alone import alone, peak, resident, say
from ranvier.recipes.parts.one_circuit import CHANNELS, READ, SYNAPSES, circuit
from ranvier.units import Hz, ms

__all__ = ["Size", "exponent", "measured", "report", "sizes"]

#: cells, synapses of each, and steps
Size = tuple[int, int, int]
#: steps of a gradient, relative to those of a run; runs of which the fastest counts
_PART, _TRIES = 5, 3


def sizes(cells: int, steps: int) -> dict[str, Size]:
    """Sizes by name: one quantity at a time grows from the smallest."""
    first = (cells, SYNAPSES, steps)
    grown = {"1": first}
    grown |= {f"{k} x cells": (k * cells, SYNAPSES, steps) for k in (4, 16, 64)}
    grown |= {f"{k} x synapses": (cells, k * SYNAPSES, steps) for k in (4, 16)}
    return grown | {f"{k} x steps": (cells, SYNAPSES, k * steps) for k in (4, 16)}


@lru_cache(maxsize=1)
def measured(cells: int, steps: int, seed: int) -> dict[str, dict[str, float]]:
    """For every size the processor seconds and MB of a run, and of a gradient of a fifth of its steps.

    Memory is the highest resident memory beyond what stood before the circuit was built; only Linux tells.
    """
    return alone(__name__, cells, steps, seed)


def report(cells: int, steps: int, seed: int) -> None:
    """Say the figures of all sizes; the first circuit only wakes the libraries."""
    torch.set_num_threads(1)
    _figures((300, SYNAPSES, 10), seed)
    say({name: _figures(size, seed) for name, size in sizes(cells, steps).items()})


def exponent(size: Sequence[float], value: Sequence[float]) -> float:
    """The slope of the straight line through the logarithms."""
    return float(np.polyfit(np.log(size), np.log(value), 1)[0])


def _figures(size: Size, seed: int) -> dict[str, float]:
    cells, per_cell, steps = size
    before = resident()
    net = circuit(cells, seed, cue=Poisson(50 * Hz, CHANNELS), per_cell=per_cell)
    net.run(1 * ms, stream=0)
    synapses = sum(len(p.synapses) for p in net.projections.values() if p.name != READ)
    values = {"cells": cells, "synapses": synapses, "steps": steps}
    for name, count, grad in (("run", steps, False), ("gradient", max(1, steps // _PART), True)):
        found = peak(partial(_work, net, count, grad), _TRIES, before)
        values |= {f"{name}, {unit}": value for unit, value in found.items()}
    return values


def _work(net: Network, steps: int, grad: bool) -> None:
    if grad:
        net.run(steps * ms, stream=0, record={"exc": ["spikes"]}, grad=True)["exc"].spikes.mean().backward()
    else:
        net.run(steps * ms, stream=0, record={"exc": ["spikes"]})
