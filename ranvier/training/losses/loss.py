"""The interface of losses, and the checks they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch.nn import functional

from ranvier.errors import ShapeError, TrainingError
from ranvier.network import silence_after
from ranvier.network.precision import HALVES
from ranvier.training.metrics import Tallied, named

__all__ = ["Kind", "Loss", "check_classes", "classes_of_steps", "cross_entropy", "mean_over_time", "series", "within"]

Tensor = torch.Tensor
Kind = Literal["classes", "values", "any"]


class Loss(ABC):
    """A scalar from the output of a network [T, B, C] and its targets, and what a metric compares.

    ``lengths`` [B] says how many steps belong to each sample (None: all); nothing that comes after them counts.
    ``per_step`` declares a mean over steps, loss(out) = 1/T sum over t of l(out[t]): what a rule can differentiate while
    the series goes by. ``targets`` says what targets are: "classes" (whole numbers), "values" (real numbers) or "any".
    ``scores`` are the names of the metrics of a training that names none; without any, the loss chooses the best epoch.
    """

    per_step: ClassVar[bool] = False

    @property
    def classifies(self) -> bool:
        """Whether outputs stand for classes: then accuracy is scored."""
        return True

    @property
    def targets(self) -> Kind:
        """What the targets are: "classes", "values" or "any"."""
        return "classes" if self.classifies else "any"

    @property
    def scores(self) -> tuple[str, ...]:
        """Metrics that are scored where a training names none; the first chooses the best epoch."""
        return ("accuracy",) if self.targets == "classes" else ()

    @abstractmethod
    def __call__(self, out: Any, target: Any, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch, differentiable in ``out``."""

    @abstractmethod
    def predict(self, out: Any, lengths: Tensor | None = None) -> Any:
        """The class [B] that is read out, or the values [B, …] or [T, B, …]; None where the loss reads out nothing."""

    def compared(self, out: Any, target: Any, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Estimates and targets that a metric compares: classes [N], or values [N, K]; N samples, or steps of samples."""
        name = type(self).__name__
        if self.targets != "classes":
            raise TrainingError(
                f"{name} does not say what a metric compares: define {name}.compared, or pass metric=…."
            )
        if target.ndim == 2:
            return classes_of_steps(series(out, self, lengths), target, lengths)
        found = self.predict(out) if lengths is None else self.predict(out, lengths)
        if found is None:
            raise TrainingError(f"{name}.predict gives None: let {name}.classifies be False, or pass metric=….")
        return found, target.to(found.device)

    def metric(self, name: str) -> Tallied:
        """The metric of this name.

        Raises
        ------
        TrainingError
            Where the name is unknown, or the metric compares something else than this loss reads out.
        """
        return named(name, self.compared, self.targets, type(self).__name__)

    def target_of(self, x: Any, target: Any) -> Any:
        """The target of a batch; a self-supervised loss makes it from the input ``x`` [T, B, …]."""
        return target

    def at_steps(self, target: Any, out: Any, steps: Sequence[int] | Tensor, total: int) -> Any:
        """The targets of ``out``, some ``steps`` of a series of ``total``, where a loss ``per_step`` has one for each step."""
        return target


def classes_of_steps(out: Tensor, target: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """The highest cell of ``out`` [T, B, C] and the class ``target`` [B, T] in every step of a sample, both [N]."""
    found, truth, inside = out.argmax(2), target.t().to(out.device), within(out, lengths)
    if found.shape != truth.shape:
        raise ShapeError(
            f"targets have shape {tuple(target.shape)}, the output {out.shape[0]} steps and {out.shape[1]} samples: give one "
            f"class per sample, [B], or one per step, [B, T] = {(out.shape[1], out.shape[0])}."
        )
    return (found.flatten(), truth.flatten()) if inside is None else (found[inside[..., 0]], truth[inside[..., 0]])


def series(out: Any, loss: Loss, lengths: Tensor | None = None, shaped: bool = False) -> Tensor:
    """The output as [T, B, C], or [T, B, …] where ``shaped``, zero after each sample's end, or an error that says what to do.

    An output in half precision is read in float32, which counts steps and spikes exactly and keeps the digits of targets.
    """
    name = type(loss).__name__
    if not isinstance(out, Tensor):
        raise ShapeError(
            f"{name} takes one output, the network has several: write rv.losses.Tasks({{output: loss, …}}), or "
            f"loss=lambda out, y: … that picks one."
        )
    if (out.ndim < 3 if shaped else out.ndim != 3) or not out.shape[0]:
        expected = f"[T, B, {'…' if shaped else 'C'}] of at least one step"
        raise ShapeError(f"{name} takes an output {expected}, got {tuple(out.shape)}: end the network with C cells.")
    out = out.float() if out.dtype in HALVES else out
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


def check_classes(target: Any, batch: int, classes: int) -> None:
    """Raise unless ``target`` holds a class from 0 to ``classes`` - 1 for each of ``batch`` samples."""
    if not isinstance(target, Tensor):
        several = "write rv.losses.Tasks({name: loss, …}) for several targets by name"
        raise TrainingError(
            f"targets are a {type(target).__name__}; a loss on classes needs whole numbers of shape ({batch},): "
            f"{'give a class for each sample' if target is None else several}."
        )
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
