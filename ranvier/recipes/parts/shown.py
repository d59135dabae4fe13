"""A network whose samples are coded inside: what an attack on values, and not on spikes, changes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

__all__ = ["Coded", "success"]

Tensor = torch.Tensor


class Coded(nn.Module):
    """``net(code(x))`` for samples x [B, …]; ``code`` gives [T, B, …]."""

    def __init__(self, net: nn.Module, code: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.code = net, code

    def forward(self, x: Tensor) -> Tensor:
        """The outputs [T, B, C]."""
        return self.net(self.code(x))[0]


def success(before: Tensor, after: Tensor) -> float:
    """The part of samples that were right before an attack and are wrong after; both [B] say which are wrong."""
    return float((after & ~before).sum() / (~before).sum().clamp(min=1))
