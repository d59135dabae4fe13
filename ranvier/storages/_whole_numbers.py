"""Storages of whole numbers: a code is a number of steps of a scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ranvier.storages._storage import Storage, StorageError

if TYPE_CHECKING:
    from ranvier.kernels.elementary import Value, Words

__all__ = ["WholeNumbers", "above_zero"]

Tensor = torch.Tensor


class WholeNumbers(Storage):
    """Weights in whole steps of a scale, which belongs to each output or to the whole tensor."""

    code = torch.int8
    #: ``"post"`` or ``"tensor"``
    per: str

    def check_per(self) -> None:
        """Refuse an unknown ``per``.

        Raises
        ------
        StorageError
            Naming the value.
        """
        if self.per not in ("post", "tensor"):
            raise StorageError(
                f"{type(self).__name__}: per={self.per!r} is unknown; a scale belongs to each 'post' or to the 'tensor'."
            )

    def axes_of(self, weight: Tensor, output: int | None) -> list[int]:
        """The axes of ``weight`` that share a scale."""
        return [k for k in range(weight.ndim) if self.per == "tensor" or k != output]

    def numbers(self, codes: Tensor) -> Tensor:
        """The whole numbers."""
        return codes.float()

    def write(self, k: Words, codes: Value) -> Value:
        """The whole numbers as floats."""
        return k.from_integer(codes)


def above_zero(scale: Tensor) -> Tensor:
    """1 where all weights are 0."""
    return torch.where(scale == 0, 1.0, scale)
