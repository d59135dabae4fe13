"""Copies of samples: what a reader gives to be tested must not hold what was learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import torch

from ranvier.errors import RanvierError

__all__ = ["marks", "refuse_copies"]


def marks(items: Iterable[torch.Tensor]) -> list[bytes]:
    """A hash of the values of each item: equal for copies alone."""
    return [sha256(item.contiguous().numpy().tobytes()).digest() for item in items]


def refuse_copies(copies: Sequence[int], samples: int, what: str, folder: Path) -> None:
    """Refuse ``samples`` in ``folder``, of which those numbered in ``copies`` are of the set itself.

    Raises
    ------
    RanvierError
        Where there are any: the split leaks.
    """
    if copies:
        raise RanvierError(
            f"the split leaks: {len(copies)} of {samples} samples in {str(folder)!r} are copies of ones in the set that is learnt from, "
            f"such as {what} number {copies[0]}. Give others with --data; RANVIER_DATA names the folder of the set itself."
        )
