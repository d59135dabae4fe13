"""A ring attractor: a bump of activity stays where a cue put it, and so remembers a direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from ranvier import plot
from ranvier.connectivity import AllToAll, OneToOne
from ranvier.network import Network, OrnsteinUhlenbeck, SpikeTrain, step_current
from ranvier.neurons import Cell
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.runs import finished
from ranvier.recipes.parts.svg import svg
from ranvier.units import ms, mV
from ranvier.values import Uniform

__all__ = ["EQUATIONS", "Settings", "circuit", "recipe", "run"]

EQUATIONS = """
dv/dt = (E_L - v + s + I)/tau_m : mV (unless refractory)
ds/dt = -s/tau_s : mV
I : mV (input)
"""
#: when the cue begins and ends, ms; its width and that of excitation, degrees
_START, _STOP, _WIDTH = 300, 600, 30.0


def circuit(cells: int = 256, direction: float = 90.0, *, local: float = 1.0, seed: int = 1) -> Network:
    """Cells on a ring: near ones excite each other, and each inhibits all, through slow synapses (80 ms).

    The weight over an angle d is (51.2*exp(-d²/(2*30²)) - 20.5)/cells mV, times ``local`` for the exponential; the cue adds
    10*exp(-d²/(2*30²)) mV around ``direction`` from 0.3 s to 0.6 s. Cells rest 2 mV below threshold, with coloured noise.
    The weight's two parts stand for excitation and for inhibition through interneurons that follow at once.

    Source: Amari, Biological Cybernetics 1977; Compte et al., Cerebral Cortex 2000 (with spikes and slow synapses).
    """
    cell = Cell(
        EQUATIONS, threshold="v > V_th", reset="v = V_r", refractory=2 * ms, E_L=-65 * mV, V_th=-50 * mV, V_r=-60 * mV,
        tau_m=20 * ms, tau_s=80 * ms, v=Uniform(-60 * mV, -50 * mV),
    )  # fmt: skip
    angle = np.arange(cells) * 360.0 / cells
    bell = np.exp(-(_apart(angle[:, None], angle) ** 2) / (2 * _WIDTH**2))
    cue = 10 * np.exp(-(_apart(angle, direction) ** 2) / (2 * _WIDTH**2))
    net = Network(dt=0.1 * ms, seed=seed)
    rest, noise = step_current(13 * mV, cells), OrnsteinUhlenbeck(0 * mV, 1 * mV, 5 * ms, cells)
    net.source("drive", step_current(cue * mV, cells, start=_START * ms, stop=_STOP * ms) + rest + noise)
    net.population("ring", cells, cell)
    net.connect("drive", "ring", OneToOne(), to="I")
    net.connect("ring", "ring", AllToAll(), to="s", weight=(local * 51.2 * bell - 20.5) / cells * mV, delay=1 * ms)
    return net


@dataclass(frozen=True)
class Settings:
    """Of the simulation."""

    memory: float = 3.0
    """Seconds after the cue."""
    cells: int = 256
    """Cells on the ring."""


def measure(case: Case) -> Mapping[str, float]:
    """Show a cue, wait, and read the direction."""
    wanted = (30 + 45 * case.seed) % 360
    local = 1.0 if case.arm == "ring" else 0.5
    net = circuit(case.settings.cells, wanted, local=local, seed=case.seed)
    spikes = _simulate(net, case.settings.memory)
    found, contrast = _read(spikes)
    case.planned(net.plan())
    if case.drawn:
        case.show(_picture(spikes), f"{case.arm}: spikes of all cells; the shade marks the cue.")
    return {"error": abs(float(_apart(found, wanted))), "contrast": contrast, "rate": spikes.rate()}


recipe = Recipe(
    name="ring_attractor",
    title="A ring attractor",
    citation="Amari, Biological Cybernetics 1977; Compte et al., Cerebral Cortex 2000",
    claim="Cells that excite their neighbours and inhibit all others hold one bump of activity where a cue put it, and so remember a "
    "direction although no part has a memory.",
    data="Generated: one cue a seed, 45 degrees apart.",
    scale="256 cells, 3 s after the cue.",
    chosen="The weights were chosen so that one bump stands; nothing else was tuned.",
    methods={"ring": "the circuit"},
    controls={"weak ring": "half the local excitation"},
    measures={"error": "°", "contrast": "", "rate": "Hz"},
    seeds=tuple(range(8)),
    settings=Settings(),
    quick={"memory": 0.6, "cells": 128, "seeds": (0,)},
    expected=[
        Expect("the bump stays", ("ring", "contrast"), ">", 0.6),
        Expect("it stays where the cue was", ("ring", "error"), "<", 30),
        Expect("with half the local excitation it does not stay", ("weak ring", "contrast"), "<", 0.5),
    ],
    minutes=1,
    measure=measure,
    equations=EQUATIONS,
    notes=[
        "The direction is that of the vector sum of the spikes of the last 0.5 s, the contrast its length over their number: 1 is all activity in one place."
    ],
)
run = recipe.run


def _simulate(net: Network, memory: float) -> SpikeTrain:
    return finished(net.run((_STOP + 1000 * memory) * ms, stream=0, record={"ring": ["spikes"]}))["ring"].spikes


def _read(spikes: SpikeTrain) -> tuple[float, float]:
    """Direction in degrees, and contrast, of the last 0.5 s."""
    late = spikes.times > (spikes.first + spikes.steps) * spikes.dt - 500
    if not late.any():
        return float("nan"), 0.0
    total = np.exp(2j * np.pi * spikes.cell[late] / spikes.size).mean()
    return float(np.degrees(np.angle(total)) % 360), float(abs(total))


def _apart(a: np.ndarray | float, b: np.ndarray | float) -> np.ndarray:
    """The signed angle from b to a, between -180 and 180 degrees."""
    return (np.asarray(a) - b + 180) % 360 - 180


def _picture(spikes: SpikeTrain) -> str:
    def draw(figure: Figure) -> None:
        ax = plot.raster(spikes, size=1, ax=figure.add_subplot())
        ax.axvspan(_START, _STOP, color="#2f6fb0", alpha=0.15, linewidth=0)
        ax.set_yticks(np.arange(5) * spikes.size / 4, [f"{90 * k}°" for k in range(5)])
        ax.set_ylabel("direction")

    return svg(draw, 9.0, 2.8, f"ring{len(spikes)}", "Spikes on the ring over time")
