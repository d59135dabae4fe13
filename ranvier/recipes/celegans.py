"""A worm's nervous system: what a touch of the nose reaches through its wiring, and through a shuffled one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ranvier import plot
from ranvier.connectivity import FromEdges, OneToOne, connectome
from ranvier.errors import RanvierError
from ranvier.network import Network, OrnsteinUhlenbeck, Run, step_current
from ranvier.neurons import Cell
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.runs import finished
from ranvier.recipes.parts.svg import svg
from ranvier.units import ms, mV
from ranvier.values import Uniform

__all__ = ["EQUATIONS", "Settings", "circuit", "recipe", "run"]

EQUATIONS = """
dv/dt = (E_L - v + g + I)/tau_m : mV (unless refractory)
dg/dt = -g/tau_s : mV
I : mV (input)
"""
#: nociceptive cells of the nose, and the command cells that make the worm go backward
TOUCHED, COMMAND = ("ASHL", "ASHR"), ("AVAL", "AVAR", "AVDL", "AVDR", "AVEL", "AVER")
#: jump of g per synapse, mV; when the touch begins and ends, ms
_JUMP, _START, _STOP = 2.0, 500, 1500


def circuit(
    wiring: FromEdges, names: list[str], *, touched: tuple[str, ...] = TOUCHED, jump: float = _JUMP, seed: int = 1
) -> Network:
    """Every cell of the connectome as a leaky cell; a connection of n synapses adds n times ``jump`` mV to g (5 ms).

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
    net.connect("cells", "cells", wiring, to="g", weight=jump * mV)
    return net


@dataclass(frozen=True)
class Settings:
    """Of the simulation."""

    jump: float = _JUMP
    """Effect of one synapse in mV."""


def measure(case: Case) -> Mapping[str, float]:
    """Touch the nose in the worm's wiring or in a shuffled one."""
    rule, names = _wiring(_folder(case.data))
    rule = rule if case.arm == "worm" else _shuffled(rule, case.seed)
    net = circuit(rule, names, jump=case.settings.jump, seed=case.seed)
    done = finished(net.run(_STOP * ms, stream=0, record={"cells": ["spikes"]}))
    rates = _response(done)
    touched, command = np.isin(names, TOUCHED), np.isin(names, COMMAND)
    case.planned(done.plan)
    if case.drawn:
        order = np.argsort(-np.where(touched, -1, rates), kind="stable")
        case.show(
            _picture(done, order), f"{case.arm}: spikes of the touched cells (below) and of the 60 that answer most."
        )
    return {
        "touched": rates[touched].mean(),
        "command": rates[command].mean(),
        "others": rates[~(touched | command)].mean(),
    }


recipe = Recipe(
    name="celegans",
    title="A touch of the nose in C. elegans",
    citation="connectome of the hermaphrodite, Cook et al., Nature 2019",
    claim="The wiring alone leads a touch of the nose (cells ASH) to the command cells AVA, AVD and AVE, which make the worm go backward.",
    data="Real: the chemical synapses of the hermaphrodite. Nothing is learnt, so there is no split.",
    scale="All cells and muscles of the connectome, as leaky cells; gap junctions and signs of synapses are left out.",
    chosen="The effect of a synapse, 2 mV, was chosen on this outcome: with less nothing beyond the touched cells fires, with 3 mV "
    "shuffled wirings ignite too. The claim is that such a value exists.",
    methods={"worm": "the connectome"},
    controls={"shuffled": "each connection keeps its source and weight; targets are permuted"},
    measures={"touched": "Hz", "command": "Hz", "others": "Hz"},
    seeds=(1, 2, 3, 4, 5),
    settings=Settings(),
    quick={"seeds": (1,)},
    expected=[
        Expect(
            "command cells answer more than under shuffled wirings", ("worm", "command"), ">", ("shuffled", "command")
        ),
        Expect("and more than twice as much as all other cells", ("worm", "command"), ">", ("worm", "others"), times=2),
    ],
    minutes=0.5,
    measure=measure,
    takes="the connectome: herm_chem_edgelist.csv.gz and herm_chem_nodes.csv.gz",
    equations=EQUATIONS,
    notes=["The figures are firing rates during the touch minus those before."],
)
run = recipe.run


def _wiring(folder: Path) -> tuple[FromEdges, list[str]]:
    rule = connectome(folder / "herm_chem_edgelist.csv.gz", folder / "herm_chem_nodes.csv.gz")
    if not isinstance(rule, FromEdges):
        raise RanvierError(f"{folder} holds no list of edges; give the folder with herm_chem_edgelist.csv.gz.")
    return rule, [str(n) for n in rule.nodes]


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
