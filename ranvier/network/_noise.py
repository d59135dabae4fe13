"""White noise by counting: the value at (cell, step) depends on the seed and the names alone."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import ndtri

from ranvier.values import key_of, uniforms

__all__ = ["noise_block"]


def noise_block(seed: int, name: str, stream: int, start: int, steps: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal numbers [steps, *shape] in float64 for steps start, start + 1, …"""
    key, count = key_of(seed, name), math.prod(shape)
    rows = [ndtri(uniforms(key, count, step=start + n, stream=stream)) for n in range(steps)]
    return torch.from_numpy(np.stack(rows) if rows else np.empty((0, count))).reshape(steps, *shape)
