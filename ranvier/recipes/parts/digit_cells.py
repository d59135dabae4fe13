"""One small network for handwritten digits, with cells, norms and regularisers of one's choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ranvier.connectivity import Conv2d, Linear, ThresholdBatchNorm
from ranvier.network import Network, Sequential
from ranvier.recipes.form import Case
from ranvier.recipes.parts.images import repeated
from ranvier.recipes.parts.ordinary import handwritten
from ranvier.training import losses, train
from ranvier.training.regularizers import Regularizer
from ranvier.units import ms

__all__ = ["HIDDEN", "DigitSettings", "firing", "fitted", "network"]

Tensor = torch.Tensor
#: shapes of the three populations of cells
HIDDEN = ((16, 14, 14), (32, 7, 7), (64,))


@dataclass(frozen=True)
class DigitSettings:
    """Of training."""

    images: int = 2_000
    """Training images."""
    epochs: int = 8
    steps: int = 2


def network(
    seed: int, cell: Callable[[tuple[int, ...]], Any], norm: Callable[[int], nn.Module] | None = ThresholdBatchNorm
) -> Sequential:
    """Two convolutions of stride 2 and a hidden layer of ``cell(shape)``, each behind ``norm(channels)``; classes are read from currents."""
    torch.manual_seed(seed)
    norms, bias = [() if norm is None else (norm(shape[0]),) for shape in HIDDEN], norm is None
    return Sequential(
        Conv2d(1, 16, 3, stride=2, padding=1, bias=bias), *norms[0], cell(HIDDEN[0]),
        Conv2d(16, 32, 3, stride=2, padding=1, bias=bias), *norms[1], cell(HIDDEN[1]),
        nn.Flatten(), Linear(1568, 64, bias=bias), *norms[2], cell(HIDDEN[2]), Linear(64, 10), dt=1 * ms, seed=seed,
    )  # fmt: skip


def fitted(
    net: Network, case: Case, regularizers: Sequence[Regularizer] = (), low: float = -1.0, **how: Any
) -> tuple[Network, tuple[Tensor, Tensor]]:
    """``net`` in evaluation, from its best epoch after learning the images of a case, and the test images [T, S, …] with their classes.

    Pixels lie from ``low`` to 1.
    """
    s: DigitSettings = case.settings
    shown = [(1 - (1 - x) * (1 - low) / 2, y) for x, y in handwritten(case.seed, s.images)]
    parts = [repeated(images, s.steps) for images in shown]
    how = {"loss": losses.OverTime(nn.CrossEntropyLoss()), "lr": 3e-3, "schedule": "cosine", "batch_size": 64, **how}
    train(net, *parts[:2], epochs=s.epochs, regularizers=list(regularizers), seed=case.seed, progress=False, **how)
    x, y = parts[2]
    return net.eval(), (x.transpose(0, 1), y)


@torch.no_grad()
def firing(net: Network, x: Tensor) -> tuple[float, float]:
    """The error of firing, the mean of (v - s)**2 before the reset, and the mean of s: over 500 images of x [T, S, …] and all populations."""
    seen = net.observe(x[:, :500], record={n: ["v_before", "spikes"] for n in net.populations})
    far = torch.stack([(one["v_before"] - one["spikes"]).square().mean() for one in seen.values()])
    rate = torch.stack([one["spikes"].mean() for one in seen.values()])
    return float(far.mean()), float(rate.mean())
