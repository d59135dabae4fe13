"""The upper half of a 32-bit float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ranvier.storages._floats import Floats

if TYPE_CHECKING:
    from ranvier.kernels.elementary import Value, Words

__all__ = ["BFloat16"]


@dataclass(frozen=True)
class BFloat16(Floats):
    """Brain floating point, 2 bytes a weight: the range of float32 with 8 significant bits (relative error at most 2^-9).

    >>> layer = rv.Linear(20, 10, storage=rv.storages.BFloat16())
    """

    name = "bfloat16"
    code = torch.int16
    dtype = torch.bfloat16

    def write(self, k: Words, codes: Value) -> Value:
        """A code is the upper half of its number."""
        return k.as_float(k.int_shl(codes, k.integers(16)))
