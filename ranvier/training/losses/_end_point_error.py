"""The distance between estimated and true motion, pixel by pixel and step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.losses._places import value_pairs
from ranvier.training.losses.loss import Kind, Loss, series

__all__ = ["EndPointError"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class EndPointError(Loss):
    """Mean of |e - y| over all pixels and steps whose motion y is known: the end-point error of optical flow.

    out [T, B, 2, H, W]: e, the motion (right, down) of each pixel in each step, in pixels per step or any other unit of the targets. Targets
    [B, T, 2, H, W], or [B, 2, H, W] for the same in every step. A pixel does not count where its target holds NaN: where no event tells
    of motion, or in the first steps of a sample. All pixels weigh alike, so samples with more known pixels weigh more.

    Raises
    ------
    ShapeError
        For an output that is no map of two values, and targets of another shape.
    TrainingError
        For targets that are no real numbers, and where no motion of a batch is known.

    Source: Baker et al., IJCV 2011 (end-point error); Ponghiran, Liyanagedera & Roy, ICCV 2023 (in every step, from events).

    >>> flow = torch.tensor([3.0, 4.0])[:, None, None].repeat(8, 20, 1, 6, 6)  # [B, T, 2, H, W]
    >>> flow[:, :5] = float("nan")  # the first five steps do not count
    >>> rv.losses.EndPointError()(torch.zeros(20, 8, 2, 6, 6), flow)
    tensor(5.)
    """

    @property
    def targets(self) -> Kind:
        """Values."""
        return "values"

    @property
    def classifies(self) -> bool:
        """False."""
        return False

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean over the known pixels of a batch."""
        found, wanted = self.compared(out, target, lengths)
        return torch.linalg.vector_norm(found - wanted, dim=1).mean()

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The motion [T, B, 2, H, W], zero after each sample's end."""
        return self._map(out, lengths)

    def compared(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Estimated and true motion of the known pixels, both [N, 2]."""
        o = self._map(out, lengths)
        pair = value_pairs(target, o, "every", lengths, tuple(o.shape[2:]), "EndPointError")
        found, wanted = (x.movedim(1, -1) for x in pair)
        known = ~wanted.isnan().any(-1)
        if not bool(known.any()):
            raise TrainingError(
                "EndPointError: no motion of a batch is known, so nothing is compared: leave fewer targets NaN, or give larger batches."
            )
        return found[known], wanted[known]

    def _map(self, out: Any, lengths: Tensor | None) -> Tensor:
        o = series(out, self, lengths, shaped=True)
        if o.ndim != 5 or o.shape[2] != 2:
            raise ShapeError(
                f"EndPointError takes an output [T, B, 2, H, W], got {tuple(o.shape)}: end the network with rv.Conv2d(…, 2, …) and "
                "rv.LeakyReadout((2, H, W))."
            )
        return o
