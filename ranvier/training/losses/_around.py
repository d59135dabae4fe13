"""A loss around another one: it changes what that is given, and is in all else the loss inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import TrainingError
from ranvier.training.losses.loss import Kind, Loss

__all__ = ["Around"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Around(Loss):
    """``loss``, of another output (:meth:`read`), or of other pairs of output and target (:meth:`given`)."""

    loss: Loss

    def __post_init__(self) -> None:
        if not isinstance(self.loss, Loss):
            raise TrainingError(f"{type(self).__name__}: loss={self.loss!r} is not one of rv.losses.")

    def read(self, out: Any) -> Any:
        """The output that the loss inside reads."""
        return out

    def given(self, out: Any, target: Any, lengths: Tensor | None) -> tuple[Any, ...]:
        """Output, target and lengths for the loss inside; no lengths where there are none."""
        return (self.read(out), target) if lengths is None else (self.read(out), target, lengths)

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
        return self.loss(*self.given(out, target, lengths))

    def predict(self, out: Any, lengths: Tensor | None = None) -> Any:
        """What the loss inside reads out."""
        return self.loss.predict(self.read(out), lengths)

    def compared(self, out: Any, target: Any, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What a metric of the loss inside compares."""
        return self.loss.compared(*self.given(out, target, lengths))

    def at_steps(self, target: Any, out: Any, steps: Sequence[int] | Tensor, total: int) -> Any:
        """The targets of some steps."""
        return self.loss.at_steps(target, self.read(out), steps, total)
