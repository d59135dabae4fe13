"""A loss at every step, so that a rule need not wait for the end of the series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.nn import functional

from ranvier.training.losses._places import some_steps
from ranvier.training.losses.loss import Loss, check_classes, mean_over_time, series, within

__all__ = ["EveryStep"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class EveryStep(Loss):
    """Mean over t of the cross-entropy of softmax(scale * o[t]); the class of the highest mean is read out.

    o [T, B, C] output, spikes or membrane; targets are classes [B], or [B, T] for one in every step. Being a mean over
    steps, it lets SLTT, OTTT and truncated BPTT learn in one pass. Source: Xiao et al., NeurIPS 2022 (OTTT); Deng et al., ICLR 2022 (temporal efficient training).

    >>> fit = rv.train(net, data, epochs=10, loss=rv.losses.EveryStep(), rule=rv.rules.SLTT())
    """

    scale: float = 1.0
    per_step: ClassVar[bool] = True

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        out = series(out, self, lengths)
        steps, batch, classes = out.shape
        logits = (out if self.scale == 1 else self.scale * out).flatten(0, 1)
        targets, inside = _of_steps(target, steps, batch, classes), within(out, lengths)
        if inside is None:
            return functional.cross_entropy(logits, targets)
        each = functional.cross_entropy(logits, targets, reduction="none").unflatten(0, (steps, batch))
        return mean_over_time(each * inside.squeeze(2), lengths).mean()

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The class [B] of the highest mean."""
        return mean_over_time(series(out, self, lengths), lengths).argmax(1)

    def at_steps(self, target: Any, out: Any, steps: Sequence[int] | Tensor, total: int) -> Any:
        """The classes of some steps, where there is one for each."""
        return some_steps(target, steps) if target.ndim == 2 else target


def _of_steps(target: Any, steps: int, batch: int, classes: int) -> Tensor:
    """The class [T * B] of every step, step after step."""
    if isinstance(target, Tensor) and target.ndim == 2 and tuple(target.shape) == (batch, steps):
        each = target.t().flatten()
        check_classes(each, steps * batch, classes)
        return each.long()
    check_classes(target, batch, classes)
    return target.long().repeat(steps)
