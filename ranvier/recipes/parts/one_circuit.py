"""A circuit of excitatory and inhibitory cells with conductances and delays, and a decision that it can learn."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.connectivity import FixedProbability, Linear
from ranvier.network import Network, Source
from ranvier.neurons import Cell, LeakyReadout
from ranvier.surrogates import Triangle
from ranvier.units import ms, mV
from ranvier.values import Learn, Uniform

__all__ = ["CHANNELS", "EQUATIONS", "READ", "SYNAPSES", "circuit", "trials"]

Tensor = torch.Tensor
EQUATIONS = """
dv/dt   = (E_L - v + drive + g_e*(E_e - v) + g_i*(E_i - v))/tau_m : mV (unless refractory)
dg_e/dt = -g_e/tau_e : 1
dg_i/dt = -g_i/tau_i : 1
"""
#: of the cue, recurrent ones of each cell on average, and the name of the projection to the read-out
CHANNELS, SYNAPSES, READ = 20, 30, "read"
#: largest first weights in units of the leak: of the cue, excitatory and inhibitory
_CUE, _EXC, _INH = 0.3, 0.05, 0.4
#: spikes per step of a quiet channel, and of an active one beyond that
_QUIET, _MORE = 0.01, 0.09


def circuit(
    cells: int, seed: int, *, cue: Source | None = None, per_cell: float = SYNAPSES, learns: bool = True
) -> Network:
    """Four excitatory cells for each inhibitory one, ``per_cell`` synapses onto each, 1 to 10 ms late, and two membranes that decide.

    The cue, 20 channels, is an external input, or the source ``cue``: all else is the same. Weights of single synapses
    learn where ``learns``, those of the read-out always; with other numbers of synapses they shrink in proportion.
    """
    cell = Cell(
        EQUATIONS, threshold="v > V_th", reset="v = V_r", refractory=2 * ms, E_L=-60 * mV, E_e=0 * mV, E_i=-80 * mV,
        V_th=-50 * mV, V_r=-60 * mV, tau_m=20 * ms, tau_e=5 * ms, tau_i=10 * ms, drive=Uniform(4 * mV, 9 * mV), v=-60 * mV,
    )  # fmt: skip
    net = Network(dt=1 * ms, seed=seed, surrogate=Triangle(gamma=0.5, width=3 * mV))
    excitatory, both, late = round(0.8 * cells), ["exc", "inh"], Uniform(1 * ms, 10 * ms)
    wiring, share = FixedProbability(min(per_cell / cells, 1.0)), SYNAPSES / per_cell

    def weight(most: float) -> Any:
        return Learn(Uniform(0, most), min=0) if learns else Uniform(0, most)

    if cue is None:
        net.input("cue", CHANNELS)
    else:
        net.source("cue", cue)
    net.population("exc", excitatory, cell)
    net.population("inh", cells - excitatory, cell)
    net.population("decision", 2, LeakyReadout(2, tau=20 * ms), output=True)
    net.connect("cue", both, FixedProbability(0.3), to="g_e", weight=weight(_CUE))
    net.connect("exc", both, wiring, to="g_e", weight=weight(_EXC * share), delay=late)
    net.connect("inh", both, wiring, to="g_i", weight=weight(_INH * share), delay=late)
    torch.manual_seed(seed)
    net.connect("exc", "decision", Linear(excitatory, 2), name=READ)
    return net


def trials(count: int, seed: int, steps: int = 60) -> tuple[Tensor, Tensor]:
    """Cues [count, steps, 20] and decisions: is exactly one half of the channels active? No weighted sum of counts tells."""
    generator = torch.Generator().manual_seed(seed)
    active = torch.randint(0, 2, (count, 2), generator=generator)
    rate = _QUIET + _MORE * active.float().repeat_interleave(CHANNELS // 2, dim=1)
    spikes = torch.rand(count, steps, CHANNELS, generator=generator) < rate[:, None]
    return spikes.float(), active.sum(1) % 2
