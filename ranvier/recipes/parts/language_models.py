"""Language models of equal size, and what a character costs each."""

from __future__ import annotations

import torch
from torch import nn

from ranvier.blocks import dragon_hatchling
from ranvier.connectivity import Linear, SpikeCoding
from ranvier.models import create
from ranvier.network import Branches, Network, Recurrent, Residual, Sequential
from ranvier.neurons import LIF, LinearAttention
from ranvier.recipes.parts.sequences import Gated
from ranvier.recipes.parts.tested import fired
from ranvier.units import ms
from ranvier.values import Learn, LogNormal

__all__ = [
    "Transformer",
    "gated",
    "hatchling",
    "linear_attention",
    "operations",
    "recurrent",
    "rwkv",
    "transformer",
]

Tensor = torch.Tensor


def gated(size: int, seed: int) -> Gated:
    """A GRU of 120 units, about 88,000 parameters."""
    torch.manual_seed(seed)
    return Gated(size, 120, size)


def recurrent(size: int, seed: int) -> Network:
    """220 recurrent spiking cells with time constants of their own, about 89,000 parameters."""
    torch.manual_seed(seed)
    cell = LIF(220, tau=Learn(LogNormal(2 * ms, 1.0), min=0.5 * ms))
    parts = Linear(size, 220), Recurrent(cell, Linear(220, 220, bias=False)), Linear(220, size)
    return Sequential(*parts, dt=1 * ms, seed=seed)


def rwkv(size: int, seed: int, spikes: bool) -> Network:
    """The model ``spikegpt_mini``, about 88,000 parameters, with or without spikes."""
    torch.manual_seed(seed)
    return create("spikegpt_mini", characters=size, spikes=spikes, seed=seed)


def linear_attention(size: int, seed: int, channels: int = 64, heads: int = 2, keys: int = 16) -> Network:
    """Two blocks of linear attention and a perceptron, about 80,000 parameters; `rv.SpikeCoding` in front of every matrix lets all pass."""
    torch.manual_seed(seed)

    def part(name: str) -> list[nn.Module]:
        shape = (heads, 1, channels // heads) if name == "v" else (heads, keys, 1)
        rises = [] if name == "v" else [nn.ReLU()]
        return [
            SpikeCoding(),
            Linear(channels, shape[0] * shape[1] * shape[2], bias=False),
            *rises,
            nn.Unflatten(-1, shape),
        ]

    def block() -> list[Residual]:
        memory = Branches(LinearAttention((heads, keys, channels // heads), tau=32 * ms), **{p: part(p) for p in "kvq"})
        read = [
            nn.AvgPool2d((keys, 1)),
            nn.LayerNorm(channels // heads),
            nn.Flatten(),
            SpikeCoding(),
            Linear(channels, channels),
        ]
        wide = [SpikeCoding(), Linear(channels, 2 * channels), nn.ReLU(), SpikeCoding(), Linear(2 * channels, channels)]
        return [Residual(nn.LayerNorm(channels), memory, *read), Residual(nn.LayerNorm(channels), *wide)]

    last = nn.LayerNorm(channels), SpikeCoding(), Linear(channels, size)
    return Sequential(Linear(size, channels), *block(), *block(), *last, dt=1 * ms, seed=seed)


def hatchling(size: int, seed: int, channels: int = 24, neurons: int = 128) -> Network:
    """A Dragon Hatchling of two passes through one layer, about 14,000 parameters."""
    torch.manual_seed(seed)
    layer = dragon_hatchling(channels, neurons)
    return Sequential(
        Linear(size, channels), nn.LayerNorm(channels), *layer, *layer, Linear(channels, size), dt=1 * ms, seed=seed
    )


class Transformer(nn.Module):
    """An ordinary transformer: spikes of characters [T, B, size] -> logits; it sees one window, and its state is nothing."""

    def __init__(self, size: int, channels: int, hidden: int, longest: int) -> None:
        super().__init__()
        self.table, self.place = nn.Linear(size, channels), nn.Parameter(0.1 * torch.randn(longest, 1, channels))
        layer = nn.TransformerEncoderLayer(channels, 2, hidden, dropout=0.0, norm_first=True)
        self.body = nn.TransformerEncoder(layer, 2, nn.LayerNorm(channels), enable_nested_tensor=False)
        self.head = nn.Linear(channels, size)

    def forward(self, x: Tensor, state: None = None) -> tuple[Tensor, None]:
        """The logits of the next character."""
        mask = nn.Transformer.generate_square_subsequent_mask(len(x))
        return self.head(self.body(self.table(x) + self.place[: len(x)], mask=mask, is_causal=True)), None


def transformer(size: int, seed: int) -> Transformer:
    """Two layers of 24 channels, about 14,000 parameters."""
    torch.manual_seed(seed)
    return Transformer(size, 24, 36, 64)


@torch.no_grad()
def operations(net: Network, x: Tensor) -> float:
    """Additions of weights a character on spikes [T, B, size]: the entries of every matrix times the share of its inputs that arrive.

    A spike behind a shift arrives in two steps, as over a delay of 0 to 1 steps. A graded input always arrives: then these are
    multiplications with additions. Cells, biases and norms are not counted.
    """
    spikes = fired(net, x)
    sources = {p.post: p.pre for p in net.projections.values()}

    def arrives(name: str) -> float:
        if name in net.inputs:
            return float(x.mean())
        if name in spikes:
            return float(spikes[name].mean())
        shifted = name in net.populations and net.populations[name].cell.name == "shift"
        return min(1.0, 2 * arrives(sources[name])) if shifted else 1.0

    total = 0.0
    for p in net.projections.values():
        total += arrives(p.pre) * sum(q.numel() for q in p.parameters() if q.ndim == 2)
    return total
