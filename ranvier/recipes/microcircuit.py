"""The cortical microcircuit on the command line: its rates beside the published ones, at full scale or at a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ranvier import plot
from ranvier.errors import RanvierError
from ranvier.limits import free_bytes, spell
from ranvier.network import Run, SpikeTrain
from ranvier.plot.axes import COLOURS
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.cortex import NAMES, RATES, pathways, sizes
from ranvier.recipes.parts.microcircuit import simulate
from ranvier.recipes.parts.runs import finished
from ranvier.recipes.parts.svg import svg

__all__ = ["Forecast", "Settings", "forecast", "recipe", "run"]

EQUATIONS = """
dv/dt = (E_L - v)/tau_m + (I + I_e)/C : mV (unless refractory)
dI/dt = -I/tau_s : pA
"""
#: of synchrony: counts in bins of so many ms, of at most so many cells
_BIN_MS, _WATCHED = 3.0, 1000
_SETTLE_MS, _SHOWN_MS = 500.0, 300.0
#: bytes at the highest point, and what the imports take; seconds per synapse drawn
_BYTES, _IMPORTS, _BUILD = 11.5, 400e6, 50e-9
#: seconds of one thread per biological second: of all cells, and of all spikes' synapses at full scale
_CELLS, _EVENTS = 1.1, 5.2

#: populations that the paper finds slower than the others
_SLOW = ("L23E", "L23I", "L4E", "L6E")
_CAPTION = (
    "Spikes of about 1,500 cells, excitatory (blue) above inhibitory ones (orange) in each layer; rates of the cells (thin line: 5 to 95 per cent "
    "of them) with their mean, and the published mean (diamond)."
)
#: of the circuit that still has cells in every population
_SMALLEST = 0.005


@dataclass(frozen=True)
class Forecast:
    """What a run will take.

    ``memory`` in bytes at the highest point; ``building`` and ``running`` in seconds of one thread of a processor of 2023.
    """

    cells: int
    synapses: int
    memory: float
    building: float
    running: float

    def __str__(self) -> str:
        return (
            f"{self.cells:,} cells, {self.synapses:,} synapses: about {spell(self.memory)}, {self.building:.0f} s to build "
            f"and {self.running:.0f} s to simulate"
        )


def forecast(scale: float, seconds: float) -> Forecast:
    """What the circuit at ``scale`` takes for ``seconds``: memory follows its synapses, time its cells and their spikes."""
    synapses = sum(path.synapses for path in pathways(scale))
    running = (seconds + _SETTLE_MS / 1000) * scale * (_CELLS + _EVENTS * scale)
    return Forecast(sum(sizes(scale)), synapses, _IMPORTS + _BYTES * synapses, 1 + _BUILD * synapses, 1 + running)


@dataclass(frozen=True)
class Settings:
    """Of the simulation."""

    seconds: float = 10.0
    """Biological time; half a second before it is left out."""
    scale: float = 0.2
    """Of the number of cells and of the synapses per cell; 1 is the published circuit and takes 4 GB."""


def measure(case: Case) -> Mapping[str, float]:
    """Rates, irregularity and synchrony of all populations."""
    scale, seconds = case.settings.scale, case.settings.seconds
    if not _SMALLEST <= scale <= 1 or not seconds > 0:
        raise RanvierError(f"scale={scale:g} must lie between {_SMALLEST:g} and 1, and seconds={seconds:g} above 0.")
    expected, free = forecast(scale, seconds), free_bytes()
    if free is not None and expected.memory > free:
        raise RanvierError(
            f"the circuit needs {spell(expected.memory)}, {spell(free)} is free; give a smaller --scale."
        )
    found = simulate(seconds, scale=scale, seed=case.seed, settle_ms=_SETTLE_MS)
    trains = {name: finished(found.run)[name].spikes for name in NAMES}
    case.planned(found.run.plan)
    if case.drawn:
        case.show(_picture(found.run, scale), _CAPTION)
    off = [abs(found.rates[name] / wanted - 1) for name, wanted in zip(NAMES, RATES, strict=True)]
    slow = max(found.rates[name] for name in _SLOW)
    return {
        **{f"rate {name}": rate for name, rate in found.rates.items()}, "furthest rate": max(off),
        "slow and fast apart": min(rate for name, rate in found.rates.items() if name not in _SLOW) - slow,
        "least CV": min(found.cvs.values()), "greatest synchrony": max(map(_synchrony, trains.values())),
    }  # fmt: skip


recipe = Recipe(
    name="microcircuit",
    title="The cortical microcircuit",
    papers=["S001"],
    citation="T. C. Potjans and M. Diesmann, Cerebral Cortex 24, 785 (2014); smaller ones after S. J. van Albada and others, PLoS Computational "
    "Biology 11, e1004490 (2015)",
    claim="Four layers of cortex, wired with the measured probabilities and driven by noise alone, settle at the published rates and fire irregularly "
    "and almost independently.",
    data="None: wiring, input and first potentials are drawn from the seed.",
    scale="A fifth of the cells and of the synapses per cell (--scale 1 is the published circuit): weights and a constant current keep means and "
    "variances of the input, not its correlations, so that rates stay a little below the published ones.",
    chosen="All constants are published; at a fifth, rates are to lie within 50 % of the published ones, 10 % at full scale.",
    methods={"circuit": "eight populations, excitatory and inhibitory in each layer"},
    measures={
        **{f"rate {name}": "Hz" for name in NAMES},
        "furthest rate": "%",
        "slow and fast apart": "Hz",
        "least CV": "",
        "greatest synchrony": "",
    },
    seeds=tuple(range(1, 9)),
    settings=Settings(),
    quick={"seconds": 1.0, "scale": 0.03, "seeds": (1,)},
    expected=[
        Expect("every rate lies within 50 % of the published one", ("circuit", "furthest rate"), "<", 0.5),
        Expect("L23E, L23I, L4E and L6E are slower than the others", ("circuit", "slow and fast apart"), ">", 0),
        Expect("cells fire irregularly in every population", ("circuit", "least CV"), ">", 0.6),
        Expect("and almost independently", ("circuit", "greatest synchrony"), "<", 8),
    ],
    minutes=2,
    measure=measure,
    threads=None,
    equations=EQUATIONS,
    notes=[
        f"Published rates: {', '.join(f'{name} {wanted:g}' for name, wanted in zip(NAMES, RATES, strict=True))} Hz. Synchrony is the variance of spike "
        f"counts in bins of {_BIN_MS:g} ms over their mean, of at most {_WATCHED} cells: 1 for independent cells, 8 counts as synchronous. Three seeds left the synchrony open, so eight were run."
    ],
)
run = recipe.run


def _synchrony(train: SpikeTrain) -> float:
    """Variance over mean of the spike counts of the first cells; 1 for independent Poisson trains."""
    chosen = train.times[train.cell < _WATCHED]
    edges = np.arange(train.first * train.dt, (train.first + train.steps) * train.dt + 1e-6, _BIN_MS)
    counts = np.histogram(chosen, edges)[0]
    return float(counts.var() / counts.mean()) if counts.sum() else float("nan")


def _picture(done: Run, scale: float) -> str:
    trains = {name: done[name].spikes for name in NAMES}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(2.2, 1))
        _raster(left, trains, 0.02 / scale)
        plot.rates(trains, ax=right)
        ink = right.xaxis.label.get_color()
        right.plot(
            RATES[::-1], range(len(NAMES)), "D", color="none", markeredgecolor=ink, markersize=6, label="published"
        )
        right.legend(frameon=False, loc="upper right")

    return svg(draw, 9.5, 4.6, "microcircuit", "Raster and rates of eight populations")


def _raster(axes: Axes, trains: dict[str, SpikeTrain], share: float) -> None:
    """The last 300 ms of ``share`` of the cells, layer 6 at the bottom; inhibitory cells in the second colour."""
    floor, middles = 0, {}
    for name, train in reversed(trains.items()):
        end, rows = (train.first + train.steps) * train.dt, max(1, round(train.size * min(share, 1.0)))
        shown = (train.cell < rows) & (train.times > end - _SHOWN_MS)
        colour = COLOURS[name.endswith("I")]
        axes.scatter(train.times[shown] - end, train.cell[shown] + floor, s=3, c=colour, linewidths=0)
        middles.setdefault(name[1:-1].replace("23", "2/3"), []).extend((floor, floor + rows))
        floor += rows
    axes.set_yticks([(min(b) + max(b)) / 2 for b in middles.values()], [f"layer {n}" for n in middles])
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(-_SHOWN_MS, 0), ylim=(-1, floor), xlabel="time before the end (ms)")
    axes.spines[["top", "right"]].set_visible(False)
