"""Brunel's circuit: sparse excitation and inhibition through delta synapses, in three regimes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from ranvier import plot
from ranvier.connectivity import FixedInDegree, OneToOne
from ranvier.network import Network, Poisson, Run, SpikeStatistics
from ranvier.neurons import Cell
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.runs import finished
from ranvier.recipes.parts.svg import svg
from ranvier.units import Hz, ms, mV, second

__all__ = ["EQUATIONS", "REGIMES", "Settings", "circuit", "recipe", "run"]

EQUATIONS = """
v' = v*exp(-dt/tau) + x : mV (unless refractory)
x : mV (input)
"""
#: name -> (inhibition relative to excitation, input relative to that which reaches the threshold)
REGIMES = {
    "SR, synchronous regular": (3.0, 2.0),
    "SI, synchronous irregular": (6.0, 4.0),
    "AI, asynchronous irregular": (5.0, 2.0),
}
#: of the membrane (ms), threshold (mV) and excitatory jump (mV)
_TAU, _THETA, _JUMP = 20, 20, 0.25


def circuit(g: float, eta: float, *, cells: int = 5000, seed: int = 1) -> Network:
    """Four excitatory cells for each inhibitory one; each cell gets a tenth of all cells as sources.

    Membranes leak with 20 ms; v >= 20 mV fires, then v = 10 mV and 2 ms of refractoriness. An excitatory spike adds J to v
    1.5 ms later, an inhibitory one takes g*J. J is 0.25 mV at 5,000 cells, so that J times the number of excitatory sources
    is the published 100 mV. Every cell gets its own Poisson input of ``eta`` times the rate that just reaches the
    threshold.

    Parameters
    ----------
    g
        Inhibition relative to excitation.
    eta
        Input relative to that which just reaches the threshold.

    Source: Brunel, Journal of Computational Neuroscience 2000, model A, there with 12,500 cells and J = 0.1 mV.
    """
    cell = Cell(
        EQUATIONS, threshold="v >= theta", reset="v = V_r", refractory=2 * ms, tau=_TAU * ms, theta=_THETA * mV, V_r=10 * mV
    )  # fmt: skip
    exc, inh = cells * 4 // 5, cells - cells * 4 // 5
    jump = _JUMP * 4000 / exc
    net = Network(dt=0.1 * ms, seed=seed)
    net.population("exc", exc, cell)
    net.population("inh", inh, cell)
    sources, late = max(exc // 10, 1), 1.4 * ms  # arrivals count within the step: one step less than 1.5 ms
    net.connect("exc", ["exc", "inh"], FixedInDegree(sources), to="x", weight=jump * mV, delay=late)
    net.connect("inh", ["exc", "inh"], FixedInDegree(max(inh // 10, 1)), to="x", weight=-g * jump * mV, delay=late)
    rate = 1000 * eta * _THETA / (jump * _TAU * sources) * Hz
    for part, size in (("exc", exc), ("inh", inh)):
        net.source(f"outside_{part}", Poisson(rate, size, trains=sources))
        net.connect(f"outside_{part}", part, OneToOne(), to="x", weight=jump * mV, delay=late)
    return net


@dataclass(frozen=True)
class Settings:
    """Of the simulation."""

    seconds: float = 1.0
    """Biological time of each regime; 0.2 s before it are left out of the statistics."""
    cells: int = 5000
    """Cells of the circuit; synaptic jumps are scaled with them."""


def measure(case: Case) -> Mapping[str, float]:
    """Statistics of the excitatory cells in one regime."""
    g, eta = REGIMES[case.arm]
    net = circuit(g, eta, cells=case.settings.cells, seed=case.seed)
    asked = ["spikes", SpikeStatistics(after=200 * ms, bin=2 * ms)]
    wanted = {"exc": asked, "inh": ["spikes"]}
    done = finished(net.run((0.2 + case.settings.seconds) * second, stream=0, record=wanted))
    case.planned(done.plan)
    if case.drawn:
        case.show(_picture(done, case.arm), f"{case.arm}: spikes of 60 cells, and the rate of all in bins of 1 ms.")
    found = done["exc"].statistics
    return {"rate": found.rate, "CV": found.cv, "correlation": found.correlation, "Fano factor": found.fano}


SR, SI, AI = REGIMES
recipe = Recipe(
    name="brunel",
    title="Brunel's circuit in three regimes",
    papers=["S001"],
    citation="Brunel, Journal of Computational Neuroscience 2000, model A",
    claim="One circuit has three regimes, set by the strength of inhibition and of the input: cells fire regularly and together "
    "(SR), irregularly while the population oscillates (SI), or irregularly and almost independently (AI).",
    data="None: wiring and Poisson input are drawn from the seed.",
    scale="5,000 cells with jumps of 0.25 mV, where the paper has 12,500 with 0.1 mV; the product of jump and sources is the published one.",
    chosen="The regimes are points of the paper's phase diagram; the bounds on CV and correlation were set when one seed was known, and are unchanged.",
    methods={name: f"inhibition {g:g} times excitation, input {eta:g} times the threshold rate" for name, (g, eta) in REGIMES.items()},
    measures={"rate": "Hz", "CV": "", "correlation": "", "Fano factor": ""},
    seeds=(1, 2, 3, 4, 5),
    settings=Settings(),
    quick={"seconds": 0.2, "cells": 500, "seeds": (1,)},
    expected=[
        Expect("SR is regular", (SR, "CV"), "<", 0.3),
        Expect("SR is synchronous", (SR, "correlation"), ">", 0.1),
        Expect("SI is irregular", (SI, "CV"), ">", 0.7),
        Expect("SI fires less than SR", (SI, "rate"), "<", (SR, "rate")),
        Expect("AI is irregular", (AI, "CV"), ">", 0.6),
        Expect("AI is less correlated than a fifth of SR", (AI, "correlation"), "<", (SR, "correlation"), times=0.2),
    ],
    minutes=1,
    measure=measure,
    equations=EQUATIONS,
    notes=["Correlations are means over pairs of 200 cells, counts in bins of 2 ms."],
)  # fmt: skip
run = recipe.run


def _picture(done: Run, name: str) -> str:
    """The last 200 ms."""
    exc = done["exc"].spikes
    end = (exc.first + exc.steps) * exc.dt
    window = (end - min(200, end), end)

    def draw(figure: Figure) -> None:
        first, second_ = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
        plot.raster(
            {n: done[n].spikes for n in ("exc", "inh")}, cells={"exc": 48, "inh": 12}, window=window, size=4, ax=first
        )
        first.set_xlabel("")
        counts, edges = np.histogram(exc.times, np.arange(window[0], end + 1, 1.0))
        second_.step(edges[:-1], counts / exc.size * 1000, where="post", linewidth=0.9)
        second_.set_ylabel("rate (Hz)")
        second_.set_xlabel("time (ms)")

    return svg(draw, 9.0, 3.4, name[:2].lower(), name)
