"""The interface of losses, and the checks they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch.nn import functional

from ranvier.errors import ShapeError, TrainingError
from ranvier.network import silence_after

__all__ = ["Loss", "check_classes", "cross_entropy", "mean_over_time", "series", "within"]

Tensor = torch.Tensor


class Loss(ABC):
    """A scalar from the output of a network [T, B, C] and its targets, and the class that the output stands for.

    ``lengths`` [B] says how many steps belong to each sample (None: all); nothing that comes after them counts.
    ``per_step`` declares a mean over steps, loss(out) = 1/T sum over t of l(out[t]): what a rule can differentiate while
    the series goes by.
    """

    per_step: ClassVar[bool] = False

    @property
    def classifies(self) -> bool:
        """Whether outputs stand for classes: then accuracy is scored."""
        return True

    @abstractmethod
    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch, differentiable in ``out``."""

    @abstractmethod
    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor | None:
        """The class [B] that is read out, or None where the loss knows no classes."""


def series(out: Any, loss: Loss, lengths: Tensor | None = None) -> Tensor:
    """The output as [T, B, C], zero after each sample's end, or an error that says what to do."""
    name = type(loss).__name__
    if not isinstance(out, Tensor):
        raise ShapeError(
            f"{name} takes one output, the network has several: write loss=lambda out, y: … that picks one."
        )
    if out.ndim != 3 or not out.shape[0]:
        expected = "[T, B, C] of at least one step"
        raise ShapeError(f"{name} takes an output {expected}, got {tuple(out.shape)}: end the network with C cells.")
    if lengths is None:
        return out
    if lengths.shape != out.shape[1:2] or not bool(((lengths >= 1) & (lengths <= out.shape[0])).all()):
        raise ShapeError(
            f"{name} got lengths {lengths.tolist()} for an output of {out.shape[0]} steps and {out.shape[1]} samples: "
            f"give one from 1 to {out.shape[0]} for each sample."
        )
    return silence_after(out, lengths)


def within(out: Tensor, lengths: Tensor | None) -> Tensor | None:
    """True [T, B, 1] in the steps that belong to a sample; None where all do."""
    if lengths is None:
        return None
    steps = torch.arange(out.shape[0], device=out.device)
    return (steps.unsqueeze(1) < lengths.to(out.device)).unsqueeze(2)


def mean_over_time(silenced: Tensor, lengths: Tensor | None) -> Tensor:
    """The mean [B, …] of ``silenced`` [T, B, …] over each sample's own steps, those after them being zero."""
    if lengths is None:
        return silenced.mean(0)
    total = silenced.sum(0)
    return total / lengths.to(total).reshape(-1, *(1 for _ in total.shape[1:]))


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """-log softmax(logits)[target], averaged over the batch; ``logits`` [B, C], ``target`` [B] classes from 0 to C - 1.

    Raises
    ------
    TrainingError
        Where a target is not a class.
    """
    check_classes(target, *logits.shape)
    return functional.cross_entropy(logits, target.long())


def check_classes(target: Tensor, batch: int, classes: int) -> None:
    """Raise unless ``target`` holds a class from 0 to ``classes`` - 1 for each of ``batch`` samples."""
    integer = not (target.is_floating_point() or target.is_complex() or target.dtype == torch.bool)
    if not integer or target.shape != (batch,):
        raise TrainingError(
            f"targets are {target.dtype} of shape {tuple(target.shape)}; a loss on classes needs whole numbers of "
            f"shape ({batch},), one for each sample of an input [T, B, …]: convert them with .long(), transpose an input "
            "that is [B, T, …], or choose another loss."
        )
    if target.numel():
        low, high = (int(end) for end in target.aminmax())
        if low < 0 or high >= classes:
            wrong = low if low < 0 else high
            raise TrainingError(
                f"target {wrong} is not a class of an output with {classes} cells: give classes from 0 to {classes - 1}."
            )
