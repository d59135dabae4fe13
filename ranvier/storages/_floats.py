"""Storages of floats: a code is the bits of its number."""

from __future__ import annotations

from typing import ClassVar

import torch

from ranvier.storages._storage import Storage
from ranvier.storages._stored import Stored

__all__ = ["Floats"]

Tensor = torch.Tensor


class Floats(Storage):
    """Weights rounded to a shorter float; the scale is 1."""

    #: the float of torch with the bits of a code
    dtype: ClassVar[torch.dtype]

    def encode(self, weight: Tensor, output: int | None = None) -> Stored:
        """Every weight rounded to the nearest number."""
        return Stored(self, weight.to(self.dtype).view(self.code), weight.new_ones((1,) * weight.ndim))

    def numbers(self, codes: Tensor) -> Tensor:
        """The floats of which the codes are the bits."""
        return codes.view(self.dtype).float()
