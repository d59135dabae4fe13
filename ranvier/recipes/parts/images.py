"""The digits of scikit-learn as images, in three parts that share none, and images shown in every step."""

from __future__ import annotations

import torch

from ranvier.recipes.parts.digits import load
from ranvier.recipes.parts.split import split

__all__ = ["images", "repeated"]

Tensor = torch.Tensor


def images(seed: int, steps: int = 1) -> tuple[tuple[Tensor, Tensor], ...]:
    """To train, to choose by, to report: pixels from -1 to 1 [S, steps, 1, 8, 8], the same in every step, and classes [S]."""
    data = load()
    parts, y = split(data.target, seed), torch.from_numpy(data.target)
    x = torch.from_numpy(data.pixels).float().reshape(-1, 1, 1, 8, 8).expand(-1, steps, -1, -1, -1) / 8 - 1
    return tuple((x[p], y[p]) for p in (parts.train, parts.valid, parts.test))


def repeated(images: tuple[Tensor, Tensor], steps: int) -> tuple[Tensor, Tensor]:
    """Every image shown in each of ``steps`` steps [S, T, …] (a view), and the classes."""
    x, y = images
    return x.unsqueeze(1).expand(-1, steps, *x.shape[1:]), y
