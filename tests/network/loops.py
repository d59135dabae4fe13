"""Networks that run as compiled circuits, with and without a cycle; each has populations ``a``, ``b`` and ``c``."""

from __future__ import annotations

from collections.abc import Callable

import torch

import ranvier as rv
from ranvier.units import Hz, ms

__all__ = ["LOOPS", "RECORD", "build"]

CELL = rv.Cell(
    "v' = 0.9*v + 0.1*drive : 1 (unless refractory)\ng' = 0.75*g : 1\nx : 1 (input)\ntotal = v + g + x : 1",
    threshold="total > 1",
    reset="v = 0",
    refractory=2 * ms,
    drive=rv.Uniform(0.5, 1.6),
)
SILENT = rv.Cell("v' = 0.9*v + x : 1\ng' = 0.75*g : 1\nx : 1 (input)")
RATE = rv.Cell("r' = 0.8*r + tanh(x) : 1\nx : 1 (input)", emit="r", r=rv.Uniform(-1, 1))
RECORD = {"a": ["spikes", "v"], "b": ["spikes", "g"], "c": ["v", "g"]}
WEIGHT = rv.Uniform(0.05, 0.4)


def _plain(net: rv.Network) -> None:
    net.connect("a", "b", rv.FixedProbability(0.3), to="g", weight=WEIGHT)
    net.connect("b", "c", rv.FixedProbability(0.3), to="g", weight=-0.25, delay=2 * ms)
    net.connect("a", "c", rv.FixedProbability(0.3), to="v", weight=WEIGHT, delay=rv.Uniform(0 * ms, 5 * ms))


def _cycle_inside(net: rv.Network) -> None:
    _plain(net)
    net.connect("b", "b", rv.FixedProbability(0.2), to="g", weight=-0.1)


def _drawn(net: rv.Network) -> None:
    _plain(net)
    net.source("p", rv.Poisson(20 * Hz, 21, trains=5))
    net.connect("p", "a", rv.OneToOne(), to="x", weight=0.3)


def _listed(net: rv.Network) -> None:
    _plain(net)
    net.source("p", rv.Poisson(50 * Hz, 30))
    net.connect("p", ["a", "c"], rv.FixedProbability(0.2), to="g", weight=0.2)


def _matrix(net: rv.Network) -> None:
    """A matrix between two circuits, and a synapse from the first to the second."""
    net.connect("a", "b", rv.Linear(21, 9), to="x")
    net.connect("b", "c", rv.FixedProbability(0.5), to="g", weight=WEIGHT)
    net.connect("a", "c", rv.FixedProbability(0.3), to="v", weight=WEIGHT, delay=rv.Uniform(0 * ms, 5 * ms))


def _relay(net: rv.Network) -> None:
    net.population("r", 9, rv.Relay())
    net.connect("a", "r", rv.FixedProbability(0.3), weight=0.1)
    net.connect("r", "b", rv.OneToOne(), to="g")
    net.connect("b", "c", rv.FixedProbability(0.5), to="g", weight=WEIGHT)
    net.connect("a", "c", rv.FixedProbability(0.3), to="v", weight=WEIGHT)


def _apart(net: rv.Network) -> None:
    """Three populations without a synapse."""


def _plastic(net: rv.Network) -> None:
    net.connect("a", "b", rv.FixedProbability(0.3), to="g", weight=0.2, plasticity=rv.plasticity.STDP(w_max=0.5))
    net.connect("b", "c", rv.FixedProbability(0.5), to="g", weight=WEIGHT)


def _release(net: rv.Network) -> None:
    net.connect("a", "b", rv.FixedProbability(0.5), to="g", weight=0.3, plasticity=rv.StochasticRelease(p=0.5))
    net.connect("b", "c", rv.FixedProbability(0.5), to="g", weight=WEIGHT)


def _procedural(net: rv.Network) -> None:
    net.connect("a", "b", rv.Procedural(rv.FixedProbability(0.3)), to="g", weight=0.2)
    net.connect("b", "c", rv.FixedProbability(0.5), to="g", weight=WEIGHT)


def _rates(net: rv.Network) -> None:
    """Cells that emit a variable, among each other and to cells that fire, and back."""
    _plain(net)
    net.population("r", 19, RATE)
    net.connect("r", "r", rv.FixedProbability(0.4), to="x", weight=rv.Normal(0, 0.4), delay=1 * ms)
    net.connect("r", "b", rv.FixedProbability(0.3), to="g", weight=0.2)
    net.connect("a", "r", rv.FixedProbability(0.3), to="x", weight=0.5)


def _late_rates(net: rv.Network) -> None:
    """The same with a delay for every synapse, and a matrix that reads them from outside."""
    _plain(net)
    net.population("r", 19, RATE)
    net.connect("r", "r", rv.FixedProbability(0.4), to="x", weight=rv.Normal(0, 0.4), delay=rv.Uniform(0 * ms, 7 * ms))
    net.connect("r", "a", rv.FixedProbability(0.3), to="g", weight=WEIGHT, delay=rv.Uniform(0 * ms, 3 * ms))
    net.population("d", 5, RATE)
    net.connect("r", "d", rv.Linear(19, 5), to="x")


LOOPS: dict[str, Callable[[rv.Network], None]] = {
    "plain": _plain, "cycle inside": _cycle_inside, "drawn": _drawn, "listed": _listed, "matrix": _matrix, "relay": _relay,
    "apart": _apart, "plastic": _plastic, "release": _release, "procedural": _procedural, "rates": _rates,
    "late rates": _late_rates,
}  # fmt: skip


def build(kind: str, dtype: torch.dtype = torch.float64, provider: str | None = None) -> rv.Network:
    """The network of a kind: 21 and 9 cells that fire, and 13 without a threshold."""
    torch.manual_seed(5)
    net = rv.Network(dt=1 * ms, seed=4, dtype=dtype, provider=provider)
    net.population("a", 21, CELL, v=rv.Uniform(0, 0.9))
    net.population("b", 9, CELL, v=rv.Uniform(0, 0.9))
    net.population("c", 13, SILENT)
    LOOPS[kind](net)
    return net
