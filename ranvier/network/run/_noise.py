"""White noise by counting: the value at (cell, step) depends on the seed and the names alone."""

from __future__ import annotations

import math

import numpy as np
import torch

from ranvier.kernels.drawing import counted_uniforms
from ranvier.values import gaussian_quantile, key_of

__all__ = ["noise_block"]


def noise_block(seed: int, name: str, stream: int, start: int, steps: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal numbers [steps, *shape] in float64 for steps start, start + 1, …"""
    key, count = key_of(seed, name), math.prod(shape)
    out = np.empty((steps, count))
    for n in range(steps):
        out[n] = counted_uniforms(key, count, step=start + n, stream=stream)
    return torch.from_numpy(gaussian_quantile(out, out=out)).reshape(steps, *shape)
