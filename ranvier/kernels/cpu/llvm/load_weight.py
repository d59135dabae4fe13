"""Read weights from memory: floats as they are, stored numbers decoded in registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import splat, vector_at
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.storages import Storage

__all__ = ["Code", "decoding", "load_weight"]


@dataclass(frozen=True)
class Code:
    """How stored numbers are read, as far as machine code depends on it.

    ``scaled`` and ``shifted`` say whether there are a scale other than 1 and a zero other than 0; ``each`` that every
    output has its own.
    """

    storage: Storage
    scaled: bool
    shifted: bool
    each: bool

    @property
    def bits(self) -> int:
        """Of a code in memory."""
        return 8 * self.storage.code.itemsize

    @property
    def name(self) -> str:
        """For the names of kernels."""
        return f"{self.storage.name}{'_scaled' * self.scaled}{'_shifted' * self.shifted}{'_each' * self.each}"


class Arguments(Protocol):
    """A kernel's arguments by name."""

    def __getitem__(self, names: str, /) -> ir.Value: ...


def decoding(
    b: ir.IRBuilder, code: Code | None, arguments: Arguments, wide: int, places: Sequence[ir.Value] = (),
) -> list[tuple[ir.Value | None, ir.Value | None]]:  # fmt: skip
    """Scale and zero as vectors for each of the ``places`` (outputs), from the kernel's ``arguments``; read before loops."""

    def vectors(name: str, there: bool) -> list[ir.Value | None]:
        if code is None or not there:
            return [None] * len(places)
        base = arguments[name]
        if not code.each:
            return [splat(b, b.load(base), wide)] * len(places)
        size = 4 if isinstance(base.type.pointee, ir.FloatType) else 8
        return [b.load(vector_at(b, base, place, wide), align=size) for place in places]

    scaled, shifted = (False, False) if code is None else (code.scaled, code.shifted)
    return list(zip(vectors("scale", scaled), vectors("zero", shifted), strict=True))


def load_weight(
    b: ir.IRBuilder, code: Code, real: ir.Type, base: ir.Value, index: ir.Value, wide: int,
    scale: ir.Value | None = None, zero: ir.Value | None = None,
) -> ir.Value:  # fmt: skip
    """The weights at ``base[index : index + wide]`` of a kernel of ``real`` numbers: (number - zero) * scale in every lane.

    ``scale`` and ``zero`` are vectors, given where the code has them. Operations carry no flag: the product is rounded
    before it is added, so that the weight is that of the decoded floats.
    """
    k = Lanes(b, "float32", wide)
    codes = b.load(vector_at(b, base, index, wide), align=code.bits // 8)
    numbers = code.storage.write(k, codes if code.bits == 32 else b.sext(codes, k.integer))
    if isinstance(real, ir.DoubleType):
        numbers = k.widen(numbers)
    if zero is not None:
        numbers = b.fsub(numbers, zero)
    return numbers if scale is None else b.fmul(numbers, scale)
