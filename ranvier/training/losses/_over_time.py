"""Any torch loss on the output: of its mean over time, of every step, or of the last step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.losses._membrane import last_step
from ranvier.training.losses.loss import Loss, cross_entropy, mean_over_time, series, within

__all__ = ["OverTime"]

Tensor = torch.Tensor
_CLASSES = (nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss)
_PLACES = ("mean", "every", "last")


@dataclass(frozen=True)
class OverTime(Loss):
    """A torch loss on a series: loss(mean over t of out[t], target), or on every step, or on the last.

    Parameters
    ----------
    loss
        A loss of ``torch.nn``.
    at
        ``"mean"``: of the mean over time, targets [B, …]. ``"last"``: of each sample's last step, targets [B, …].
        ``"every"``: of all steps that belong to samples, each weighing alike; targets [B, T, …] as the data holds them, or
        [B, …] for the same target in every step.

    out [T, B, C]; targets are classes (whole numbers) for losses on classes, and values [..., C] for others.

    >>> fit = rv.train(net, data, epochs=10, loss=rv.losses.OverTime(torch.nn.CrossEntropyLoss(), at="every"))
    """

    loss: nn.Module
    at: Literal["mean", "every", "last"] = "mean"

    def __post_init__(self) -> None:
        if self.at not in _PLACES:
            raise TrainingError(f"OverTime: at={self.at!r} is unknown: use 'mean', 'every' or 'last'.")

    @property
    def classifies(self) -> bool:
        """True for losses on classes."""
        return isinstance(self.loss, _CLASSES)

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The loss of the batch."""
        o = series(out, self, lengths)
        if self.at == "every":
            return self._every(o, target, lengths)
        one = mean_over_time(o, lengths) if self.at == "mean" else last_step(o, lengths)
        return self._of(one, target)

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor | None:
        """The class [B] of the highest mean, or in the last step, for losses on classes."""
        if not self.classifies:
            return None
        o = series(out, self, lengths)
        return (last_step(o, lengths) if self.at == "last" else mean_over_time(o, lengths)).argmax(1)

    def _every(self, o: Tensor, target: Tensor, lengths: Tensor | None) -> Tensor:
        """All steps as one batch."""
        steps, batch = o.shape[:2]
        tail = tuple(o.shape[2:]) if target.is_floating_point() else ()
        if tuple(target.shape) == (batch, steps, *tail):
            each = target.transpose(0, 1)
        elif tuple(target.shape) == (batch, *tail):
            each = target.unsqueeze(0).expand(steps, *target.shape)
        else:
            shown = ", ".join(map(str, ("B", "T", *tail)))
            raise ShapeError(
                f"OverTime(at='every') got targets of shape {tuple(target.shape)} for an output of {steps} steps and {batch} "
                f"samples: give [{shown}] = {(batch, steps, *tail)}, or {(batch, *tail)} for the same in every step."
            )
        inside = within(o, lengths)
        if inside is None:
            return self._of(o.flatten(0, 1), each.flatten(0, 1))
        kept = inside.squeeze(2)
        return self._of(o[kept], each[kept])

    def _of(self, one: Tensor, target: Tensor) -> Tensor:
        """The torch loss of [N, C] and its targets."""
        if self.classifies and target.ndim == 1:
            cross_entropy(one.detach(), target)  # only for its check of the targets
            return self.loss(one, target.long())
        if not self.classifies and target.shape != one.shape:
            raise ShapeError(
                f"{type(self.loss).__name__} compares an output {tuple(one.shape)} with targets {tuple(target.shape)}: give "
                f"targets of the output's shape."
            )
        return self.loss(one, target)
