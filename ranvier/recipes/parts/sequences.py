"""Sequences with a class each: one way to learn them for spiking and ordinary networks, and a plain one of either kind."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import nn

from ranvier.connectivity import Linear
from ranvier.network import Recurrent, Sequential
from ranvier.neurons import LIF
from ranvier.recipes.parts.tested import accuracy

__all__ = ["Gated", "Parts", "fitted", "recurrent"]

Tensor = torch.Tensor
#: x [T, S, …] and classes [S] to learn from, to choose by, to report
Parts = tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], tuple[Tensor, Tensor]]


class Gated(nn.Module):
    """An ordinary recurrent network: gated units (GRU), and a linear read-out in every step."""

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.units, self.read = nn.GRU(inputs, hidden), nn.Linear(hidden, classes)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x [T, B, inputs] -> [T, B, classes], and the last state; without ``state`` the units begin at 0."""
        units, last = self.units(x, state)
        return self.read(units), last


def recurrent(inputs: int, hidden: int, classes: int, *, dt: Any, tau: Any, seed: int) -> Sequential:
    """A plain spiking network: one layer of cells that project to one another, and currents for each class."""
    cells = Recurrent(LIF(hidden, tau=tau), Linear(hidden, hidden, bias=False))
    return Sequential(Linear(inputs, hidden), cells, Linear(hidden, classes), dt=dt, seed=seed)


def fitted(
    net: nn.Module, parts: Parts, *, seed: int, epochs: int, lr: float, batch_size: int = 64, shift: int = 0
) -> nn.Module:
    """``net`` in evaluation, from its best epoch on the second part.

    AdamW with a cosine schedule on the cross-entropy of the mean output over time. In training each batch is moved in time by up to ``shift`` steps.
    """
    (x, y), chosen = parts[0], parts[1]
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW((q for q in net.parameters() if q.requires_grad), lr=lr, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * -(-len(y) // batch_size))
    best, kept = -1.0, deepcopy(net.state_dict())
    for _ in range(epochs):
        net.train()
        for part in torch.randperm(len(y), generator=generator).split(batch_size):
            moved = int(torch.randint(-shift, shift + 1, (), generator=generator))
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[:, part].roll(moved, 0))[0].mean(0), y[part]).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        found = accuracy(net, *chosen)
        if found > best:
            best, kept = found, deepcopy(net.state_dict())
    net.load_state_dict(kept)
    return net.eval()
