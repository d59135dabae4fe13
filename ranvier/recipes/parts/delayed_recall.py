"""Sequences whose beginning must be told at their end, and how ordinary networks learn them."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["fitted", "recall"]

Tensor = torch.Tensor
Sequences = tuple[Tensor, Tensor]


def recall(count: int, delay: int, seed: int) -> Sequences:
    """Spikes [S, 20 + delay, 20] and which of four groups fired first [S].

    Four inputs of a group fire for 10 steps, noise for ``delay`` steps, and the last four inputs ask for 10 steps.
    """
    draw = torch.Generator().manual_seed(seed)
    group = torch.randint(4, (count,), generator=draw)
    rate = torch.full((count, 20 + delay, 20), 0.02)
    own = torch.arange(20) // 4 == group[:, None]
    rate[:, :10][own[:, None].expand(-1, 10, -1)] = 0.5
    rate[:, -10:, 16:] = 0.5
    return torch.bernoulli(rate, generator=draw), group


def fitted(net: nn.Module, sequences: Sequences, *, epochs: int, seed: int) -> nn.Module:
    """``net``, x [T, B, 20] -> (logits in every step, state), after Adam on the cross-entropy of the last step."""
    x, y = sequences
    optimizer, draw = torch.optim.Adam(net.parameters(), lr=1e-2), torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for part in torch.randperm(len(x), generator=draw).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[part].transpose(0, 1))[0][-1], y[part]).backward()
            optimizer.step()
    return net
