"""Song, Miller & Abbott 2000: competition between synapses under STDP ends in two groups, the weak and the strong."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ranvier.connectivity import AllToAll
from ranvier.network import Network, Plan, Poisson
from ranvier.neurons import Cell
from ranvier.plasticity import STDP
from ranvier.recipes.parts.outcome import Outcome, publish
from ranvier.recipes.parts.runs import finished
from ranvier.recipes.parts.svg import svg
from ranvier.recipes.parts.verdicts import Verdict
from ranvier.units import Hz, ms, mV, second

__all__ = ["EQUATIONS", "Competition", "circuit", "compete", "run"]

EQUATIONS = """
dv/dt = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v))/tau_m : mV
dg_e/dt = -g_e/tau_s : 1
dg_i/dt = -g_i/tau_s : 1
"""
#: largest excitatory conductance, relative to the leak, and that of the inhibitory synapses
_G_MAX, _G_INH = 0.015, 0.05
_EXCITATORY, _INHIBITORY = 1000, 200
#: input rates that are compared, Hz
_RATES = (10.0, 20.0, 40.0)


@dataclass(frozen=True)
class Competition:
    """What the simulation gave.

    Attributes
    ----------
    weights
        Excitatory weights at the end, as fractions of the largest [1000].
    rate
        Firing rate of the cell in Hz, second by second.
    weak, strong
        Fraction of the weights in the lowest and in the highest fifth.
    real_time_factor
        Seconds of computation per simulated second.
    plan
        How it was computed.
    """

    weights: np.ndarray
    rate: np.ndarray
    weak: float
    strong: float
    real_time_factor: float
    plan: Plan

    @property
    def middle(self) -> float:
        """Fraction of the weights in the middle fifth."""
        return float(((self.weights >= 0.4) & (self.weights <= 0.6)).mean())

    @property
    def bimodal(self) -> bool:
        """Whether most weights are near one of both ends, and each end holds more than the fifth in the middle."""
        return self.weak + self.strong > 0.6 and min(self.weak, self.strong) > self.middle


def circuit(rate: Any = 20 * Hz, *, A_plus: float = 0.01, seed: int = 1) -> Network:
    """One conductance-driven cell under 1,000 plastic excitatory and 200 fixed inhibitory Poisson inputs.

    tau_m*dv/dt = E_L - v + g_e*(E_e - v) + g_i*(E_i - v), conductances decay with 5 ms; a spike above -54 mV, then -60 mV.
    STDP with A_minus = -1.05*A_plus (in units of the largest weight, 0.015) and time constants of 20 ms; inhibitory inputs
    fire at 10 Hz.

    Parameters
    ----------
    rate
        Of every excitatory input.
    A_plus
        Size of one potentiation, as a fraction of the largest weight.
    seed
        Of the inputs.

    Source: Song, Miller & Abbott, Nature Neuroscience 2000 (there A_plus = 0.005).
    """
    cell = Cell(
        EQUATIONS,
        threshold="v > V_th", reset="v = V_r", E_L=-74 * mV, E_e=0 * mV, E_i=-70 * mV, V_th=-54 * mV, V_r=-60 * mV,
        tau_m=20 * ms, tau_s=5 * ms, v=-74 * mV,
    )  # fmt: skip
    net = Network(dt=0.5 * ms, seed=seed)
    net.source("exc", Poisson(rate, _EXCITATORY))
    net.source("inh", Poisson(10 * Hz, _INHIBITORY))
    net.population("cell", 1, cell)
    rule = STDP(A_plus=A_plus * _G_MAX, A_minus=-1.05 * A_plus * _G_MAX, w_max=_G_MAX)
    net.connect("exc", "cell", AllToAll(), to="g_e", weight=_G_MAX, plasticity=rule, name="synapses")
    net.connect("inh", "cell", AllToAll(), to="g_i", weight=_G_INH)
    return net


def compete(seconds: float = 300.0, *, rate: Any = 20 * Hz, A_plus: float = 0.01, seed: int = 1) -> Competition:
    """Simulate the competition; all weights begin at the largest.

    >>> competition = rv.recipes.song2000.compete(300)
    >>> bimodal = competition.bimodal
    """
    net = circuit(rate, A_plus=A_plus, seed=seed)
    result = finished(net.run(seconds * second, stream=0, record={"cell": ["spikes"]}, progress=seconds > 60))
    weights = result.state.synapses["synapses"]["w"][0].numpy() / _G_MAX
    counts = np.bincount((result["cell"].spikes.times / 1000).astype(int), minlength=int(seconds))[: int(seconds)]
    weak, strong = float((weights < 0.2).mean()), float((weights > 0.8).mean())
    return Competition(weights, counts, weak, strong, result.real_time_factor, result.plan)


def run(out: Path = Path("out"), seconds: float = 600.0, step: float = 0.01, seed: int = 1) -> Path:
    """Let synapses compete under three input rates and write out/song2000.html.

    Parameters
    ----------
    out
        Folder for the report; made if need be.
    seconds
        Biological time under each rate.
    step
        Size of one potentiation, as a fraction of the largest weight; the published one is 0.005.
    seed
        Of the inputs.
    """
    started, rows, pictures = time.perf_counter(), [], []
    found = {rate: compete(seconds, rate=rate * Hz, A_plus=step, seed=seed) for rate in _RATES}
    for rate, result in found.items():
        late = result.rate[-max(1, len(result.rate) // 5) :].mean()
        rows.append(
            (
                f"{rate:g} Hz", f"{result.rate[0]:.0f} Hz", f"{late:.1f} Hz", f"{result.weak:.2f}", f"{result.middle:.2f}",
                f"{result.strong:.2f}", f"{result.real_time_factor:.4f}",
            )
        )  # fmt: skip
        pictures.append(
            (_picture(result, rate), f"Inputs at {rate:g} Hz: the weights at the end, and the rate of the cell.")
        )
    first, second_, last = _RATES
    before, after = (
        found[last].rate[part].mean() / max(found[first].rate[part].mean(), 1e-9)
        for part in (slice(1), slice(-max(1, int(seconds) // 5), None))
    )
    outcome = Outcome(
        "song2000", "Competition between synapses under STDP",
        "A thousand synapses begin equally strong. Depression outweighs potentiation a little, so that what arrives by chance "
        "gets weaker, and only synapses that help the cell to fire keep their strength: weights should end in two groups, "
        "and the cell should fire irregularly at a rate that follows its inputs only weakly.",
        "Song, Miller & Abbott, Nature Neuroscience 2000", EQUATIONS,
        ("inputs", "first second", "last fifth", "weak", "middle", "strong", "RTF"), rows,
        (
            Verdict(
                found[first].bimodal and found[second_].bimodal,
                f"weights end weak or strong ({found[first].weak:.0%} and {found[first].strong:.0%} at {first:g} Hz, {found[second_].weak:.0%} and {found[second_].strong:.0%} at {second_:g} Hz)",
            ),
            Verdict(
                found[first].strong > found[second_].strong > found[last].strong,
                f"fewer synapses stay strong under faster inputs ({found[last].strong:.0%} at {last:g} Hz)",
            ),
            Verdict(
                after < before / 2,
                f"inputs {last / first:g} times as fast make the cell fire {after:.1f} times as fast ({before:.1f} times with equal weights)",
            ),
        ),
        pictures, found[first].plan,
        (f"{_EXCITATORY} plastic and {_INHIBITORY} fixed inputs, steps of 0.5 ms, {seconds:g} s under each rate, potentiation of {step:g} of the largest weight. Weak, middle and strong are the fractions of weights in the lowest, middle and highest fifth; RTF is the real-time factor.",),
    )  # fmt: skip
    return publish(outcome, out, started)


def _picture(result: Competition, rate: float) -> str:
    def draw(figure: Figure) -> None:
        first, second_ = figure.subplots(1, 2)
        first.hist(result.weights, np.linspace(0, 1, 41))
        first.set_xlabel("weight / largest")
        first.set_ylabel("synapses")
        second_.plot(np.arange(len(result.rate)), result.rate, linewidth=0.7)
        second_.set_xlabel("time (s)")
        second_.set_ylabel("rate (Hz)")

    return svg(draw, 9.0, 2.6, f"song{rate:g}", f"Weights and rate under inputs at {rate:g} Hz")
