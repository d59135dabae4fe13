"""White noise by counting: the value at (sample, cell, step) depends on the seed, the names and the stream alone."""

from __future__ import annotations

import math

import torch

from ranvier.kernels.drawing import step_normals
from ranvier.values import key_of

__all__ = ["noise_block", "noise_key"]


def noise_key(seed: int, population: str, noise: str, stream: int) -> tuple[int, int, int]:
    """The key of a noise in the equations of a population, in a call with ``stream``."""
    return (*key_of(seed, f"{population}.{noise}"), stream)


def noise_block(key: tuple[int, int, int], start: int, steps: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal numbers [steps, batch, …] in float32 for steps start, start + 1, … of ``shape`` [batch, …]."""
    batch, *inside = shape
    return torch.from_numpy(step_normals(key, start, steps, math.prod(inside), batch)).reshape(steps, *shape)
