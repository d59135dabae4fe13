"""Song, Miller & Abbott 2000: competition between synapses under STDP ends in two groups, the weak and the strong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ranvier.connectivity import AllToAll
from ranvier.network import Network, Plan, Poisson
from ranvier.neurons import Cell
from ranvier.plasticity import STDP
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.runs import finished
from ranvier.recipes.parts.svg import svg
from ranvier.units import Hz, ms, mV, second

__all__ = ["EQUATIONS", "Competition", "Settings", "circuit", "compete", "recipe", "run"]

EQUATIONS = """
dv/dt = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v))/tau_m : mV
dg_e/dt = -g_e/tau_s : 1
dg_i/dt = -g_i/tau_s : 1
"""
#: largest excitatory conductance, relative to the leak, and that of the inhibitory synapses
_G_MAX, _G_INH = 0.015, 0.05
_EXCITATORY, _INHIBITORY = 1000, 200
#: input rates that are compared, Hz
_RATES = {"10 Hz": 10.0, "20 Hz": 20.0, "40 Hz": 40.0}


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
    result = finished(net.run(seconds * second, stream=0, record={"cell": ["spikes"]}))
    weights = result.state.synapses["synapses"]["w"][0].numpy() / _G_MAX
    counts = np.bincount((result["cell"].spikes.times / 1000).astype(int), minlength=int(seconds))[: int(seconds)]
    weak, strong = float((weights < 0.2).mean()), float((weights > 0.8).mean())
    return Competition(weights, counts, weak, strong, result.real_time_factor, result.plan)


@dataclass(frozen=True)
class Settings:
    """Of the simulation."""

    seconds: float = 600.0
    """Biological time under each rate."""
    step: float = 0.01
    """Size of one potentiation, as a fraction of the largest weight; the published one is 0.005."""


def measure(case: Case) -> Mapping[str, float]:
    """Let the synapses compete under inputs of one rate."""
    rate = _RATES[case.arm]
    found = compete(case.settings.seconds, rate=rate * Hz, A_plus=case.settings.step, seed=case.seed)
    late = found.rate[-max(1, len(found.rate) // 5) :].mean()
    case.planned(found.plan)
    if case.drawn:
        case.show(_picture(found, rate), f"Inputs at {case.arm}: the weights at the end, and the rate of the cell.")
    return {
        "weak": found.weak, "middle": found.middle, "strong": found.strong, "smaller end": min(found.weak, found.strong),
        "first rate": found.rate[0], "last rate": late, "growth": np.log(max(late, 1e-9) / max(found.rate[0], 1e-9)),
    }  # fmt: skip


recipe = Recipe(
    name="song2000",
    title="Competition between synapses under STDP",
    citation="Song, Miller & Abbott, Nature Neuroscience 2000",
    claim="A thousand synapses that begin equally strong end weak or strong under STDP, and the rate of the cell then follows its inputs only weakly.",
    data="Generated: Poisson inputs drawn from the seed.",
    scale="The published number of synapses; potentiation of 0.01 of the largest weight, where the paper has 0.005, so that 600 s suffice.",
    chosen="All constants but the size of potentiation are published.",
    methods={name: f"excitatory inputs at {name}" for name in _RATES},
    measures={
        "weak": "%",
        "middle": "%",
        "strong": "%",
        "smaller end": "%",
        "first rate": "Hz",
        "last rate": "Hz",
        "growth": "",
    },
    seeds=(1, 2, 3),
    settings=Settings(),
    quick={"seconds": 5, "seeds": (1,)},
    expected=[
        Expect(
            "at 10 Hz each end holds more weights than the middle", ("10 Hz", "smaller end"), ">", ("10 Hz", "middle")
        ),
        Expect("so it does at 20 Hz", ("20 Hz", "smaller end"), ">", ("20 Hz", "middle")),
        Expect("fewer synapses stay strong at 20 Hz than at 10 Hz", ("20 Hz", "strong"), "<", ("10 Hz", "strong")),
        Expect("and fewer at 40 Hz than at 20 Hz", ("40 Hz", "strong"), "<", ("20 Hz", "strong")),
        Expect(
            "competition halves the ratio of rates at 40 and 10 Hz",
            ("40 Hz", "growth"),
            "<",
            ("10 Hz", "growth"),
            plus=float(np.log(0.5)),
        ),
    ],
    minutes=3,
    measure=measure,
    equations=EQUATIONS,
    notes=[
        "Weak, middle and strong are the fractions of weights in the lowest, middle and highest fifth, the smaller end the smaller of weak and "
        "strong. The first rate is that of the first second, under equal weights; the last that of the last fifth; growth is the logarithm of their ratio."
    ],
)
run = recipe.run


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
