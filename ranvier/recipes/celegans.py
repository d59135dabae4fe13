"""A worm's nervous system: what a touch of the nose reaches through its wiring, and through a shuffled one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ranvier import plot
from ranvier.connectivity import FromEdges, OneToOne, connectome
from ranvier.errors import RanvierError
from ranvier.network import Network, OrnsteinUhlenbeck, Run, step_current
from ranvier.neurons import Cell
from ranvier.recipes.parts.outcome import Outcome, publish
from ranvier.recipes.parts.runs import finished, synapses
from ranvier.recipes.parts.svg import svg
from ranvier.recipes.parts.verdicts import Verdict
from ranvier.units import ms, mV
from ranvier.values import Uniform

__all__ = ["EQUATIONS", "circuit", "run"]

EQUATIONS = """
dv/dt = (E_L - v + g + I)/tau_m : mV (unless refractory)
dg/dt = -g/tau_s : mV
I : mV (input)
"""
#: nociceptive cells of the nose, and the command cells that make the worm go backward
TOUCHED, COMMAND = ("ASHL", "ASHR"), ("AVAL", "AVAR", "AVDL", "AVDR", "AVEL", "AVER")
#: jump of g per synapse, mV; when the touch begins and ends, ms
_JUMP, _START, _STOP = 2.0, 500, 1500


def circuit(wiring: FromEdges, names: list[str], *, touched: tuple[str, ...] = TOUCHED, seed: int = 1) -> Network:
    """Every cell of the connectome as a leaky cell; a connection of n synapses adds n times 2 mV to g (5 ms).

    All synapses excite, since the file does not say which inhibit, so what a touch reaches fires fast and for long. The
    2 mV is the one number chosen: with less, nothing beyond the touched cells fires; with 3 mV shuffled wirings ignite too.
    Weak noise keeps membranes apart, and a current to the
    touched cells makes them fire from 0.5 s to 1.5 s.

    Source: chemical synapses of the hermaphrodite, Cook et al., Nature 2019.
    """
    cell = Cell(
        EQUATIONS, threshold="v > V_th", reset="v = E_L", refractory=3 * ms, E_L=-65 * mV, V_th=-50 * mV, tau_m=20 * ms,
        tau_s=5 * ms, v=Uniform(-65 * mV, -60 * mV),
    )  # fmt: skip
    size = len(names)
    net = Network(dt=0.1 * ms, seed=seed)
    drive = np.isin(names, touched) * 25.0 * mV
    net.source(
        "touch",
        step_current(drive, size, start=_START * ms, stop=_STOP * ms) + OrnsteinUhlenbeck(0 * mV, 2 * mV, 5 * ms, size),
    )
    net.population("cells", size, cell)
    net.connect("touch", "cells", OneToOne(), to="I")
    net.connect("cells", "cells", wiring, to="g", weight=_JUMP * mV)
    return net


def run(out: Path = Path("out"), data: Path | None = None, controls: int = 5, seed: int = 1) -> Path:
    """Touch the nose in the worm's wiring and in shuffled ones, and write out/celegans.html.

    Parameters
    ----------
    out
        Folder for the report; made if need be.
    data
        Folder with herm_chem_edgelist.csv.gz; the folder connectomes of RANVIER_DATA when left out.
    controls
        How many shuffled wirings: every connection keeps its source and its weight, its targets are permuted.
    seed
        Of noise and shuffling.
    """
    started, folder = time.perf_counter(), _folder(data)
    rule = connectome(folder / "herm_chem_edgelist.csv.gz", folder / "herm_chem_nodes.csv.gz")
    if not isinstance(rule, FromEdges):
        raise RanvierError(f"{folder} holds no list of edges; give the folder with herm_chem_edgelist.csv.gz.")
    names = [str(n) for n in rule.nodes]
    net = circuit(rule, names, seed=seed)
    worm = _touch(net)
    rates = _response(worm)
    shuffled = [_response(_touch(circuit(_shuffled(rule, k), names, seed=seed + k))) for k in range(1, controls + 1)]
    command, others = np.isin(names, COMMAND), ~np.isin(names, (*COMMAND, *TOUCHED))
    chance = [float(r[command].mean()) for r in shuffled]
    order = np.argsort(-np.where(np.isin(names, TOUCHED), -1, rates), kind="stable")
    rank = [int(np.flatnonzero(np.array(names)[order] == n)[0]) + 1 for n in COMMAND]
    groups = {"touched (ASH)": np.isin(names, TOUCHED), "command (AVA, AVD, AVE)": command, "all others": others}
    rows = [
        (n, str(int(m.sum())), f"{rates[m].mean():.1f} Hz", f"{np.mean([r[m].mean() for r in shuffled]):.1f} Hz")
        for n, m in groups.items()
    ]
    top = ", ".join(f"{names[k]} {rates[k]:.0f} Hz" for k in order[:10])
    outcome = Outcome(
        "celegans", "A touch of the nose in C. elegans",
        "A worm touched on the nose goes backward: its ASH cells reach the command cells AVA, AVD and AVE. Does the wiring "
        "alone, without any fitted number, lead there?",
        "connectome of the hermaphrodite, Cook et al., Nature 2019", EQUATIONS,
        ("cells", "number", "worm", "shuffled"), rows,
        (
            Verdict(float(rates[command].mean()) > max(chance), f"command cells fire at {rates[command].mean():.1f} Hz more than before the touch; at most {max(chance):.1f} Hz in {controls} shuffled wirings"),
            Verdict(float(rates[command].mean()) > 2 * float(rates[others].mean()), f"all other cells by {rates[others].mean():.1f} Hz"),
        ),
        [(_picture(worm, order), "Spikes of the touched cells (below) and of the 60 that answer most, by strength of their answer.")],
        net.plan(),
        (f"{len(names)} cells and muscles, {synapses(net):,} connections. Numbers are firing rates during the touch minus before. Most answer: {top}. Ranks of the command cells: {', '.join(map(str, sorted(rank)))}.",),
    )  # fmt: skip
    return publish(outcome, out, started)


def _folder(data: Path | None) -> Path:
    named = os.environ.get("RANVIER_DATA")
    folder = data or (Path(named) / "connectomes" if named else None)
    if folder is None or not os.path.isfile(folder / "herm_chem_edgelist.csv.gz"):
        where = "RANVIER_DATA is not set" if folder is None else f"{str(folder)!r} has none"
        raise RanvierError(
            "herm_chem_edgelist.csv.gz and herm_chem_nodes.csv.gz are needed, the chemical connectome of the hermaphrodite (Cook et al., "
            f"Nature 2019), but {where}. Get the adjacency matrices from https://wormwiring.org/pages/adjacency.html, write one row for "
            "each connection (pre,post,weight) and one for each cell (name), and give their folder with --data."
        )
    return folder


def _touch(net: Network) -> Run:
    return finished(net.run(_STOP * ms, stream=0, record={"cells": ["spikes"]}))


def _response(done: Run) -> np.ndarray:
    """Firing rate during the touch minus that before, Hz [cells]."""
    spikes = done["cells"].spikes
    late = spikes.times > _START
    before, during = (np.bincount(spikes.cell[m], minlength=spikes.size) for m in (~late, late))
    return during / (_STOP - _START) * 1000 - before / _START * 1000


def _shuffled(rule: FromEdges, seed: int) -> FromEdges:
    rng = np.random.default_rng(seed)
    weight = rule.carried["weight"]
    targets = rng.permutation(rule.post)
    return FromEdges(
        [(rule.nodes[a], rule.nodes[b], float(w)) for a, b, w in zip(rule.pre, targets, weight, strict=True)],
        rule.nodes,
    )


def _picture(done: Run, order: np.ndarray) -> str:
    shown = [*order[-2:], *order[:60]]
    dense = np.zeros((done["cells"].spikes.steps, len(shown)), bool)
    place = {cell: k for k, cell in enumerate(shown)}
    for step, cell in zip(done["cells"].spikes.step, done["cells"].spikes.cell, strict=True):
        if cell in place:
            dense[step, place[cell]] = True

    def draw(figure: Figure) -> None:
        ax = plot.raster(dense, dt=0.1, size=3, ax=figure.add_subplot())
        ax.axvspan(_START, _STOP, color="#2f6fb0", alpha=0.1, linewidth=0)

    return svg(draw, 9.0, 3.6, "celegans", "Spike raster of the worm's cells before and during the touch")
