"""One layer of cells whose synapses have weights and delays: the network inside a detector."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.connectivity import FromArrays
from ranvier.network import Network
from ranvier.neurons import Cell
from ranvier.units import ms
from ranvier.values import Learn

__all__ = ["INPUT", "LAYER", "SYNAPSES", "evidence_layer", "spiking_layer"]

INPUT, LAYER, SYNAPSES = "raster", "motifs", "synapses"


def evidence_layer(kernel: np.ndarray, bias: np.ndarray, kept: np.ndarray) -> Network:
    """Cells that emit v = bias + sum of weights of arriving spikes; ``kernel`` [M, N, D], ``kept`` marks its synapses.

    The output of a step is the evidence of the step before it: a projection between parts of a network takes one step.
    """
    cell = Cell("v = x + bias : 1\nx : 1 (input)", emit="v", bias=Learn(bias.astype(np.float64)))
    return _joined(cell, kernel, kept, learn=True)


def spiking_layer(kernel: np.ndarray, bias: np.ndarray, kept: np.ndarray, level: float, dt: Any) -> Network:
    """The same synapses onto cells that spike where bias + arriving weights reach ``level``."""
    cell = Cell("v = x + bias : 1\nx : 1 (input)", threshold="v >= level", bias=bias.astype(np.float64), level=level)
    return _joined(cell, kernel, kept, learn=False, dt=dt)


def _joined(cell: Cell, kernel: np.ndarray, kept: np.ndarray, *, learn: bool, dt: Any = 1 * ms) -> Network:
    pre, motif, delay = kept.transpose(1, 0, 2).nonzero()
    weight = kernel[motif, pre, delay].astype(np.float64)
    net = Network(dt=dt, seed=0)
    net.input(INPUT, kernel.shape[1])
    net.population(LAYER, kernel.shape[0], cell, output=True)
    net.connect(
        INPUT,
        LAYER,
        FromArrays(pre, motif),
        to="x",
        weight=Learn(weight) if learn else weight,
        delay=delay * dt,
        name=SYNAPSES,
    )
    return net
