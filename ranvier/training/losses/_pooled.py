"""Several cells for each class: a population code of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.losses._around import Around
from ranvier.training.losses.loss import series
from ranvier.values import is_whole

__all__ = ["Pooled"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Pooled(Around):
    """``loss`` on the means of ``groups`` equal groups of cells: cells 0 to G - 1 stand for class 0, and so on.

    out [T, B, groups * G] becomes [T, B, groups]; targets are those of ``loss``. With spikes, a count is then the mean count
    of a group. Source: Eshraghian et al., Proceedings of the IEEE 2023 (population codes).

    >>> loss = rv.losses.Pooled(rv.losses.SpikeCount(), groups=10)  # 10 classes, read from 100 cells
    """

    groups: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_whole(self.groups):
            raise TrainingError(f"Pooled: groups={self.groups!r} must be a positive whole number.")

    def read(self, out: Any) -> Tensor:
        """The mean [T, B, groups] of every group."""
        o = series(out, self)
        if o.shape[2] % self.groups:
            raise ShapeError(
                f"Pooled: an output of {o.shape[2]} cells does not divide into {self.groups} equal groups: end the network "
                f"with {self.groups} times as many cells as each group has."
            )
        return o.unflatten(2, (self.groups, -1)).mean(3)
