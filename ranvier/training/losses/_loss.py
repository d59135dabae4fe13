"""What every loss of the package promises, and the checks they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch.nn import functional

from ranvier.errors import ShapeError, TrainingError

__all__ = ["Loss", "cross_entropy", "series"]

Tensor = torch.Tensor


class Loss(ABC):
    """A scalar from the output of a network [T, B, C] and its targets, and the class that the output stands for.

    ``per_step`` declares a mean over steps, loss(out) = 1/T sum over t of l(out[t]): what a rule can differentiate while
    the series goes by.
    """

    per_step: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, out: Any, target: Tensor) -> Tensor:
        """The mean loss of the batch, differentiable in ``out``."""

    @abstractmethod
    def predict(self, out: Any) -> Tensor | None:
        """The class [B] that is read out, or None where the loss knows no classes."""


def series(out: Any, loss: Loss) -> Tensor:
    """The output as [T, B, C], or an error that says what to do."""
    name = type(loss).__name__
    if not isinstance(out, Tensor):
        raise ShapeError(
            f"{name} takes one output, the network has several: write loss=lambda out, y: … that picks one."
        )
    if out.ndim != 3 or not out.shape[0]:
        expected = "[T, B, C] of at least one step"
        raise ShapeError(f"{name} takes an output {expected}, got {tuple(out.shape)}: end the network with C cells.")
    return out


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """-log softmax(logits)[target], averaged over the batch; ``logits`` [B, C], ``target`` [B] classes from 0 to C - 1.

    Raises
    ------
    TrainingError
        Where a target is no class.
    """
    classes = logits.shape[1]
    integer = not (target.is_floating_point() or target.is_complex() or target.dtype == torch.bool)
    if not integer or target.shape != logits.shape[:1]:
        raise TrainingError(
            f"targets are {target.dtype} of shape {tuple(target.shape)}; a loss on classes needs whole numbers of "
            f"shape ({logits.shape[0]},): convert them with .long(), or choose another loss."
        )
    if target.numel():
        low, high = int(target.min()), int(target.max())
        if low < 0 or high >= classes:
            wrong = low if low < 0 else high
            raise TrainingError(
                f"target {wrong} is no class of an output with {classes} cells: give classes from 0 to {classes - 1}."
            )
    return functional.cross_entropy(logits, target.long())
