"""What averages add up: the numbers in every window."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["windows"]

Tensor = torch.Tensor


def windows(name: str, args: tuple[Any, ...]) -> Tensor:
    """The operands of an average of torch as one tensor: each number as often as a window holds it.

    ``args`` are those of torch's operation ``name``, of which ``args[0]`` is the input [rows, …].
    """
    x = args[0]
    if name == "mean":
        return x
    axes = len(args[1])
    for axis in range(x.ndim - axes, x.ndim):
        k = axis - (x.ndim - axes)
        x = x.index_select(axis, _places(name, args, k, axes, x.shape[axis]))
    return x


def _places(name: str, args: tuple[Any, ...], k: int, axes: int, size: int) -> Tensor:
    """Which places of axis ``k`` the windows hold, one window after another."""
    if name.startswith("_adaptive"):
        count = args[1][k]
        spans = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
    else:
        width, apart, zeros = (_at(args, n, k, axes, default) for n, default in ((1, 1), (2, None), (3, 0)))
        apart = apart or width
        longer = bool(args[4]) if len(args) > 4 else False
        last = size + 2 * zeros - width
        count = last // apart + 1
        if longer and last % apart and count * apart < size + zeros:
            count += 1
        starts = [i * apart - zeros for i in range(count)]
        spans = [(max(0, s), min(size, s + width)) for s in starts]
    return torch.tensor([i for low, high in spans for i in range(low, high)], dtype=torch.int64)


def _at(args: tuple[Any, ...], n: int, k: int, axes: int, default: Any) -> Any:
    """Argument ``n`` along axis ``k``: one number for all axes, or one for each."""
    given = args[n] if len(args) > n else None
    if not given:
        return default
    return given[k] if len(given) == axes else given[0]
