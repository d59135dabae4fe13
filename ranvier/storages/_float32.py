"""32-bit floats, whatever the dtype of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ranvier.storages._floats import Floats

if TYPE_CHECKING:
    from ranvier.kernels.elementary import Value, Words

__all__ = ["Float32"]


@dataclass(frozen=True)
class Float32(Floats):
    """IEEE 754 single precision, 4 bytes a weight: exact in a network of float32, half the memory of one of float64.

    >>> layer = rv.Linear(20, 10, storage=rv.storages.Float32())
    """

    name = "float32"
    code = torch.int32
    dtype = torch.float32

    def write(self, k: Words, codes: Value) -> Value:
        """The bits of a code are those of its number."""
        return k.as_float(codes)
