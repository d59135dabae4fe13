"""The step at which a cell fires first, taught through its membrane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.losses.loss import Kind, Loss, series, within

__all__ = ["SpikePosition"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class SpikePosition(Loss):
    """The membrane of one cell reaches its threshold in the target's step n, and not before.

        (U[n] - V_th - alpha*I[n])² + mean over t of min(I[t], 0)²,   I[t] = U[t] - U[t - 1], U[-1] = 0

    out [T, B, 1] is U, the membrane of a cell without leak and reset: ``rv.Cell("v' = v + x : 1\\nx : 1 (input)", emit="v", size=1)``.
    Targets n [B] are steps from 0 to T - 1. A cell without leak whose input I is never negative fires first in step n exactly if
    V_th <= U[n] < V_th + I[n]; alpha is the place between the two bounds. I[n] of the first term counts as constant. The second term
    keeps the input from being negative, as the released code of the source does. ``predict`` gives the step of the first spike, or T for
    a cell that stays silent; the metric is ``"mae"``, in steps.

    Parameters
    ----------
    alpha
        From 0 to 1.
    V_th
        Threshold of the cell.

    Raises
    ------
    ShapeError
        For an output of several cells, and for targets of another shape.
    TrainingError
        For a target that is no step of the output, and where a parameter is no such number.

    Source: Cao et al., NeurIPS 2024 (SpikeSlicer: position-aware loss on membranes).

    >>> ramp = torch.arange(1.0, 9.0)[:, None, None].expand(8, 3, 1) / 4.5  # reaches 1 in step 4
    >>> rv.losses.SpikePosition().predict(ramp)
    tensor([4, 4, 4])
    """

    alpha: float = 0.5
    V_th: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.alpha, int | float) or not 0 <= self.alpha <= 1:
            raise TrainingError(f"SpikePosition: alpha={self.alpha!r} must be a number from 0 to 1.")
        if not isinstance(self.V_th, int | float) or not 0 < self.V_th < float("inf"):
            raise TrainingError(f"SpikePosition: V_th={self.V_th!r} must be a number above 0.")

    @property
    def targets(self) -> Kind:
        """Values: steps."""
        return "values"

    @property
    def classifies(self) -> bool:
        """False."""
        return False

    @property
    def scores(self) -> tuple[str, ...]:
        """The mean distance of the first spike from its step."""
        return ("mae",)

    def __call__(self, out: Any, target: Any, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        membrane = self._membrane(out, lengths)
        n = self._steps(target, membrane, lengths).unsqueeze(0)
        arriving = membrane.diff(dim=0, prepend=torch.zeros_like(membrane[:1]))
        wanted = self.V_th + self.alpha * arriving.gather(0, n).detach().clamp(min=0)
        negative = arriving.clamp(max=0).square()
        if lengths is not None:
            inside = within(membrane, lengths)
            negative = negative * inside.squeeze(2) * (len(membrane) / lengths.to(membrane))  # pyright: ignore[reportOptionalMemberAccess]
        return (membrane.gather(0, n) - wanted).square().mean() + negative.mean()

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The step [B] of the first spike; T, or the length of the sample, for a cell that stays silent."""
        membrane = self._membrane(out, lengths)
        fires = membrane >= self.V_th
        first = torch.where(fires.any(0), fires.int().argmax(0), len(membrane))
        return first if lengths is None else torch.minimum(first, lengths.to(first))

    def compared(self, out: Any, target: Any, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Steps of first spikes and of targets, both [B, 1]."""
        found = self.predict(out, lengths)
        return found.unsqueeze(1), self._steps(target, self._membrane(out, lengths), lengths).unsqueeze(1)

    def _membrane(self, out: Any, lengths: Tensor | None) -> Tensor:
        """U [T, B]."""
        o = series(out, self, lengths)
        if o.shape[2] != 1:
            raise ShapeError(
                f"SpikePosition takes the membrane of one cell, got {o.shape[2]} cells: end the network with a cell of size=1 and emit='v'."
            )
        return o.squeeze(2)

    def _steps(self, target: Any, membrane: Tensor, lengths: Tensor | None) -> Tensor:
        """The targets [B] as whole numbers."""
        steps, batch = membrane.shape
        if not isinstance(target, Tensor) or tuple(target.shape) != (batch,):
            found = tuple(target.shape) if isinstance(target, Tensor) else type(target).__name__
            raise ShapeError(f"SpikePosition takes a step for each sample, [B] = ({batch},), got {found}.")
        most = torch.full_like(target, steps) if lengths is None else lengths.to(target)
        wrong = target[~((target >= 0) & (target < most) & (target == target.round()))]
        if len(wrong):
            raise TrainingError(
                f"target {float(wrong[0]):g} is no step of its sample: give whole numbers from 0, below the number of steps."
            )
        return target.to(membrane.device).long()
