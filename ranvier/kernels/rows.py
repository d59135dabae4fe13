"""Rows of successive steps, where later ones follow."""

from __future__ import annotations

import torch

__all__ = ["last_of"]

Tensor = torch.Tensor


def last_of(before: Tensor, now: Tensor) -> Tensor:
    """The last rows of both together, as many as ``before`` has, in new memory."""
    depth, new = before.shape[0], now.shape[0]
    return now[new - depth :].clone() if new >= depth else torch.cat([before[new:], now])
