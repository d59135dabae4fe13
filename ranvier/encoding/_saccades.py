"""Saccades: a still image before a moving eye."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from ranvier.encoding._checks import real, step_count
from ranvier.errors import ShapeError
from ranvier.limits import need

__all__ = ["TRIANGLE", "saccades"]

Tensor = torch.Tensor

#: The three saccades of N-MNIST as corners (right, down) in pixels of a path that ends where it began.
TRIANGLE: tuple[tuple[float, float], ...] = ((0.0, 0.0), (3.5, 7.0), (7.0, 0.0), (0.0, 0.0))


def saccades(
    images: Any, steps: int, *, path: Sequence[tuple[float, float]] = TRIANGLE, margin: int | None = None
) -> Tensor:
    """The images on the eye while its gaze moves along ``path``, at equal time for each side.

    frame[t](y, x) = image(y + d_y(t), x + d_x(t)), between pixels by bilinear interpolation, 0 outside.

    Parameters
    ----------
    images
        [B, H, W].
    steps
        T frames, the first at the start of the path and the last at its end.
    path
        Corners (right, down) in pixels.
    margin
        Pixels added on every side so that the image stays in view; None takes the farthest corner, rounded up.

    Returns
    -------
    Tensor
        Frames [T, B, H + 2 margin, W + 2 margin].

    Source: Orchard, Jayawant, Cohen & Thakor, Frontiers in Neuroscience 9, 437 (2015).

    Examples
    --------
    >>> rv.encoding.saccades(torch.rand(4, 28, 28), 30).shape
    torch.Size([30, 4, 42, 42])
    """
    image = real(images, "images")
    corners = torch.as_tensor([tuple(c) for c in path], dtype=image.dtype, device=image.device)
    if image.ndim != 3 or corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 2:
        raise ShapeError(
            f"images {tuple(image.shape)}, path {tuple(corners.shape)}; expected [B, H, W] and at least two corners (right, down)"
        )
    margin = math.ceil(float(corners.abs().max())) if margin is None else margin
    frame = len(image) * (image.shape[1] + 2 * margin) * (image.shape[2] + 2 * margin) * image.element_size()
    remedy = "give fewer steps, a smaller margin, or a smaller batch at a time"
    need(2 * step_count(steps, 2) * frame, f"{steps:,} frames of {len(image):,} images", remedy)
    wide = functional.pad(image, [margin] * 4)
    place = torch.linspace(0, len(corners) - 1, steps, dtype=image.dtype, device=image.device)
    side = place.floor().long().clamp(max=len(corners) - 2)
    offset = torch.lerp(corners[side], corners[side + 1], (place - side)[:, None])
    return torch.stack([_shifted(wide, float(dx), float(dy)) for dx, dy in offset])


def _shifted(images: Tensor, right: float, down: float) -> Tensor:
    """image(y + down, x + right) of [B, H, W], bilinear."""
    height, width = images.shape[1:]
    whole_x, whole_y = math.floor(right), math.floor(down)
    fx, fy = right - whole_x, down - whole_y
    reach = max(abs(whole_x), abs(whole_y)) + 1
    wide = functional.pad(images, [reach] * 4)
    top, left = reach + whole_y, reach + whole_x
    corner = [
        [wide[:, top + i : top + i + height, left + j : left + j + width] for j in (0, 1)] for i in (0, 1)
    ]  # fmt: skip
    upper = corner[0][0] * (1 - fx) + corner[0][1] * fx
    lower = corner[1][0] * (1 - fx) + corner[1][1] * fx
    return upper * (1 - fy) + lower * fy
