"""What recipes tell of a network that has learnt: its accuracy, its spikes and its size."""

from __future__ import annotations

import torch
from torch import nn

from ranvier.network import Network

__all__ = ["accuracy", "fired", "learnt"]

Tensor = torch.Tensor


@torch.no_grad()
def accuracy(net: nn.Module, x: Tensor, y: Tensor, seen: float = 1.0) -> float:
    """The part of samples x [T, S, …] that get their class from the mean output over the first ``seen`` of the steps.

    ``net`` is in evaluation then.
    """
    net.eval()
    steps = max(1, round(seen * len(x)))
    found = [net(part)[0].mean(0).argmax(1) for part in x[:steps].split(250, 1)]
    return float((torch.cat(found) == y).double().mean())


@torch.no_grad()
def fired(net: Network, x: Tensor) -> dict[str, Tensor]:
    """Spikes [T, S, …] of every population that fires, on x [T, S, …]."""
    seen = net.observe(x, record={n: ["spikes"] for n, p in net.populations.items() if p.cell.fires})
    return {n: one["spikes"] for n, one in seen.items()}


def learnt(net: nn.Module) -> float:
    """How many numbers training moves."""
    return float(sum(q.numel() for q in net.parameters() if q.requires_grad))
