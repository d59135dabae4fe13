"""Frames of zeros and ones."""

from __future__ import annotations

import torch

from ranvier.errors import RanvierError

__all__ = ["check_binary"]


def check_binary(x: torch.Tensor) -> None:
    """Refuse other numbers than 0 and 1."""
    other = x[(x != 0) & (x != 1)]
    if other.numel():
        raise RanvierError(
            f"x holds {float(other[0]):g}, but flips need frames of zeros and ones: bin events with rv.data.Bins(…, binary=True), or attack real "
            f"numbers with rv.attacks.PGD."
        )
