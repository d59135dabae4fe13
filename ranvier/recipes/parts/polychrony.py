"""A circuit of Izhikevich cells with axonal delays and STDP, as published with polychronous groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from ranvier.connectivity import FromArrays, OneToOne
from ranvier.network import Network, Poisson, Run, Source, State
from ranvier.neurons import Cell
from ranvier.recipes.parts.runs import finished
from ranvier.synapses import Plasticity
from ranvier.units import Hz, ms, second

__all__ = ["EQUATIONS", "LONGEST", "STRONG", "W_MAX", "Graph", "circuit", "draw", "learn"]

EQUATIONS = """
half = v + 0.5*(0.04*v**2 + 5*v + 140 - u + I) : 1
full = half + 0.5*(0.04*half**2 + 5*half + 140 - u + I) : 1
v' = full : 1
u' = u + a*(0.2*full - u) : 1
fired' = 0 : 1
I : 1 (input)
"""
#: longest delay in ms, largest weight, and from which weight on a synapse is strong
LONGEST, W_MAX, STRONG = 20, 10.0, 9.5
_OUT, _W_EXC, _W_INH = 100, 6.0, -5.0
#: potentiation of one pair, depression relative to it, time constant in ms; drift and memory of changes per second
_A_PLUS, _MORE, _TAU, _DRIFT, _MEMORY = 0.1, 1.2, 20, 0.01, 0.9


@dataclass(frozen=True)
class Graph:
    """Synapses; cells from ``exc`` on are inhibitory.

    Attributes
    ----------
    exc, cells
        Excitatory cells, and all of them.
    pre, post, weight, delay
        [synapses]; delays are whole ms, from a spike to its arrival, at least 1.
    """

    exc: int
    cells: int
    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray
    delay: np.ndarray

    def shuffled(self, rng: np.random.Generator) -> Graph:
        """The same cells and weights with the delays of excitatory synapses exchanged at random."""
        chosen, delay = self.pre < self.exc, self.delay.copy()
        delay[chosen] = rng.permutation(delay[chosen])
        return replace(self, delay=delay)


def draw(cells: int = 1000, seed: int = 1) -> Graph:
    """Four excitatory cells for each inhibitory one, a tenth of all cells as targets of each.

    Excitatory cells reach any cell but themselves, with as many synapses of each delay from 1 to 20 ms; inhibitory cells
    reach excitatory ones after 1 ms.
    """
    rng, exc, out = np.random.default_rng(seed), cells * 4 // 5, cells * _OUT // 1000
    post = np.empty((cells, out), np.int64)
    for k in range(cells):
        chosen = rng.choice(cells - 1 if k < exc else exc, out, replace=False)
        post[k] = chosen + (chosen >= k) if k < exc else chosen
    delay = np.ones((cells, out), np.int64)
    delay[:exc] = 1 + np.arange(out) * LONGEST // out
    weight = np.where(np.arange(cells)[:, None] < exc, _W_EXC, _W_INH) * np.ones(out)
    return Graph(exc, cells, np.repeat(np.arange(cells), out), post.ravel(), weight.ravel(), delay.ravel())


def _parts(graph: Graph) -> dict[str, np.ndarray]:
    """Which synapses belong to which projection."""
    exc, onto = graph.pre < graph.exc, graph.post < graph.exc
    return {"exc_exc": exc & onto, "exc_inh": exc & ~onto, "inh_exc": ~exc}


def circuit(graph: Graph, seed: int = 1, *, stimulus: Callable[[int], Source] | None = None) -> Network:
    """The circuit: plastic under random input (each cell once a second by itself), or fixed under a ``stimulus``.

    v' = 0.04*v**2 + 5*v + 140 - u + I in two half steps of 0.5 ms and u' = a*(0.2*v - u) in steps of 1 ms; v >= 30 fires,
    then v = -65 and u += d; (a, d) is (0.02, 8) for excitatory and (0.1, 2) for inhibitory cells. An input spike adds 20
    to I. STDP of the nearest pairs changes z: z += 0.1*exp(-t/20ms) when a spike arrived t before an output spike, z -=
    0.12*exp(-t/20ms) when after. ``stimulus(size)`` gives spikes that fire the excitatory cells at once.

    Source: Izhikevich, Neural Computation 2006 (there exactly one cell receives input in each ms; an arrival in the ms
    after an output spike counts as after it, here as there).
    """
    net = Network(dt=1 * ms, seed=seed)
    for name, size, a, d in (("exc", graph.exc, 0.02, 8.0), ("inh", graph.cells - graph.exc, 0.1, 2.0)):
        v, u = (-65.0, -13.0) if stimulus is None else (-70.0, -14.0)
        net.population(
            name, size, Cell(EQUATIONS, threshold="v >= 30", reset="v = -65; u += d; fired = 1", a=a, d=d, v=v, u=u)
        )
        if stimulus is None or name == "exc":
            net.source(f"to_{name}", Poisson(0.5 * Hz, size, trains=2) if stimulus is None else stimulus(size))
            net.connect(f"to_{name}", name, OneToOne(), to="I", weight=20 if stimulus is None else 120)
    rule = Plasticity(
        "dx/dt = -x/tau : 1\ndy/dt = -y/tau : 1\nz' = z : 1",
        # an arrival in the step after the output spike comes after it: it depresses, and takes back what on_post will add
        on_pre="z += fired_post*(x - A) - more*where(fired_post > 0, A, y); x = A", on_post="z += x; y = A",
        name="STDP", tau=_TAU * ms, A=_A_PLUS, more=_MORE,
    )  # fmt: skip
    for name, chosen in _parts(graph).items():
        pre, post = (graph_end[chosen] for graph_end in (graph.pre, graph.post))
        source, target = name.split("_")
        net.connect(
            source, target,
            FromArrays(pre - graph.exc * (source == "inh"), post - graph.exc * (target == "inh")),
            to="I", weight=graph.weight[chosen], delay=(graph.delay[chosen] - 1) * ms, name=name,
            plasticity=rule if source == "exc" and stimulus is None else None,
        )  # fmt: skip
    return net


def learn(graph: Graph, seconds: int, seed: int = 1, *, told: Callable[[int, Run], None] | None = None) -> Graph:
    """The graph after so many seconds under random input.

    After each second w = clip(w + 0.01 + z, 0, 10) and z *= 0.9. ``told`` hears the second and what it gave.
    """
    net, state, weight = circuit(graph, seed), None, graph.weight.copy()
    order = {n: _place(net, n, graph, chosen) for n, chosen in _parts(graph).items() if n != "inh_exc"}
    for k in range(seconds):
        run = finished(net.run(1 * second, state, stream=0, record={"exc": ["spikes"], "inh": ["spikes"]}))
        state = run.state
        for n, place in order.items():
            weight[place] = _grow(state, n)
        if told is not None:
            told(k + 1, run)
    return replace(graph, weight=weight)


def _grow(state: State, name: str) -> np.ndarray:
    """One second of slow change; returns the weights."""
    values = state.synapses[name]
    values["w"].add_(values["z"]).add_(_DRIFT).clamp_(0, W_MAX)
    values["z"].mul_(_MEMORY)
    return values["w"][0].numpy()


def _place(net: Network, name: str, graph: Graph, chosen: np.ndarray) -> np.ndarray:
    """Where each synapse of a projection, which are sorted by cells, stands in the graph."""
    found = np.flatnonzero(chosen)
    place = found[np.lexsort((graph.post[found], graph.pre[found]))]
    synapses = net.projections[name].synapses
    if not torch.equal(synapses.pre, torch.from_numpy(graph.pre[place])):
        raise ValueError(f"{name}: synapses are not in the order of their cells.")
    return place
