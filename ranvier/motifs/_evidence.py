"""Evidence for motifs along a raster, stretch by stretch, and the steps at which it peaks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional

from ranvier.motifs._raster import Raster
from ranvier.network import Network

__all__ = ["evidence_of", "peaks_of"]

Tensor = torch.Tensor
#: numbers of a dense stretch of a raster
_AT_ONCE = 1 << 21


def evidence_of(net: Network, raster: Raster, window: int, margin: int = 0) -> Iterator[tuple[int, int, Tensor]]:
    """Stretches ``(start, stop, evidence [stop - start + 2 margin, M])``, with ``margin`` more steps on both sides."""
    steps, cells = raster.shape
    length = max(8 * window, _AT_ONCE // cells)
    for start in range(0, steps, length):
        stop = min(start + length, steps)
        shown = raster.dense(start - margin - window + 1, stop + margin + 1)
        with torch.no_grad():
            out, _ = net(shown.unsqueeze(1))
        yield start, stop, out[window:, 0]


def peaks_of(
    net: Network, raster: Raster, window: int, least: float, apart: int, most: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, motifs and heights of the evidence where it is at least ``least`` and highest within ``apart`` steps; the ``most`` highest ones if given."""
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for start, stop, evidence in evidence_of(net, raster, window, apart):
        rows = evidence.T.unsqueeze(0)
        if apart:
            rows[..., : max(0, apart - start)] = -torch.inf
            rows[..., rows.shape[2] - max(0, stop + apart - raster.shape[0]) :] = -torch.inf
            before = functional.max_pool1d(functional.pad(rows, (apart, 0), value=-torch.inf), apart, 1)[
                ..., : rows.shape[2]
            ]
            around = functional.max_pool1d(rows, 2 * apart + 1, 1, padding=apart)
            peak = (rows == around) & (rows > before)
        else:
            peak = torch.ones_like(rows, dtype=torch.bool)
        peak &= rows >= least
        inner = peak[0, :, apart : apart + stop - start]
        motif, step = inner.nonzero(as_tuple=True)
        height = rows[0, :, apart : apart + stop - start][motif, step]
        found.append((step.numpy() + start, motif.numpy(), height.numpy()))
        if most is not None:
            found = [_highest(found, most)]
    return _highest(found, most)


def _highest(
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]], most: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    step, motif, height = (np.concatenate([part[k] for part in found]) for k in range(3))
    if most is None or len(height) <= most:
        return step, motif, height
    kept = np.argpartition(height, -most)[-most:]
    return step[kept], motif[kept], height[kept]
