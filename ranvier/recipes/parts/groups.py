"""Polychronous groups: spikes that three cells set off in a circuit at rest, by strong synapses and their delays."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from ranvier.network import SpikeTrains
from ranvier.recipes.parts.polychrony import LONGEST, STRONG, Graph, circuit
from ranvier.recipes.parts.runs import finished
from ranvier.units import ms

__all__ = ["Group", "Survey", "survey"]

#: ms of a trial, of a link at most after an arrival, and without spikes at the end of a trial that has died out
_TRIAL, _LINK, _SILENT = 150, 10, 30
_AT_ONCE = 2000


@dataclass(frozen=True)
class Group:
    """Spikes that belong together.

    Attributes
    ----------
    step, cell
        When (ms) and who, the anchors among them.
    links
        (earlier, later) spike: the first helped to cause the second.
    length
        Spikes on the longest path of links.
    """

    step: np.ndarray
    cell: np.ndarray
    links: list[tuple[int, int]]
    length: int


@dataclass(frozen=True)
class Survey:
    """What a sample of anchors set off.

    Attributes
    ----------
    triplets
        How many anchors the circuit has.
    tried
        How many of them were tried.
    fired
        How many made their common target fire.
    endless
        How many set off activity that had not died out after 120 ms; they are not groups.
    groups
        Those of the wanted length.
    lengths
        Longest paths of all others that died out and those of ``groups``.
    """

    triplets: int
    tried: int
    fired: int
    endless: int
    groups: list[Group]
    lengths: np.ndarray

    @property
    def estimate(self) -> tuple[float, float]:
        """How many groups there are among all anchors, and the standard error of the sample."""
        share = len(self.groups) / max(self.tried, 1)
        return share * self.triplets, self.triplets * math.sqrt(share * (1 - share) / max(self.tried, 1))


def survey(graph: Graph, tried: int = 10_000, *, least: int = 7, seed: int = 1) -> Survey:
    """Try ``tried`` anchors and keep what they set off, with paths of at least ``least`` spikes.

    An anchor is a cell and three of its strong excitatory synapses (at least 9.5 of 10). Their cells fire so that the
    spikes arrive together, in a circuit at rest, without other input and without plasticity. A spike is linked to an
    earlier one where a strong synapse brought that one to its cell within the last 10 ms; a group is a set of linked
    spikes that begins with the anchor, in which every cell of the anchor has at least two links, and dies out.

    Source: Izhikevich, Neural Computation 2006.
    """
    rng = np.random.default_rng(seed)
    strong = np.flatnonzero((graph.pre < graph.exc) & (graph.weight >= STRONG))
    onto: dict[int, list[int]] = defaultdict(list)
    for s in strong.tolist():
        onto[int(graph.post[s])].append(s)
    mothers = [c for c, found in onto.items() if len(found) >= 3]
    ways = np.array([math.comb(len(onto[c]), 3) for c in mothers], np.float64)
    groups, lengths, fired, endless = [], [], 0, 0
    if not ways.sum():
        return Survey(0, 0, 0, 0, [], np.zeros(0, int))
    for first in range(0, tried, _AT_ONCE):
        chosen = rng.choice(len(mothers), min(_AT_ONCE, tried - first), p=ways / ways.sum())
        anchors = [rng.choice(onto[mothers[k]], 3, replace=False) for k in chosen]
        for k, (step, cell) in enumerate(_set_off(graph, anchors)):
            fired += bool((cell[step > LONGEST] == mothers[chosen[k]]).any())
            if step.size and step[-1] >= _TRIAL - _SILENT:
                endless += 1
                continue
            group = _linked(graph, onto, set(graph.pre[anchors[k]].tolist()), step, cell)
            lengths.append(group.length if group else 0)
            if group and group.length >= least:
                groups.append(group)
    return Survey(int(ways.sum()), tried, fired, endless, groups, np.array(lengths))


def _set_off(graph: Graph, anchors: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Step and cell of all spikes of each trial; arrivals of the anchor meet at step ``LONGEST`` + 1."""
    steps, cells = [], []
    for k, synapses in enumerate(anchors):
        steps.append(k * _TRIAL + LONGEST - graph.delay[synapses])  # forced to fire one step later
        cells.append(graph.pre[synapses])
    net = circuit(graph, stimulus=lambda size: SpikeTrains(np.concatenate(steps), np.concatenate(cells), size))
    run = finished(net.run(len(anchors) * _TRIAL * ms, stream=0, record={"exc": ["spikes"], "inh": ["spikes"]}))
    exc, inh = run["exc"].spikes, run["inh"].spikes
    step = np.concatenate([exc.step, inh.step])
    cell = np.concatenate([exc.cell, inh.cell + graph.exc])
    order = np.lexsort((cell, step))
    step, cell = step[order], cell[order]
    cuts = np.searchsorted(step, np.arange(1, len(anchors)) * _TRIAL)
    return [(s % _TRIAL, c) for s, c in zip(np.split(step, cuts), np.split(cell, cuts), strict=True)]


def _linked(
    graph: Graph, onto: dict[int, list[int]], anchor: set[int], step: np.ndarray, cell: np.ndarray
) -> Group | None:
    """The spikes connected with the anchor's; None where a cell of it has fewer than two links."""
    when: dict[int, list[int]] = defaultdict(list)
    for k, c in enumerate(cell.tolist()):
        when[c].append(k)
    length = {k: 1 for k in range(len(step)) if int(cell[k]) in anchor and step[k] <= LONGEST}
    links = []
    for k in range(len(step)):
        if k in length:
            continue
        for s in onto.get(int(cell[k]), ()):
            for j in when.get(int(graph.pre[s]), ()):
                if j in length and 0 <= step[k] - step[j] - graph.delay[s] < _LINK:
                    links.append((j, k))
        before = [length[j] for j, later in links if later == k]
        if before:
            length[k] = 1 + max(before)
    used = [j for j, _ in links]
    if any(used.count(k) < 2 for k in length if int(cell[k]) in anchor and step[k] <= LONGEST):
        return None
    kept = sorted(length)
    place = {k: n for n, k in enumerate(kept)}
    return Group(step[kept], cell[kept], [(place[a], place[b]) for a, b in links], max(length.values(), default=0))
