"""Circuits that threads share: stored, drawn, plastic and graded synapses, each at several sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import ranvier as rv
from benchmarks.ranvier_circuits import CircuitTask, StdpTask
from benchmarks.ranvier_workloads import cell, driven
from benchmarks.simulation import _circuit as circuit
from benchmarks.simulation import _song as song
from ranvier.recipes.parts import cortex
from ranvier.recipes.parts.cortex import NAMES
from ranvier.recipes.parts.microcircuit import microcircuit
from ranvier.units import ms, mV

__all__ = ["CASES", "Case", "Parts"]

_EACH = int(circuit.SYNAPSES_PER_CELL)


class Parts(NamedTuple):
    """A network, and the populations whose spikes are recorded."""

    net: rv.Network
    recorded: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """A circuit of ``cells`` cells, and the simulated seconds of a round."""

    title: str
    cells: int
    seconds: float
    build: Callable[[int, float], Parts]


def _stored(model: str) -> Callable[[int, float], Parts]:
    def build(cells: int, seconds: float) -> Parts:
        kind = circuit.kind_of(f"{model}_{cells}") or circuit.Kind(model)
        return Parts(CircuitTask(kind, cells, 1, seconds)._net, ("exc", "inh"))

    return build


def _two(cells: int, rows: Callable[[rv.FixedProbability], object], rule: rv.Plasticity | None = None) -> rv.Network:
    """80 % excitatory cells, each driven by a constant current, 80 synapses per cell; ``rule`` from excitatory to excitatory."""
    net = rv.Network(dt=circuit.DT * ms, seed=1)
    for name, size in (("exc", cells * 4 // 5), ("inh", cells // 5)):
        net.population(name, size, cell(), **driven(size))
    for pre, weight in (("exc", 0.1), ("inh", -0.4)):
        for post in ("exc", "inh"):
            how = rows(rv.FixedProbability(_EACH / cells))
            learns = rule if pre == post == "exc" else None
            net.connect(pre, post, how, to="g", weight=weight * mV, delay=1.5 * ms, plasticity=learns)
    return net


def _drawn(cells: int, seconds: float) -> Parts:
    return Parts(_two(cells, rv.Procedural), ("exc", "inh"))


def _plastic(cells: int, seconds: float) -> Parts:
    rule = rv.plasticity.STDP(
        A_plus=1e-3 * mV, A_minus=-1.05e-3 * mV, w_max=0.2 * mV, tau_plus=20 * ms, tau_minus=20 * ms
    )
    return Parts(_two(cells, lambda rows: rows, rule), ("exc", "inh"))


def _song(name: str) -> Callable[[int, float], Parts]:
    def build(cells: int, seconds: float) -> Parts:
        net = StdpTask(song.KINDS[name], cells, 1, seconds)._net
        return Parts(net, ("cells",))

    return build


def _graded(cells: int, seconds: float) -> Parts:
    net = rv.Network(dt=circuit.DT * ms, seed=1)
    equations = "dv/dt = (I + coupled - v)/tau : mV  (unless refractory)\ncoupled : mV (input)"
    net.population("cells", cells, cell(equations), **driven(cells))
    rule = rv.GapJunction(unit="1")
    net.connect("cells", "cells", rv.FixedProbability(20 / cells), to="coupled", weight=0.05, plasticity=rule)
    return Parts(net, ("cells",))


def _cortex(cells: int, seconds: float) -> Parts:
    return Parts(microcircuit(cells / sum(cortex.sizes()), 1), NAMES)


CASES = (
    *(Case("COBA", n, s, _stored("coba")) for n, s in ((4_000, 0.5), (10_000, 0.5), (20_000, 0.4), (40_000, 0.3))),
    *(Case("COBA", n, s, _stored("coba")) for n, s in ((100_000, 0.1), (400_000, 0.05))),
    *(Case("CUBA", n, s, _stored("cuba")) for n, s in ((20_000, 0.4), (40_000, 0.4), (100_000, 0.2))),
    *(Case("rows drawn when a cell fires", n, 0.2, _drawn) for n in (1_000, 4_000, 10_000, 40_000)),
    *(Case("STDP from excitatory to excitatory cells", n, 0.2, _plastic) for n in (4_000, 10_000, 40_000)),
    *(Case(name.removesuffix("_1000"), 1_000, 1.0, _song(name)) for name in song.KINDS),
    *(Case("gap junctions, 20 per cell", n, 0.2, _graded) for n in (500, 1_000, 4_000, 16_000)),
    *(Case("cortical microcircuit, a weight and a delay per synapse", n, 0.2, _cortex) for n in (7_717, 15_435)),
)
