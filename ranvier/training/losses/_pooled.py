"""Several cells for each class: a population code of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.losses.loss import Kind, Loss, series

__all__ = ["Pooled"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Pooled(Loss):
    """``loss`` on the means of ``groups`` equal groups of cells: cells 0 to G - 1 stand for class 0, and so on.

    out [T, B, groups * G] becomes [T, B, groups]; targets are those of ``loss``. With spikes, a count is then the mean count
    of a group. Source: Eshraghian et al., Proceedings of the IEEE 2023 (population codes).

    >>> loss = rv.losses.Pooled(rv.losses.SpikeCount(), groups=10)  # 10 classes, read from 100 cells
    """

    loss: Loss
    groups: int

    def __post_init__(self) -> None:
        if not isinstance(self.loss, Loss):
            raise TrainingError(f"Pooled: loss={self.loss!r} is not one of rv.losses.")
        if not isinstance(self.groups, int) or isinstance(self.groups, bool) or self.groups < 1:
            raise TrainingError(f"Pooled: groups={self.groups!r} must be a positive whole number.")

    @property
    def per_step(self) -> bool:
        """That of the loss inside."""
        return self.loss.per_step

    @property
    def classifies(self) -> bool:
        """That of the loss inside."""
        return self.loss.classifies

    @property
    def targets(self) -> Kind:
        """Those of the loss inside."""
        return self.loss.targets

    @property
    def scores(self) -> tuple[str, ...]:
        """Those of the loss inside."""
        return self.loss.scores

    def __call__(self, out: Any, target: Any, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        return self.loss(self.pooled(out), target, lengths)

    def predict(self, out: Any, lengths: Tensor | None = None) -> Any:
        """What the loss inside reads out."""
        return self.loss.predict(self.pooled(out), lengths)

    def compared(self, out: Any, target: Any, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What a metric of the loss inside compares."""
        return self.loss.compared(self.pooled(out), target, lengths)

    def at_steps(self, target: Any, out: Any, steps: Sequence[int] | Tensor, total: int) -> Any:
        """The targets of some steps."""
        return self.loss.at_steps(target, self.pooled(out), steps, total)

    def pooled(self, out: Any) -> Tensor:
        """The mean [T, B, groups] of every group."""
        o = series(out, self)
        if o.shape[2] % self.groups:
            raise ShapeError(
                f"Pooled: an output of {o.shape[2]} cells does not divide into {self.groups} equal groups: end the network "
                f"with {self.groups} times as many cells as each group has."
            )
        return o.unflatten(2, (self.groups, -1)).mean(3)
