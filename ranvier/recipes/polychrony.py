"""Polychronous groups: delays and STDP make cells fire in patterns that are precise but not synchronous."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.progress import Progress

from ranvier import plot
from ranvier.network import Run
from ranvier.recipes.parts.groups import Group, Survey, survey
from ranvier.recipes.parts.outcome import Outcome, publish
from ranvier.recipes.parts.polychrony import EQUATIONS, STRONG, W_MAX, Graph, circuit, draw, learn
from ranvier.recipes.parts.svg import svg
from ranvier.recipes.parts.verdicts import Verdict

__all__ = ["EQUATIONS", "Graph", "Survey", "circuit", "draw", "learn", "run", "survey"]

#: spikes on the longest path of a group, as published
_LEAST = 7


def run(out: Path = Path("out"), seconds: int = 2000, tried: int = 20_000, cells: int = 1000, seed: int = 1) -> Path:
    """Let a circuit with delays learn, look for polychronous groups, and write out/polychrony.html.

    Parameters
    ----------
    out
        Folder for the report; made if need be.
    seconds
        Biological time of learning.
    tried
        How many anchors (a cell and three of its strong synapses) are tried, drawn at random; as many with shuffled delays.
    cells
        In the circuit, a fifth of them inhibitory.
    seed
        Of wiring, input, and choice of anchors.
    """
    started, last = time.perf_counter(), []
    with Progress(transient=True) as bar:
        task = bar.add_task("learning", total=seconds)

        def told(done: int, run: Run) -> None:
            bar.update(task, completed=done)
            last[:] = [run]

        graph = learn(draw(cells, seed), seconds, seed, told=told)
    learnt = time.perf_counter() - started
    control = graph.shuffled(np.random.default_rng(seed))
    found = {
        name: survey(g, tried, least=_LEAST, seed=seed)
        for name, g in (("learned", graph), ("delays shuffled", control))
    }
    rates = [last[0][n].spikes.rate() for n in ("exc", "inh")]
    weight = graph.weight[graph.pre < graph.exc]
    weak, strong = float((weight < 0.5).mean()), float((weight >= STRONG).mean())
    ours, theirs = found.values()
    outcome = Outcome(
        "polychrony", "Polychronous groups",
        "Spikes of cells with different axonal delays can arrive together at a common target although they were not fired "
        "together. Under STDP such constellations should strengthen their own synapses, until many groups of cells fire in "
        "their own time-locked, not synchronous patterns: many more groups than with the same weights and shuffled delays.",
        "Izhikevich, Neural Computation 2006", EQUATIONS,
        ("circuit", "anchors", "groups", "among all", "longest", "spikes"),
        [_row(name, result) for name, result in found.items()],
        (
            Verdict(weak + strong > 0.6, f"weights become weak or strong ({weak:.0%} below 0.5, {strong:.0%} from {STRONG:g} of {W_MAX:g} on)"),
            Verdict(len(ours.groups) > 0, f"{len(ours.groups)} of {ours.tried:,} anchors set off a group whose longest path has {_LEAST} spikes or more"),
            Verdict(
                len(ours.groups) > 2 * len(theirs.groups) + 2,
                f"far fewer do with shuffled delays ({len(theirs.groups)} of {theirs.tried:,})",
            ),
        ),
        _pictures(ours, theirs, weight, last[0], cells), circuit(graph, seed).plan(),
        (
            f"{cells:,} cells, {len(graph.pre):,} synapses, {seconds:,} s of learning in steps of 1 ms ({learnt:.0f} s of computation); excitatory cells fired at {rates[0]:.1f} Hz in the last second, inhibitory ones at {rates[1]:.1f} Hz.",
            f"An anchor is a cell and three of its strong synapses, whose cells fire so that their spikes arrive together, in the resting circuit without input. A group are the spikes that follow by strong synapses within 10 ms of an arrival; each cell of the anchor must have two links at least, and the activity must die out. {tried:,} anchors were tried; among all there are as many more, with the standard error of the sample. Longest is the number of spikes on the longest path of any anchor, spikes the mean size of groups.",
        ),
    )  # fmt: skip
    return publish(outcome, out, started)


def _row(name: str, found: Survey) -> tuple[str, ...]:
    count, error = found.estimate
    sizes = [len(g.step) for g in found.groups]
    return (
        name, f"{found.triplets:,}", f"{len(found.groups)}", f"{count:,.0f} ± {error:,.0f}",
        f"{found.lengths.max(initial=0)}", f"{np.mean(sizes):.0f}" if sizes else "–",
    )  # fmt: skip


def _pictures(ours: Survey, theirs: Survey, weight: np.ndarray, last: Run, cells: int) -> list[tuple[str, str]]:
    def overview(figure: Figure) -> None:
        first, second, third = figure.subplots(1, 3, width_ratios=(1, 1, 1.6))
        first.hist(weight, np.linspace(0, W_MAX, 41))
        first.set_xlabel("weight")
        first.set_ylabel("synapses")
        edges = np.arange(1, max(ours.lengths.max(initial=0), theirs.lengths.max(initial=0)) + 2)
        for name, found in (("learned", ours), ("shuffled", theirs)):
            second.plot(edges, np.bincount(found.lengths, minlength=len(edges) + 1)[1:], marker=".", label=name)
        second.set_yscale("symlog", linthresh=1)
        second.set_xlabel("spikes on the longest path")
        second.set_ylabel("anchors")
        second.legend()
        plot.raster({n: last[n].spikes for n in ("exc", "inh")}, cells={"exc": 80, "inh": 20}, size=2, ax=third)

    pictures = [
        (svg(overview, 9.0, 2.8, "poly", "Weights, path lengths and spikes"), "Weights of excitatory synapses after learning; how long the paths are that anchors set off; spikes of 100 cells in the last second.")
    ]  # fmt: skip
    if ours.groups:
        longest = max(ours.groups, key=lambda g: (g.length, len(g.step)))
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
