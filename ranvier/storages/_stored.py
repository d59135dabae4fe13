"""A weight in storage: codes, scale and zero."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from ranvier.storages._storage import Storage

__all__ = ["Stored"]

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class Stored:
    """The numbers of a weight as a ``storage`` keeps them: each stands for (number - zero) * scale.

    Attributes
    ----------
    codes
        Whole numbers of the weight's shape.
    scale, zero
        Floats that spread over the codes; they have the dtype of the network. ``zero`` None stands for 0.
    """

    storage: Storage
    codes: Tensor
    scale: Tensor
    zero: Tensor | None = None

    @property
    def shape(self) -> torch.Size:
        """That of the weight."""
        return self.codes.shape

    def numel(self) -> int:
        """How many weights there are."""
        return self.codes.numel()

    @property
    def dtype(self) -> torch.dtype:
        """That of the decoded weight."""
        return self.scale.dtype

    def __mul__(self, factors: Tensor) -> Stored:
        """The weight times ``factors`` that spread over it: the codes stay, and the scale takes them."""
        return replace(self, scale=self.scale * factors)

    def decode(self) -> Tensor:
        """The weight as floats."""
        numbers = self.storage.numbers(self.codes).to(self.scale.dtype)
        return ((numbers if self.zero is None else numbers - self.zero) * self.scale).contiguous()
