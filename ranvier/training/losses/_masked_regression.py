"""Values of which some are unknown, or not asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import TrainingError
from ranvier.training.losses._places import read, value_pairs
from ranvier.training.losses.loss import Kind, Loss, series

__all__ = ["MaskedRegression"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class MaskedRegression(Loss):
    """Mean of (m - y)**2 over the values y of the targets that are known, m the mean of the output over the steps of a sample.

    Targets [B, …] have the shape of a sample of the output, and NaN where a value does not count. So a network learns to fill in what
    was masked in its input: :class:`ranvier.data.MaskedPatches` gives such pairs.

    Raises
    ------
    ShapeError
        For targets of another shape.
    TrainingError
        For targets that are no real numbers, and where no value is known.

    Source: He et al., CVPR 2022 (masked autoencoders); Zhou et al. 2024 (Spikformer V2, with spikes).

    >>> y = torch.rand(12, 3)
    >>> y[:, 0] = float("nan")  # the first value does not count
    >>> fit = rv.train(net, (x, y), epochs=3, loss=rv.losses.MaskedRegression())
    """

    @property
    def targets(self) -> Kind:
        """Values."""
        return "values"

    @property
    def classifies(self) -> bool:
        """False."""
        return False

    @property
    def scores(self) -> tuple[str, ...]:
        """The root of the mean squared error."""
        return ("rmse",)

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean over the known values of a batch."""
        found, wanted = self.compared(out, target, lengths)
        return (found - wanted).square().mean()

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The mean over time, of all values."""
        return read(series(out, self, lengths, shaped=True), "mean", lengths)

    def compared(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What the network says of the known values, and these values, both [N]."""
        o = series(out, self, lengths, shaped=True)
        found, wanted = value_pairs(target, o, "mean", lengths, tuple(o.shape[2:]), "MaskedRegression")
        known = ~wanted.isnan()
        if not bool(known.any()):
            raise TrainingError(
                "MaskedRegression: every target of a batch is NaN, so nothing is compared: mask more, or give larger batches."
            )
        return found[known], wanted[known]
