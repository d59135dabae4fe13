"""Brunel's circuit: sparse excitation and inhibition through delta synapses, in three regimes."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ranvier import plot
from ranvier.connectivity import FixedInDegree, OneToOne
from ranvier.network import Network, Poisson, Run, SpikeStatistics
from ranvier.neurons import Cell
from ranvier.recipes.parts.outcome import Outcome, finished, publish, synapses
from ranvier.recipes.parts.svg import svg
from ranvier.recipes.parts.verdicts import Verdict
from ranvier.units import Hz, ms, mV, second

__all__ = ["EQUATIONS", "REGIMES", "circuit", "run"]

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


def run(out: Path = Path("out"), seconds: float = 1.0, cells: int = 5000, seed: int = 1) -> Path:
    """Simulate the three regimes and write out/brunel.html.

    Parameters
    ----------
    out
        Folder for the report; made if need be.
    seconds
        Biological time of each regime; the first 0.2 s are left out of the statistics.
    cells
        How many cells; synaptic jumps are scaled with them.
    seed
        Of wiring and input.
    """
    started, rows, pictures, found = time.perf_counter(), [], [], {}
    for name, (g, eta) in REGIMES.items():
        net = circuit(g, eta, cells=cells, seed=seed)
        asked = ["spikes", SpikeStatistics(after=200 * ms, bin=2 * ms)]
        done = finished(
            net.run((0.2 + seconds) * second, stream=0, record={"exc": asked, "inh": ["spikes"]}, progress=True)
        )
        numbers = found[name] = done["exc"].statistics
        rows.append(
            (
                name, f"{g:g}", f"{eta:g}", f"{numbers.rate:.1f} Hz", f"{numbers.cv:.2f}", f"{numbers.correlation:.3f}",
                f"{numbers.fano:.2f}", f"{done.real_time_factor:.1f}",
            )
        )  # fmt: skip
        pictures.append((_picture(done, name), f"{name}: spikes of 60 cells, and the rate of all in bins of 1 ms."))
    sr, si, ai = found.values()
    outcome = Outcome(
        "brunel", "Brunel's circuit in three regimes",
        "One circuit, two numbers: the strength of inhibition and that of the input. Strong excitation makes cells fire "
        "regularly and together (SR); strong inhibition and input make the population oscillate while cells fire irregularly "
        "(SI); in between cells fire irregularly and almost independently (AI).",
        "Brunel, Journal of Computational Neuroscience 2000, model A", EQUATIONS,
        ("regime", "g", "input", "rate", "CV", "corr.", "Fano", "RTF"), rows,
        (
            Verdict(sr.cv < 0.3 and sr.correlation > 0.1, f"SR is regular (CV {sr.cv:.2f}) and synchronous (correlation {sr.correlation:.2f})"),
            Verdict(si.cv > 0.7 and si.rate < sr.rate, f"SI is irregular (CV {si.cv:.2f}) at {si.rate:.0f} Hz, {sr.rate:.0f} Hz in SR"),
            Verdict(
                ai.cv > 0.6 and ai.correlation < sr.correlation / 5,
                f"AI is irregular (CV {ai.cv:.2f}) with correlations of {ai.correlation:.3f}",
            ),
        ),
        pictures, net.plan(),
        (f"{cells:,} cells, {synapses(net):,} synapses besides the input, steps of 0.1 ms. Correlations are means over pairs of 200 cells, counts in bins of 2 ms; RTF is the real-time factor.",),
    )  # fmt: skip
    return publish(outcome, out, started)


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
