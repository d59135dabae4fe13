"""The stored numbers of a weight, as buffers of a module and as entries of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ranvier.limits.record import damaged
from ranvier.limits.tensors import FLOATS, told
from ranvier.storages import Storage, Stored

if TYPE_CHECKING:
    from ranvier.limits.tensors import Take

__all__ = ["Packed"]

Tensor = torch.Tensor


class Packed(nn.Module):
    """Codes, scale and zero of a weight; no float copy lies beside them.

    With ``rows``, what one input reaches lies side by side, since its spike reads it together.
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor | None

    def __init__(self, stored: Stored, rows: bool = False) -> None:
        super().__init__()
        self.storage = stored.storage
        self.register_buffer("codes", stored.codes.t().contiguous().t() if rows else stored.codes.contiguous())
        self.register_buffer("scale", stored.scale)
        self.register_buffer("zero", stored.zero)

    def stored(self) -> Stored:
        """As products take it."""
        return Stored(self.storage, self.codes, self.scale, self.zero)

    @classmethod
    def taken(cls, storage: Storage, take: Take, shapes: tuple[tuple[int, ...], ...], where: str, rows: bool) -> Packed:
        """The numbers of a file, for a weight of one of the ``shapes``."""
        codes, scale, zero = (take(f"packed.{n}") for n in ("codes", "scale", "zero"))
        if codes is None or scale is None:
            raise damaged(where, "the tensor packed.codes or packed.scale is missing")
        if tuple(codes.shape) not in shapes or codes.dtype != storage.code:
            raise damaged(f"{where}.codes", f"is {told(codes)}, expected {storage.code} {list(shapes[0])}")
        for name, t in (("scale", scale), *((("zero", zero),) if zero is not None else ())):
            spread = t.ndim == codes.ndim and all(n in (1, m) for n, m in zip(t.shape, codes.shape, strict=True))
            if not spread or t.dtype not in FLOATS or not bool(torch.isfinite(t).all()):
                raise damaged(f"{where}.{name}", f"is {told(t)}, expected finite floats for codes {list(codes.shape)}")
        return cls(Stored(storage, codes, scale, zero), rows)

    def extra_repr(self) -> str:
        return f"{self.storage}, {list(self.codes.shape)}"
