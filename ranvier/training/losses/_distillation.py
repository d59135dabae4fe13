"""Knowledge distillation: a loss beside the answers of a teacher."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.losses._around import Around
from ranvier.training.losses.loss import mean_over_time, series

__all__ = ["Distillation"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Distillation(Around):
    """(1 - share) * loss(out, y) + share * temperature**2 * KL(softmax(q/temperature) || softmax(o/temperature)).

    o [B, C] is the mean of the output over each sample's own steps, and q [B, C] the teacher's logits for the same input, without
    gradient. Where the teacher gives a series, q is its mean over the same steps.

    Parameters
    ----------
    loss
        One of ``rv.losses`` on the targets of the data.
    teacher
        A function of the input [T, B, …] that gives logits, [B, C], or [T, B, C] for each step. An ordinary
        model takes a frame: ``lambda x: model(x.mean(0))``. A network of Ranvier is ``net.eval().output_only()``.
    temperature
        Above 0. Higher values make the answers of both softer.
    share
        From 0 to 1: how much the teacher counts.

    Raises
    ------
    TrainingError
        Where temperature or share is out of range, or the teacher is not a function.
    ShapeError
        Where the teacher gives logits of another shape.

    Source: Hinton, Vinyals & Dean 2015; for spiking networks Xu et al., CVPR 2023 (KDSNN).

    >>> model = torch.nn.Linear(20, 3)
    >>> loss = rv.losses.Distillation(rv.losses.MeanMembrane(), lambda x: model(x.mean(0)), temperature=2.0)
    >>> fit = rv.train(net, data, epochs=2, loss=loss)
    """

    teacher: Callable[[Tensor], Any]
    temperature: float = 4.0
    share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.teacher):
            raise TrainingError(f"Distillation: teacher={self.teacher!r} is not a function of the input.")
        if not isinstance(self.temperature, int | float) or not 0 < self.temperature < math.inf:
            raise TrainingError(f"Distillation: temperature={self.temperature!r} must be a positive number.")
        if not isinstance(self.share, int | float) or not 0 <= self.share <= 1:
            raise TrainingError(f"Distillation: share={self.share!r} must lie from 0 to 1.")

    @property
    def per_step(self) -> bool:
        """False: the teacher answers for a whole sample."""
        return False

    def target_of(self, x: Any, target: Any) -> dict[str, Any]:
        """The targets of the loss inside, and the teacher's logits [B, C] or [T, B, C] for an input [T, B, …]."""
        with torch.no_grad():
            found = self.teacher(x)
        if not isinstance(found, Tensor):
            raise TrainingError(
                f"Distillation: the teacher gives a {type(found).__name__}, not logits: of a network, take "
                f"net.eval().output_only()."
            )
        return {"target": self.loss.target_of(x, target), "teacher": found}

    def given(self, out: Any, target: Any, lengths: Tensor | None) -> tuple[Any, ...]:
        """Output, targets of the data and lengths for the loss inside."""
        return super().given(out, target["target"], lengths)

    def at_steps(self, target: Any, out: Any, steps: Sequence[int] | Tensor, total: int) -> Any:
        """The targets of a whole sample."""
        return target

    def __call__(self, out: Any, target: Any, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        student = mean_over_time(series(out, self, lengths), lengths)
        taught = self._over_time(target["teacher"].to(student), lengths)
        if student.shape != taught.shape:
            raise ShapeError(
                f"Distillation: the teacher gives logits {tuple(taught.shape)} for an output {tuple(student.shape)}: both must "
                f"be [B, C], with the same classes."
            )
        soft, warm = functional.log_softmax(student / self.temperature, 1), taught / self.temperature
        apart = functional.kl_div(soft, functional.log_softmax(warm, 1), reduction="batchmean", log_target=True)
        return (1 - self.share) * super().__call__(out, target, lengths) + self.share * self.temperature**2 * apart

    def _over_time(self, taught: Tensor, lengths: Tensor | None) -> Tensor:
        """The mean [B, C] over each sample's own steps of what the teacher gives."""
        return taught if taught.ndim != 3 else mean_over_time(series(taught, self, lengths), lengths)
