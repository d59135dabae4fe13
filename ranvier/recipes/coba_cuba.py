"""The COBA and CUBA benchmarks: 4,000 cells that excite and inhibit one another through conductances or currents."""

from __future__ import annotations

import time
from pathlib import Path

from matplotlib.figure import Figure

from ranvier import plot
from ranvier.connectivity import FixedProbability
from ranvier.network import Network, Run, SpikeStatistics
from ranvier.neurons import Cell
from ranvier.recipes.parts import coba
from ranvier.recipes.parts.outcome import Outcome, publish
from ranvier.recipes.parts.runs import finished, synapses
from ranvier.recipes.parts.svg import svg
from ranvier.recipes.parts.verdicts import Verdict
from ranvier.units import ms, mV, second
from ranvier.values import Uniform

__all__ = ["EQUATIONS", "circuit", "run"]

EQUATIONS = """
dv/dt   = (g_e + g_i - (v - E_L))/tau_m : mV (unless refractory)
dg_e/dt = -g_e/tau_e : mV
dg_i/dt = -g_i/tau_i : mV
"""


def circuit(cells: int = 4000, seed: int = 1) -> Network:
    """CUBA: four excitatory cells for each inhibitory one, joined at random with 80 synapses per cell.

    v > -50 mV fires, then v = -60 mV and 5 ms of refractoriness; rest is at -49 mV, so that cells fire by themselves. An
    excitatory spike adds 1.62 mV to g_e (5 ms), an inhibitory one takes 9 mV from g_i (10 ms), one step of 0.1 ms later.

    Source: Brette et al., Journal of Computational Neuroscience 2007, benchmark 2; after Vogels & Abbott, Journal of
    Neuroscience 2005.
    """
    cell = Cell(
        EQUATIONS, threshold="v > V_th", reset="v = V_r", refractory=5 * ms, E_L=-49 * mV, V_th=-50 * mV, V_r=-60 * mV,
        tau_m=20 * ms, tau_e=5 * ms, tau_i=10 * ms, v=Uniform(-60 * mV, -50 * mV),
    )  # fmt: skip
    net = Network(dt=0.1 * ms, seed=seed)
    net.population("exc", cells * 4 // 5, cell)
    net.population("inh", cells // 5, cell)
    wiring = FixedProbability(min(80 / cells, 1.0))
    net.connect("exc", ["exc", "inh"], wiring, to="g_e", weight=1.62 * mV)
    net.connect("inh", ["exc", "inh"], wiring, to="g_i", weight=-9 * mV)
    return net


def run(out: Path = Path("out"), seconds: float = 2.0, cells: int = 4000, seed: int = 1) -> Path:
    """Simulate both benchmarks and write out/coba_cuba.html.

    Parameters
    ----------
    out
        Folder for the report; made if need be.
    seconds
        Biological time; the first 0.3 s are left out of the statistics.
    cells
        How many cells, with 80 synapses each.
    seed
        Of wiring and initial values.
    """
    started, net = time.perf_counter(), circuit(5)
    rows, pictures, verdicts = [], [], []
    for name, build in (("COBA", coba.circuit), ("CUBA", circuit)):
        net = build(cells, seed)
        net.run(0.1 * ms)  # compiling is not part of the timed run
        asked = ["spikes", SpikeStatistics(after=300 * ms)]
        done = finished(net.run((0.3 + seconds) * second, stream=0, record={"exc": asked, "inh": asked}, progress=True))
        for part in ("exc", "inh"):
            found = done[part].statistics
            rows.append(
                (
                    f"{name}, {part}", f"{done[part].spikes.size:,}", f"{found.rate:.1f} Hz", f"{found.cv:.2f}", f"{found.correlation:.4f}",
                    f"{found.fano:.2f}", f"{done.real_time_factor:.3f}",
                )
            )  # fmt: skip
        rate = done["exc"].statistics.rate
        verdicts.append(Verdict(1 < rate < 60, f"{name} sustains its activity without input, at {rate:.1f} Hz"))
        pictures.append((_picture(done, name), f"{name}: spikes of 100 cells in the last 300 ms."))
    outcome = Outcome(
        "coba_cuba", "COBA and CUBA",
        "Two standard benchmarks of simulators: sparse circuits without any input that sustain irregular activity.",
        "Brette et al., Journal of Computational Neuroscience 2007, benchmarks 1 and 2", f"{coba.EQUATIONS}\n{EQUATIONS}",
        ("part", "cells", "rate", "CV", "corr.", "Fano", "RTF"), rows, verdicts, pictures, net.plan(),
        (f"{synapses(net):,} synapses in the second circuit; steps of 0.1 ms. Correlations are means over pairs of 200 cells, counts in bins of 5 ms; RTF is the real-time factor.",),
    )  # fmt: skip
    return publish(outcome, out, started)


def _picture(done: Run, name: str) -> str:
    exc = done["exc"].spikes
    end = (exc.first + exc.steps) * exc.dt

    def draw(figure: Figure) -> None:
        trains = {n: done[n].spikes for n in ("exc", "inh")}
        plot.raster(
            trains, cells={"exc": 80, "inh": 20}, window=(end - min(300, end), end), size=5, ax=figure.add_subplot()
        )

    return svg(draw, 9.0, 3.2, name.lower(), f"Spike raster of {name}")
