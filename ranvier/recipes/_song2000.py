"""Song, Miller & Abbott 2000: competition between synapses under STDP ends in two groups, the weak and the strong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ranvier.connectivity import AllToAll
from ranvier.network import Network, Poisson
from ranvier.neurons import Cell
from ranvier.plasticity import STDP
from ranvier.units import Hz, ms, mV, second

__all__ = ["Song2000Result", "network", "run"]

#: largest excitatory conductance, relative to the leak, and that of the inhibitory synapses
_G_MAX, _G_INH = 0.015, 0.05
_EXCITATORY, _INHIBITORY = 1000, 200


@dataclass(frozen=True)
class Song2000Result:
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
    """

    weights: np.ndarray
    rate: np.ndarray
    weak: float
    strong: float
    real_time_factor: float

    @property
    def bimodal(self) -> bool:
        """Whether most weights are near one of both ends, and each end holds more than the fifth in the middle."""
        middle = float(((self.weights >= 0.4) & (self.weights <= 0.6)).mean())
        return self.weak + self.strong > 0.6 and min(self.weak, self.strong) > middle


def network(rate: Any = 20 * Hz, *, A_plus: float = 0.01, seed: int = 1) -> Network:
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

    Source: Song, Miller & Abbott, Nature Neuroscience 2000.
    """
    cell = Cell(
        """
        dv/dt = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v))/tau_m : mV
        dg_e/dt = -g_e/tau_s : 1
        dg_i/dt = -g_i/tau_s : 1
        """,
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


def run(seconds: float = 300.0, *, rate: Any = 20 * Hz, A_plus: float = 0.01, seed: int = 1) -> Song2000Result:
    """Simulate the competition.

    The claim: weights that began equal end near 0 or near the largest.

    >>> from ranvier.recipes import _song2000
    >>> _song2000.run(300).bimodal
    """
    result = network(rate, A_plus=A_plus, seed=seed).run(seconds * second, record={"cell": ["spikes"]})
    weights = result.state.synapses["synapses"]["w"][0].numpy() / _G_MAX
    counts = np.bincount((result["cell"].spikes.times / 1000).astype(int), minlength=int(seconds))[: int(seconds)]
    weak, strong = float((weights < 0.2).mean()), float((weights > 0.8).mean())
    return Song2000Result(weights, counts, weak, strong, result.real_time_factor)
