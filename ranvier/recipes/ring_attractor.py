"""A ring attractor: a bump of activity stays where a cue put it, and so remembers a direction."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ranvier import plot
from ranvier.connectivity import AllToAll, OneToOne
from ranvier.network import Network, OrnsteinUhlenbeck, SpikeTrain, step_current
from ranvier.neurons import Cell
from ranvier.recipes.parts.outcome import Outcome, publish
from ranvier.recipes.parts.runs import finished, synapses
from ranvier.recipes.parts.svg import svg
from ranvier.recipes.parts.verdicts import Verdict
from ranvier.units import ms, mV
from ranvier.values import Uniform

__all__ = ["EQUATIONS", "circuit", "run"]

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


def run(out: Path = Path("out"), memory: float = 3.0, cells: int = 256, directions: int = 4, seed: int = 1) -> Path:
    """Show cues in several directions, wait, read the direction, and write out/ring_attractor.html.

    Parameters
    ----------
    out
        Folder for the report; made if need be.
    memory
        Seconds after the cue.
    cells
        On the ring.
    directions
        How many cues, evenly spaced, each in a run of its own.
    seed
        Of noise.
    """
    started, rows, pictures, errors, contrasts = time.perf_counter(), [], [], [], []
    net = circuit(cells, seed=seed)
    for k in range(directions):
        wanted = (30.0 + k * 360.0 / directions) % 360
        spikes = _simulate(circuit(cells, wanted, seed=seed + k), memory)
        found, contrast = _read(spikes)
        errors.append(float(_apart(found, wanted)))
        contrasts.append(contrast)
        rows.append(
            (f"{wanted:.0f}°", f"{found:.1f}°", f"{errors[-1]:+.1f}°", f"{contrast:.2f}", f"{spikes.rate():.1f} Hz")
        )
        if k == 0:
            pictures.append(
                (_picture(spikes), "Spikes of all cells; the shade marks the cue. The bump stays when it is gone.")
            )
    control = _simulate(circuit(cells, local=0.5, seed=seed), memory)
    _, lost = _read(control)
    pictures.append((_picture(control), "The same cue with half the local excitation: nothing stays."))
    worst = max(map(abs, errors))
    outcome = Outcome(
        "ring_attractor", "A ring attractor",
        "Can a circuit without any memory in its parts hold a direction for seconds? Cells that excite their neighbours and "
        "inhibit all others let one bump of activity stand, wherever a cue put it.",
        "Amari, Biological Cybernetics 1977; Compte et al., Cerebral Cortex 2000", EQUATIONS,
        ("cue", "read at the end", "error", "contrast", "mean rate"), rows,
        (
            Verdict(min(contrasts) > 0.6, f"the bump persists {memory:g} s after the cue (contrast at least {min(contrasts):.2f}, 1 being all activity in one place)"),
            Verdict(worst < 30, f"its direction is within {worst:.1f}° of the cue"),
            Verdict(lost < 0.5 or not np.isfinite(lost), f"with half the local excitation it does not (contrast {lost:.2f})"),
        ),
        pictures, net.plan(),
        (f"{cells} cells, {synapses(net):,} synapses, steps of 0.1 ms. The direction is that of the vector sum of the spikes of the last 0.5 s, the contrast its length over their number.",),
    )  # fmt: skip
    return publish(outcome, out, started)


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
