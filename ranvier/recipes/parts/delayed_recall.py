"""Sequences whose beginning must be told at their end, and a small GRU that learns them."""

from __future__ import annotations

from typing import Self

import torch
from torch import nn

__all__ = ["Gated", "recall"]

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


class Gated(nn.Module):
    """A GRU that reads a sequence and tells the class at its end."""

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.cells, self.head = nn.GRU(inputs, hidden, batch_first=True), nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Spikes [S, T, inputs] -> logits [S, classes]."""
        return self.head(self.cells(x)[0][:, -1])

    def fitted(self, sequences: Sequences, *, epochs: int, seed: int) -> Self:
        """This network after Adam on the sequences."""
        x, y = sequences
        optimizer, draw = torch.optim.Adam(self.parameters(), lr=1e-2), torch.Generator().manual_seed(seed)
        for _ in range(epochs):
            for part in torch.randperm(len(x), generator=draw).split(64):
                optimizer.zero_grad()
                nn.functional.cross_entropy(self(x[part]), y[part]).backward()
                optimizer.step()
        return self

    @torch.no_grad()
    def accuracy(self, sequences: Sequences) -> float:
        """The part of sequences with the right class."""
        x, y = sequences
        return float((self(x).argmax(1) == y).double().mean())
