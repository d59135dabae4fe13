"""Digits as another hand might have written them: turned, moved and stretched a little."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import Dataset

__all__ = ["Distorted", "distort"]

Tensor = torch.Tensor
_ANGLE, _SHIFT, _STRETCH = math.radians(10), 0.6, 0.1


def distort(pixels: np.ndarray, variants: int, seed: int) -> np.ndarray:
    """``variants`` copies of every image [S, 64]: [variants, S, 64], bilinear, rounded to whole ink from 0 to 16.

    Angle within ±10 degrees, shift within ±0.6 pixels along each axis, size within a factor of exp(±0.1): all uniform.
    """
    count = variants * len(pixels)
    draw = torch.rand(count, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    angle, size = draw[:, 0] * _ANGLE, torch.exp(draw[:, 1] * _STRETCH)
    shift = draw[:, 2:] * _SHIFT * 2 / 8  # in units of half an image
    cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
    affine = torch.stack([torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1)
    images = torch.from_numpy(pixels).float().reshape(1, -1, 1, 8, 8).expand(variants, -1, -1, -1, -1).flatten(0, 1)
    grid = functional.affine_grid(affine, [count, 1, 8, 8], align_corners=False)
    moved = functional.grid_sample(images, grid, align_corners=False)
    return moved.round().clamp(0, 16).reshape(variants, len(pixels), -1).double().numpy()


class Distorted(Dataset[tuple[Tensor, Tensor]]):
    """Samples (x [T, 64], y), each time another of their variants, picked by torch's generator.

    ``x`` [variants, S, T, 64], ``y`` [S].
    """

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.x[int(torch.randint(len(self.x), ())), index], self.y[index]
