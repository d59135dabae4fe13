"""16-bit floats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ranvier.storages._floats import Floats

if TYPE_CHECKING:
    from ranvier.kernels.elementary import Value, Words

__all__ = ["Float16"]


@dataclass(frozen=True)
class Float16(Floats):
    """IEEE 754 half precision, 2 bytes a weight: 11 significant bits (relative error at most 2^-12) from 6.1e-5 to 65504.

    Smaller weights keep fewer bits; larger ones are infinite, so :func:`ranvier.store_weights` refuses them.

    >>> layer = rv.Linear(20, 10, storage=rv.storages.Float16())
    """

    name = "float16"
    code = torch.int16
    dtype = torch.float16

    def write(self, k: Words, codes: Value) -> Value:
        """Exponent and fraction move to their places in a 32-bit float; numbers without an exponent are multiples of 2^-24."""
        size = k.int_and(codes, k.integers(0x7FFF))
        usual = k.as_float(k.int_add(k.int_shl(size, k.integers(13)), k.integers(112 << 23)))
        small = k.mul(k.from_integer(size), k.constant(2.0**-24))
        found = k.select(k.int_ne(k.int_and(size, k.integers(0x7C00)), k.integers(0)), usual, small)
        sign = k.int_shl(k.int_and(codes, k.integers(0x8000)), k.integers(16))
        return k.as_float(k.int_xor(k.as_integer(found), sign))
