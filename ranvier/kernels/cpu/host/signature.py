"""The arguments of a kernel by name: declared once, read by that name inside the code, and given by it from outside.

A kernel is ``void kernel(i8** pointers, i64* integers, double* floats)``. Only a :class:`Signature` knows at which place of the
three tables an argument stands: :meth:`Signature.open` gives the code its arguments by name, and the :class:`Routine`
that comes out takes them by name (:mod:`.routine`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import EllipsisType
from typing import overload

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.checked import Check
from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.llvm.functions import at, function
from ranvier.kernels.cpu.llvm.jit import compile_kernel

__all__ = ["REAL", "Array", "Opened", "Reader", "Signature"]

#: the kernel's own type of numbers: float32 or float64
REAL = ir.VoidType()
_DTYPES = {
    8: (torch.uint8, torch.int8),
    16: (torch.uint16, torch.int16),
    32: (torch.int32, torch.uint32),
    64: (torch.int64,),
}


class Array:
    """An array argument.

    Parameters
    ----------
    kind
        Type of an element; ``REAL`` for the kernel's own.
    shape
        Lengths of the axes: a number, the name of an integer argument or of an array that has as many elements, or None for
        any; ``...`` alone for any shape.
    optional
        None may be given.
    apart
        Rows may lie further apart than they are long.
    """

    __slots__ = ("apart", "kind", "optional", "shape")

    def __init__(
        self, kind: ir.Type, *shape: int | str | EllipsisType | None, optional: bool = False, apart: bool = False
    ) -> None:
        self.kind, self.optional, self.apart = kind, optional, apart
        lengths = tuple(n for n in shape if not isinstance(n, EllipsisType))
        self.shape = lengths if len(lengths) == len(shape) else None

    def dtypes(self, dtype: torch.dtype | None) -> tuple[torch.dtype, ...]:
        """What a tensor may hold, in a kernel of such numbers."""
        if self.kind is REAL:
            return () if dtype is None else (dtype,)
        if isinstance(self.kind, ir.IntType):
            return _DTYPES[self.kind.width]
        return (torch.float32,) if isinstance(self.kind, ir.FloatType) else (torch.float64,)


class Signature:
    """Names, types and shapes of a kernel's arguments: ``arrays``, then ``integers`` and ``reals``."""

    def __init__(self, arrays: Mapping[str, Array], integers: Sequence[str] = (), reals: Sequence[str] = ()) -> None:
        self.arrays, self.integers, self.reals = dict(arrays), tuple(integers), tuple(reals)
        tables = (self.arrays, self.integers, self.reals)
        #: name -> (table, place)
        self.places = {n: (table, place) for table, names in enumerate(tables) for place, n in enumerate(names)}
        self._checks: dict[torch.dtype | None, dict[str, Check]] = {}
        if len(self.places) < sum(map(len, tables)):
            raise ValueError(f"two arguments have one name among {[*self.arrays, *self.integers, *self.reals]}")

    def checks(self, dtype: torch.dtype | None) -> dict[str, Check]:
        """How each array of a kernel with such numbers is checked."""
        if dtype not in self._checks:
            self._checks[dtype] = {n: Check(n, array, array.dtypes(dtype)) for n, array in self.arrays.items()}
        return self._checks[dtype]

    def open(self, name: str, dtype: torch.dtype | None = None) -> Opened:
        """Begin a kernel called ``name`` whose own numbers are ``dtype``."""
        return Opened(self, name, dtype)


class Reader:
    """Arguments by name, in tables that begin at ``tables``; each is loaded where the builder stands: read before loops."""

    def __init__(
        self, signature: Signature, builder: ir.IRBuilder, tables: Sequence[ir.Value], real: ir.Type | None
    ) -> None:
        self.signature, self.builder, self.real = signature, builder, real
        self._tables = tables

    @overload
    def __getitem__(self, names: str) -> ir.Value: ...
    @overload
    def __getitem__(self, names: tuple[str, ...]) -> list[ir.Value]: ...
    def __getitem__(self, names: str | tuple[str, ...]) -> ir.Value | list[ir.Value]:
        return self._load(names) if isinstance(names, str) else [self._load(n) for n in names]

    def integers(self) -> list[ir.Value]:
        """All integers in order."""
        return [self._load(n) for n in self.signature.integers]

    def values(self) -> dict[str, ir.Value]:
        """All by name."""
        return {n: self._load(n) for n in self.signature.places}

    def _load(self, name: str) -> ir.Value:
        table, place = self.signature.places[name]
        value = self.builder.load(at(self.builder, self._tables[table], place))
        if table == 0:
            kind = self.signature.arrays[name].kind
            if kind is REAL and self.real is not None:
                kind = self.real
            return self.builder.bitcast(value, kind.as_pointer())
        return value


class Opened(Reader):
    """An open kernel: where code goes (``builder``), and its arguments."""

    def __init__(self, signature: Signature, name: str, dtype: torch.dtype | None) -> None:
        self.function, self.name, self.dtype = function(name), name, dtype
        builder = self.function.builder
        super().__init__(signature, builder, builder.function.args, None if dtype is None else scalar(dtype))

    def compile(self) -> Routine:
        """Close the function and compile it."""
        return Routine(compile_kernel(self.name, self.function.text()), self.signature, self.dtype)
