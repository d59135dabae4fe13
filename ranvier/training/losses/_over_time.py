"""Any torch loss on the output: of its mean over time, of every step, or of the last step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ranvier.training.losses._places import Place, aligned, by_sample, check_place, read, value_pairs
from ranvier.training.losses.loss import Kind, Loss, cross_entropy, series

__all__ = ["OverTime"]

Tensor = torch.Tensor
_CLASSES = (nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss)
_VALUES = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss)


@dataclass(frozen=True)
class OverTime(Loss):
    """A torch loss on a series: loss(mean over t of out[t], target), or on every step, or on the last.

    Parameters
    ----------
    loss
        A loss of ``torch.nn``.
    at
        ``"mean"``: of the mean over time, targets [B, …]. ``"last"``: of each sample's last step, targets [B, …].
        ``"every"``: of every step; targets [B, T, …] as the data holds them, or [B, …] for the same target in every step. With
        ``lengths`` a loss that is a mean is taken over each sample's own steps, then over samples, so that samples weigh alike.

    out [T, B, C]; targets are classes (whole numbers) for losses on classes, and values [..., C] for others.

    >>> fit = rv.train(net, data, epochs=10, loss=rv.losses.OverTime(torch.nn.CrossEntropyLoss(), at="every"))
    """

    loss: nn.Module
    at: Place = "mean"

    def __post_init__(self) -> None:
        check_place(self.at, "OverTime")

    @property
    def classifies(self) -> bool:
        """True for losses on classes."""
        return isinstance(self.loss, _CLASSES)

    @property
    def targets(self) -> Kind:
        """ "classes" or "values" for the losses of torch that compare these, "any" for others."""
        return "classes" if self.classifies else "values" if isinstance(self.loss, _VALUES) else "any"

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The loss of the batch."""
        one, truth = self._pairs(out, target, lengths)
        if self.classifies and truth.ndim == 1:
            cross_entropy(one.detach(), truth)  # only for its check of the targets
            truth = truth.long()
        if self.at != "every" or lengths is None or getattr(self.loss, "reduction", None) != "mean":
            return self.loss(one, truth)
        sample = by_sample(lengths.to(one.device))
        return torch.stack([self.loss(one[sample == k], truth[sample == k]) for k in range(len(lengths))]).mean()

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor | None:
        """The class [B] of the highest mean, or in the last step; the values [N, …] that are compared; None for "any"."""
        if self.targets == "any":
            return None
        o = series(out, self, lengths, shaped=not self.classifies)
        if self.classifies:
            return read(o, "last" if self.at == "last" else "mean", lengths).argmax(1)
        return read(o, self.at, lengths)

    def compared(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Estimates and targets that a metric compares."""
        return self._pairs(out, target, lengths) if self.targets == "values" else super().compared(out, target, lengths)

    def _pairs(self, out: Any, target: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """The output [N, …] that the torch loss compares, and its targets."""
        o, name = series(out, self, lengths, shaped=not self.classifies), f"OverTime({type(self.loss).__name__}())"
        if not self.classifies:
            return value_pairs(target, o, self.at, lengths, tuple(o.shape[2:]), name)
        if self.at != "every" and target.ndim == 1:
            return read(o, self.at, lengths), target
        tail = tuple(o.shape[2:]) if target.is_floating_point() else ()  # probabilities of classes
        return read(o, self.at, lengths), aligned(target, o, self.at, lengths, tail, name)
