"""Which numbers of a fused operation lie in the memory of a network's parameters, and are read there in every call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

__all__ = ["InPlace", "in_place"]

Tensor = torch.Tensor
Key = tuple[str, str]


class InPlace(NamedTuple):
    """``keys`` name the numbers of the operation that are one of ``tensors``, by its place among these."""

    tensors: tuple[Tensor, ...]
    keys: dict[Key, int]


def in_place(given: Mapping[Key, Tensor], parameters: Sequence[Tensor]) -> InPlace:
    """The numbers of an operation that are parameters, or rows that repeat one."""
    known = {t.untyped_storage().data_ptr(): t for t in parameters if t.numel()}
    tensors: list[Tensor] = []
    keys: dict[Key, int] = {}
    for key, number in given.items():
        t = known.get(number.untyped_storage().data_ptr()) if number.numel() else None
        if t is None or not _repeats(number, t):
            continue
        place = next((k for k, one in enumerate(tensors) if one is t), len(tensors))
        keys[key] = place
        tensors += [t] * (place == len(tensors))
    return InPlace(tuple(tensors), keys)


def _repeats(number: Tensor, t: Tensor) -> bool:
    """Whether a number is a contiguous tensor, or the same rows of it again and again."""
    if not (t.is_contiguous() and t.is_cpu and t.dtype == number.dtype and number.data_ptr() == t.data_ptr()):
        return False
    lead = number.ndim - t.ndim
    again = all(n == 1 or not step for n, step in zip(number.shape[:lead], number.stride()[:lead], strict=True))
    return lead >= 0 and number.shape[lead:] == t.shape and number.stride()[lead:] == t.stride() and again
