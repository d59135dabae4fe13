"""Tokens: one spike in each step, of the cell that stands for the token."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.errors import ShapeError
from ranvier.values import is_whole

__all__ = ["tokens"]

Tensor = torch.Tensor


def tokens(ids: Any, size: int, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Whole numbers -> one spike in each step: cell ``ids[t, b]`` fires in step t, the others are silent.

    A matrix behind it is a table of embeddings: ``rv.Linear(size, channels)`` adds the column of the cell that fires.

    Parameters
    ----------
    ids
        [T, B] whole numbers from 0 to size - 1, time first.
    size
        Number of different tokens.
    dtype
        Of the spikes.

    Returns
    -------
    Tensor
        [T, B, size] of 0 and 1.

    Raises
    ------
    ShapeError
        Where ``ids`` are not whole, not [T, B], or not below ``size``.

    Examples
    --------
    >>> rv.encoding.tokens(torch.tensor([[2], [0]]), 3)[:, 0]
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    if not is_whole(size):
        raise ShapeError(f"tokens: size={size!r} must be a positive whole number.")
    try:
        given = torch.as_tensor(ids)
    except (TypeError, ValueError) as error:
        raise ShapeError(
            f"tokens: ids are no whole numbers in rows of equal length ({error}); give [T, B], time first."
        ) from error
    if given.is_floating_point() or given.is_complex() or given.dtype == torch.bool:
        raise ShapeError(f"tokens: ids are {given.dtype}; give whole numbers, such as ids.long().")
    if given.ndim != 2:
        raise ShapeError(f"tokens: ids have shape {tuple(given.shape)}; give [T, B], time first.")
    if given.numel() and not 0 <= int(given.min()) <= int(given.max()) < size:
        raise ShapeError(
            f"tokens: ids go from {int(given.min())} to {int(given.max())}, but there are {size} tokens, 0 to {size - 1}."
        )
    return torch.zeros(*given.shape, size, dtype=dtype, device=given.device).scatter_(2, given.long()[..., None], 1)
