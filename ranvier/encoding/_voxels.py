"""Points as spikes of the voxels in which they lie."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.encoding._checks import shares, step_count
from ranvier.errors import ShapeError
from ranvier.limits import need
from ranvier.values import is_whole

__all__ = ["voxels"]

Tensor = torch.Tensor


def voxels(points: Any, side: int, steps: int = 1) -> Tensor:
    """Points [B, N, D] as spikes of voxels: one in each step in which a point of the voxel arrives.

    Point number n arrives in step n mod T. The cube from 0 to 1 is cut into ``side`` voxels along each axis, and the point 1
    lies in the last. A voxel fires at most once in a step, so one with many points fires in more steps. All steps together hold
    the occupied voxels.

    Parameters
    ----------
    points
        [B, N, D] from 0 to 1.
    side
        Voxels along an axis.
    steps
        T.

    Returns
    -------
    Tensor
        [T, B, 1, side, …] of 0 and 1, one axis for each coordinate, in their order.

    Raises
    ------
    ShapeError
        Where points are not [B, N, D], or ``side`` is not a positive whole number.

    Source: Qiu et al., AAAI 2025 (spike voxel coding), which codes the mean coordinates of the points in a voxel; here spikes
    say whether there are any.

    >>> rv.encoding.voxels(torch.rand(4, 256, 3), 16, steps=4).shape
    torch.Size([4, 4, 1, 16, 16, 16])
    """
    x = shares(points, "points")
    if x.ndim != 3 or not x.shape[2]:
        raise ShapeError(f"points have shape {tuple(x.shape)}; expected [B, N, D]")
    if not is_whole(side):
        raise ShapeError(f"voxels: side={side!r} must be a positive whole number.")
    batch, count, axes = x.shape
    shape = (step_count(steps), batch, 1, *(side for _ in range(axes)))
    total = steps * batch * side**axes
    need(total * x.element_size(), f"{total:,} voxels", "give fewer steps, a smaller side, or a smaller batch")
    place = (x * side).long().clamp(max=side - 1)
    flat = torch.arange(count, device=x.device) % steps * batch + torch.arange(batch, device=x.device)[:, None]
    for k in range(axes):
        flat = flat * side + place[..., k]
    out = x.new_zeros(total)
    out[flat.flatten()] = 1
    return out.view(shape)
