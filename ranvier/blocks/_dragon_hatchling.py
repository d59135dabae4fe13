"""The Dragon Hatchling: attention between neurons, with Hebbian synapses as its state."""

from __future__ import annotations

from typing import Any

from torch import nn

from ranvier.blocks._parts import check_sizes
from ranvier.connectivity import Linear
from ranvier.network import Branches, Residual
from ranvier.neurons import Cell, LinearAttention
from ranvier.units import ms

__all__ = ["dragon_hatchling"]


def dragon_hatchling(channels: int, neurons: int, *, tau: Any = 64 * ms) -> tuple[Residual, nn.Module]:
    """A layer of the Dragon Hatchling (BDH-GPU), to unpack into ``rv.Sequential``: v = LN(v + LN(W_e (y * x))).

    x = max(W_x v, 0) are positive activities of the neurons. Their synapses S [neurons, channels] learn by Hebb's rule,
    S' = exp(-dt/tau)*S + x v^T, a = S^T x/neurons reads what earlier steps stored, and y = max(W_y LN(a), 0). v [T, B, channels] comes normalised, one
    token a step. The state has a constant size. A layer that stands in a network several times shares its weights, as in the source.

    Parameters
    ----------
    channels
        d, the width of v.
    neurons
        n, much larger than d.
    tau
        Time constant with which stored values decay [ms].

    Raises
    ------
    ShapeError
        Where a number is not positive.

    Source: Kosowski et al., 2025 (arXiv:2509.26507). The source rotates pairs of neurons over time; here stored values decay
    instead.

    >>> net = rv.Sequential(rv.Linear(20, 16), nn.LayerNorm(16), *rv.blocks.dragon_hatchling(16, 64), rv.Linear(16, 20), dt=1*ms)
    """
    check_sizes("dragon_hatchling", channels=channels, neurons=neurons)
    rise = Linear(channels, neurons, bias=False)
    gate = Cell("xy = x*y : 1\nx : 1 (input)\ny : 1 (input)", emit="xy", name="active", size=neurons)
    keys = [rise, nn.ReLU(), nn.Unflatten(-1, (1, neurons, 1))]
    synapses = LinearAttention((1, neurons, channels), tau=tau, past_only=True)
    memory = Branches(synapses, k=keys, q=keys, v=[nn.Unflatten(-1, (1, 1, channels))])
    read = [nn.AvgPool2d((neurons, 1)), nn.Flatten(), nn.LayerNorm(channels)]
    y = [memory, *read, Linear(channels, neurons, bias=False), nn.ReLU()]
    active = Branches(gate, x=[rise, nn.ReLU()], y=y)
    back = Linear(neurons, channels, bias=False), nn.LayerNorm(channels)
    return Residual(active, *back), nn.LayerNorm(channels)
