"""A raster and its occurrences as samples of equal length."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from ranvier.motifs._raster import Raster

__all__ = ["EvidenceLoss", "Pieces"]

Tensor = torch.Tensor


class Pieces(Dataset[tuple[Tensor, Tensor]]):
    """Samples (spikes [window + length, N], occurrences [length, M]); the first ``window`` steps of output come before a piece."""

    def __init__(self, raster: Raster, occurrences: Raster, window: int, length: int) -> None:
        self.raster, self.occurrences, self.window = raster, occurrences, window
        steps = raster.shape[0]
        self.length = min(length, steps)
        count = -(-steps // self.length)
        self.starts = np.linspace(0, steps - self.length, count).round().astype(int).tolist()

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor]:
        start, stop = self.starts[k], self.starts[k] + self.length
        wanted = self.occurrences.dense(start, stop).clamp_(max=1)
        return self.raster.dense(start - self.window + 1, stop + 1), wanted


class EvidenceLoss:
    """Binary cross-entropy of evidence [T, B, M] and occurrences [B, length, M], summed over motifs and averaged over steps."""

    def __init__(self, window: int) -> None:
        self.window = window

    def __call__(self, out: Tensor, wanted: Tensor) -> Tensor:
        evidence = out[self.window :].transpose(0, 1)
        return nn.functional.binary_cross_entropy_with_logits(evidence, wanted) * evidence.shape[2]
