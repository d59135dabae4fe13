"""The best that any stop rule could do."""

from __future__ import annotations

import torch

from ranvier.errors import ShapeError

__all__ = ["oracle"]

Tensor = torch.Tensor


def oracle(read: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """An observer who knows the classes: each sample stops where it is first right, or at once if it never is.

    Parameters
    ----------
    read
        Read-outs [K, S, C] (:func:`running`).
    target
        Classes [S].

    Returns whether each sample is right [S], and the number of the read-out at which it stops [S], from 0. No stop rule is right
    more often.

    Raises
    ------
    ShapeError
        Where read-outs and targets disagree.

    Source: Li, Jones & Furber, ICCV 2023.

    >>> read = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> right, place = rv.inference.oracle(read, torch.tensor([1]))
    >>> right.tolist(), place.tolist()
    ([True], [1])
    """
    if read.ndim != 3 or target.shape != read.shape[1:2]:
        raise ShapeError(
            f"oracle takes read-outs [K, S, C] and classes [S], got {tuple(read.shape)} and {tuple(target.shape)}."
        )
    right = read.argmax(2) == target
    return right.any(0), right.long().argmax(0)
