"""A cell with dendrites that spike: four compartments coupled to a soma, each with synapses of its own."""

from __future__ import annotations

import torch

from ranvier.connectivity import Linear
from ranvier.network import Network
from ranvier.neurons import Cell
from ranvier.units import ms

__all__ = ["BRANCHES", "SYNAPSES", "responses"]

Tensor = torch.Tensor
BRANCHES = 4
#: in the order of branches; four in five excite
SYNAPSES = 40
_EACH = SYNAPSES // BRANCHES
_EXCITING = 8
#: how far a spike opens a synapse
_EXCITE, _INHIBIT = 0.3, 0.25


def _cell() -> Cell:
    """Voltages in units of 1 from rest to the threshold of the soma; excitation reverses at 4, inhibition at -0.5."""
    lines = ["dv/dt = (-v + 0.35*(" + " + ".join(f"d_{k} - v" for k in range(BRANCHES)) + "))/tau_v : 1"]
    for k in range(BRANCHES):
        lines += [
            f"dd_{k}/dt = (-d_{k} + 0.5*(v - d_{k}) + e_{k}*(0.3 + n_{k})*(4 - d_{k}) + i_{k}*(-0.5 - d_{k}))/tau_d : 1",
            f"n_{k} = 3/(1 + exp(-(d_{k} - 1.2)/0.15)) : 1",  # channels of NMDA open with the voltage of the branch
            f"de_{k}/dt = -e_{k}/tau_e : 1",
            f"di_{k}/dt = -i_{k}/tau_i : 1",
        ]
    return Cell(
        "\n".join(lines), threshold="v > 1", reset="v = 0", name="dendrites", method="rk2", tau_v=10 * ms, tau_d=8 * ms,
        tau_e=15 * ms, tau_i=8 * ms,
    )  # fmt: skip


@torch.no_grad()
def responses(samples: int, steps: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Spikes onto synapses x [T, S, 40], and the cell's spikes and voltages [T, S].

    Each branch gets Poisson spikes whose rate changes every 50 ms, at a step of 1 ms.
    """
    generator = torch.Generator().manual_seed(seed)
    rate = torch.rand(-(-steps // 50), samples, BRANCHES, 1, generator=generator).repeat_interleave(50, 0)[:steps]
    drawn = torch.rand(steps, samples, BRANCHES, _EACH, generator=generator)
    x = (drawn < 0.04 * rate.square()).float().flatten(2)
    net = Network(dt=1 * ms)
    source, cell = net.input("input", SYNAPSES), net.population("cell", 1, _cell(), output=True)
    for k in range(BRANCHES):
        for port, first, last, strength in (("e", 0, _EXCITING, _EXCITE), ("i", _EXCITING, _EACH, _INHIBIT)):
            way = Linear(SYNAPSES, 1, bias=False)
            way.weight.zero_()
            way.weight[:, k * _EACH + first : k * _EACH + last] = strength
            net.connect(source, cell, way, to=f"{port}_{k}", same_step=True)
    seen = net.observe(x, record={"cell": ["spikes", "v_before"]})["cell"]
    return x, seen["spikes"][..., 0], seen["v_before"][..., 0]
