"""The cortical microcircuit on the command line: its rates beside the published ones, at full scale or at a part of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console

from ranvier import plot
from ranvier.errors import RanvierError
from ranvier.limits import free_bytes, spell
from ranvier.network import Run, SpikeTrain
from ranvier.plot.axes import COLOURS
from ranvier.recipes.parts.cortex import NAMES, RATES, pathways, sizes
from ranvier.recipes.parts.microcircuit import MicrocircuitResult, simulate
from ranvier.recipes.parts.outcome import Outcome, publish
from ranvier.recipes.parts.runs import finished
from ranvier.recipes.parts.svg import svg
from ranvier.recipes.parts.verdicts import Verdict

__all__ = ["Forecast", "forecast", "run"]

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


def run(out: Path = Path("out"), seconds: float = 10.0, scale: float = 0.2, seed: int = 1) -> Path:
    """Simulate the circuit, compare its rates with the published ones and write out/microcircuit.html.

    Parameters
    ----------
    out
        Folder for the report; made if need be.
    seconds
        Biological time; half a second before it is left out.
    scale
        Of the number of cells and of the synapses per cell; 1 is the published circuit and takes 4 GB.
    seed
        Of wiring, input and first potentials.
    """
    if not _SMALLEST <= scale <= 1 or not seconds > 0:
        raise RanvierError(f"scale={scale:g} must lie between {_SMALLEST:g} and 1, and seconds={seconds:g} above 0.")
    started, expected, free = time.perf_counter(), forecast(scale, seconds), free_bytes()
    Console().print(f"{expected}.", highlight=False, soft_wrap=True)
    if free is not None and expected.memory > free:
        raise RanvierError(
            f"the circuit needs {spell(expected.memory)}, {spell(free)} is free; give a smaller --scale."
        )
    found = simulate(seconds, scale=scale, seed=seed, settle_ms=_SETTLE_MS, progress=True)
    trains = {name: finished(found.run)[name].spikes for name in NAMES}
    synchrony = {name: _synchrony(train) for name, train in trains.items()}
    rows = [
        (
            name, f"{trains[name].size:,}", f"{found.rates[name]:.2f} Hz", f"{wanted:.2f} Hz",
            f"{100 * (found.rates[name] / wanted - 1):+.0f} %", f"{found.cvs[name]:.2f}", f"{synchrony[name]:.1f}",
        )
        for name, wanted in zip(NAMES, RATES, strict=True)
    ]  # fmt: skip
    smaller = "" if scale == 1 else (
        f" At {scale:g} of its size every cell keeps {scale:g} of its synapses, each 1/√{scale:g} times as strong, and a "
        "constant current replaces the mean input that is lost. This keeps means and variances of the input, not its "
        "correlations, so that rates come close to the published ones but stay below."
    )  # fmt: skip
    outcome = Outcome(
        "microcircuit", "The cortical microcircuit",
        "Four layers under one square millimetre of early sensory cortex: excitatory and inhibitory cells in each, wired with "
        "the measured probabilities and driven by noise alone. Do they settle at the published rates, low in layers 2/3 and "
        f"6, and fire irregularly and almost independently?{smaller}",
        "T. C. Potjans and M. Diesmann, Cerebral Cortex 24, 785 (2014); smaller ones after S. J. van Albada and others, PLoS "
        "Computational Biology 11, e1004490 (2015)", EQUATIONS,
        ("population", "cells", "rate", "published", "off by", "CV", "synchrony"), rows,
        _verdicts(found, synchrony, 0.1 if scale == 1 else 0.5),
        [(_picture(found.run, scale), "Spikes of about 1,500 cells, excitatory (blue) above inhibitory ones (orange) in each layer; rates of the cells (thin line: 5 to 95 per cent of them) with their mean, and the published mean (diamond).")],
        found.run.plan,
        (
            f"{found.cells:,} cells and {found.synapses:,} synapses, each with its own weight and delay, built in "
            f"{found.building:.1f} s; real-time factor {found.run.real_time_factor:.2f}. Forecast: {expected}.",
            f"CV is the mean coefficient of variation of intervals; synchrony the variance of spike counts in bins of {_BIN_MS:g} ms over their mean, of at most {_WATCHED} cells.",
        ),
    )  # fmt: skip
    return publish(outcome, out, started)


def _verdicts(found: MicrocircuitResult, synchrony: dict[str, float], tolerance: float) -> tuple[Verdict, ...]:
    off = {name: found.rates[name] / wanted - 1 for name, wanted in zip(NAMES, RATES, strict=True)}
    worst = max(off, key=lambda name: abs(off[name]))
    order = [int(k) for k in np.argsort([found.rates[name] for name in NAMES])]
    lowest, highest = {NAMES[k] for k in order[:4]}, {NAMES[k] for k in order[4:]}
    least, most = min(found.cvs.values()), max(synchrony.values())
    return (
        Verdict(
            all(abs(x) < tolerance for x in off.values()),
            f"rates ({', '.join(f'{name} {found.rates[name]:.2g}' for name in NAMES)} Hz) lie within {100 * tolerance:.0f} % of the "
            f"published ones ({', '.join(f'{wanted:.2g}' for wanted in RATES)} Hz), furthest {worst} ({100 * off[worst]:+.0f} %)",
        ),
        Verdict(
            lowest == {"L23E", "L23I", "L4E", "L6E"},
            f"slowest are {', '.join(sorted(lowest))}, fastest {', '.join(sorted(highest))}, as published",
        ),
        Verdict(least > 0.6, f"cells fire irregularly: the least CV of a population is {least:.2f}"),
        Verdict(most < 8, f"and almost independently: the greatest synchrony is {most:.1f} (8 counts as synchronous)"),
    )


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
