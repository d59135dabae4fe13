"""Circuits of which one size varies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ranvier.network import Network

__all__ = ["SERIES", "Series"]


@dataclass(frozen=True)
class Series:
    """``make(size)`` gives a network; a call takes ``steps`` steps of 0.1 ms, or ``size`` steps where that is 0."""

    varies: str
    stays: str
    sizes: tuple[float, ...]
    make: Callable[[float], Network]
    steps: int = 500


def ring(cells: int, populations: int, projections: int, fan_out: int, longest: float = 1.5) -> Network:
    """Cells that fire at 0 to 33 Hz by a constant current, cut into populations; the k-th projects to the next, then to the one after it, ….

    Synapses are too weak to change the rates; each has its own weight, and a delay between one step and ``longest`` ms.
    """
    import ranvier as rv
    from ranvier.units import ms, mV, pA

    net = rv.Network(dt=0.1 * ms, seed=1)
    cell = rv.CurrentLIF(I_e=rv.Uniform(330 * pA, 400 * pA), v=rv.Uniform(-65 * mV, -50 * mV))
    for k in range(populations):
        net.population(f"p{k}", cells // populations, cell)
    weight = rv.Normal(1e-3 * pA, 1e-4 * pA)
    delay = rv.Uniform(0.1 * ms, longest * ms) if longest > 0.1 else 0.1 * ms
    for k in range(projections):
        pre, post = k % populations, (k + 1 + k // populations) % populations
        net.connect(f"p{pre}", f"p{post}", rv.FixedOutDegree(fan_out), to="I", weight=weight, delay=delay)
    return net


SERIES = {
    "cells": Series("cells", "one population without synapses", (300, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5), lambda n: ring(int(n), 1, 0, 0)),
    "synapses": Series("synapses of each cell", "10,000 cells", (1, 3, 10, 30, 100, 300, 1000), lambda n: ring(10_000, 1, 1, int(n))),
    "populations": Series("populations", "10,000 cells, one projection of each, 100 synapses of each cell", (1, 2, 5, 10, 20, 50, 100, 200), lambda n: ring(10_000, int(n), int(n), 100 if n < 200 else 50)),
    "projections": Series("projections", "20 populations of 200 cells, 400 synapses of each cell in all", (20, 40, 80, 160, 320), lambda n: ring(4000, 20, int(n), int(8000 // n))),
    "delays": Series("longest delay, ms", "10,000 cells, 100 synapses of each cell", (0.1, 0.5, 1, 2, 5, 10, 20, 50, 100), lambda n: ring(10_000, 1, 1, 100, n)),
    "steps": Series("steps of a call", "20 populations of 50 cells, 100 projections, 50 synapses of each cell in all", (1, 2, 5, 10, 30, 100, 300, 1000, 3000, 10_000), lambda n: ring(1000, 20, 100, 10), steps=0),
}  # fmt: skip
