"""Polychronous groups: delays and STDP make cells fire in patterns that are precise but not synchronous."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from ranvier import plot
from ranvier.network import Run
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.groups import Group, Survey, survey
from ranvier.recipes.parts.polychrony import EQUATIONS, STRONG, W_MAX, Graph, circuit, draw, learn
from ranvier.recipes.parts.svg import svg

__all__ = ["EQUATIONS", "Graph", "Settings", "Survey", "circuit", "draw", "learn", "recipe", "run", "survey"]

#: spikes on the longest path of a group, as published
_LEAST = 7


@dataclass(frozen=True)
class Settings:
    """Of learning and of the search for groups."""

    seconds: int = 2000
    """Biological time of learning."""
    tried: int = 20_000
    """Anchors (a cell and three of its strong synapses) that are tried, drawn at random."""
    cells: int = 1000
    """Cells in the circuit, a fifth of them inhibitory."""


def measure(case: Case) -> Mapping[str, float]:
    """Groups in a learnt circuit, or in the same circuit with shuffled delays."""
    s = case.settings
    graph, last = _learnt(s.cells, s.seconds, case.seed)
    shuffled = graph.shuffled(np.random.default_rng(case.seed))
    found = survey(graph if case.arm == "learnt delays" else shuffled, s.tried, least=_LEAST, seed=case.seed)
    weight = graph.weight[graph.pre < graph.exc]
    case.planned(last.plan)
    if case.drawn:
        for picture, caption in _pictures(case.arm, found, weight, last, s.cells):
            case.show(picture, caption)
    return {
        "groups": len(found.groups), "groups per 1,000 anchors": 1000 * len(found.groups) / max(found.tried, 1), "longest": found.lengths.max(initial=0),
        "weak": (weight < 0.5).mean(), "strong": (weight >= STRONG).mean(), "weak or strong": ((weight < 0.5) | (weight >= STRONG)).mean(),
    }  # fmt: skip


recipe = Recipe(
    name="polychrony",
    title="Polychronous groups",
    papers=["S242"],
    citation="Izhikevich, Neural Computation 2006",
    claim="Axonal delays and STDP make groups of cells that fire in time-locked, not synchronous patterns, many more than the same weights "
    "with shuffled delays.",
    data="Generated: random input, each cell once a second by itself.",
    scale="The published circuit of 1,000 cells after 2,000 s, where the paper has a day; a sample of anchors instead of all of them.",
    chosen="All constants are published.",
    methods={"learnt delays": "the circuit after learning"},
    controls={"shuffled delays": "the same weights, delays of excitatory synapses exchanged at random"},
    measures={
        "groups": "",
        "groups per 1,000 anchors": "",
        "longest": "spikes",
        "weak": "%",
        "strong": "%",
        "weak or strong": "%",
    },
    seeds=tuple(range(1, 9)),
    settings=Settings(),
    quick={"seconds": 6, "tried": 40, "cells": 200, "seeds": (1,)},
    expected=[
        Expect("weights become weak or strong", ("learnt delays", "weak or strong"), ">", 0.6),
        Expect("anchors set off groups", ("learnt delays", "groups per 1,000 anchors"), ">", 0),
        Expect(
            "more than twice as many as with shuffled delays",
            ("learnt delays", "groups per 1,000 anchors"),
            ">",
            ("shuffled delays", "groups per 1,000 anchors"),
            times=2,
        ),
    ],
    minutes=15,
    measure=measure,
    equations=EQUATIONS,
    notes=[
        "An anchor is a cell and three of its strong synapses, whose cells fire so that their spikes arrive together, in the resting circuit without "
        "input. A group are the spikes that follow by strong synapses within 10 ms of an arrival; each cell of the anchor must have two links at least, "
        f"the activity must die out, and the longest path must have {_LEAST} spikes or more.",
        "Three seeds left the number of groups open. Five were added, and no setting changed.",
    ],
)
run = recipe.run


@lru_cache(maxsize=1)
def _learnt(cells: int, seconds: int, seed: int) -> tuple[Graph, Run]:
    """The circuit after learning, and its last second."""
    last: list[Run] = []

    def told(done: int, run: Run) -> None:
        last[:] = [run]

    return learn(draw(cells, seed), seconds, seed, told=told), last[0]


def _pictures(arm: str, found: Survey, weight: np.ndarray, last: Run, cells: int) -> list[tuple[str, str]]:
    def overview(figure: Figure) -> None:
        first, second, third = figure.subplots(1, 3, width_ratios=(1, 1, 1.6))
        first.hist(weight, np.linspace(0, W_MAX, 41))
        first.set_xlabel("weight")
        first.set_ylabel("synapses")
        edges = np.arange(1, found.lengths.max(initial=0) + 2)
        second.plot(edges, np.bincount(found.lengths, minlength=len(edges) + 1)[1:], marker=".")
        second.set_yscale("symlog", linthresh=1)
        second.set_xlabel("spikes on the longest path")
        second.set_ylabel("anchors")
        plot.raster({n: last[n].spikes for n in ("exc", "inh")}, cells={"exc": 80, "inh": 20}, size=2, ax=third)

    pictures = [
        (svg(overview, 9.0, 2.8, arm.replace(" ", ""), "Weights, path lengths and spikes"), f"{arm}: weights of excitatory synapses after learning; how long the paths are that anchors set off; spikes of 100 cells in the last second.")
    ]  # fmt: skip
    if found.groups:
        longest = max(found.groups, key=lambda g: (g.length, len(g.step)))
        pictures.append((_group(longest, cells), f"The longest group found: {len(longest.step)} spikes, {longest.length} on its longest path. Lines are strong synapses that carried a spike."))  # fmt: skip
    return pictures


def _group(group: Group, cells: int) -> str:
    def draw_group(figure: Figure) -> None:
        ax = figure.add_subplot()
        for a, b in group.links:
            ax.plot(group.step[[a, b]], group.cell[[a, b]], color="0.7", linewidth=0.6)
        inhibitory = group.cell >= cells * 4 // 5
        ax.plot(group.step[~inhibitory], group.cell[~inhibitory], "o", markersize=3.5)
        ax.plot(group.step[inhibitory], group.cell[inhibitory], "o", markersize=3.5, color="#b03a2e")
        ax.set_xlabel("time (ms)")
        ax.set_ylabel("cell")
        ax.set_ylim(0, cells)

    return svg(draw_group, 9.0, 3.4, "group", "Spikes of a polychronous group")
