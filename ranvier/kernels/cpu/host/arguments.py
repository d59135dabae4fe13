"""Reading the tables of a kernel one after another, and functions inside a kernel."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import I8, I64, at

__all__ = ["TABLES", "Arguments", "entry", "inner"]

#: types of the tables of pointers and of integers
TABLES = (I8.as_pointer().as_pointer(), I64.as_pointer())


class Arguments:
    """Pointers and integers in the order in which they are asked for; each is loaded where the builder stands."""

    def __init__(self, b: ir.IRBuilder, pointers: ir.Value, integers: ir.Value, scalar: ir.Type) -> None:
        self.b, self.scalar = b, scalar
        self._tables = (pointers, integers)
        self._next = [0, 0]

    def _load(self, table: int) -> ir.Value:
        self._next[table] += 1
        return self.b.load(at(self.b, self._tables[table], self._next[table] - 1))

    def pointer(self, kind: ir.Type | None = None) -> ir.Value:
        """The next pointer, to numbers of the kernel's own type unless another is named."""
        return self.b.bitcast(self._load(0), (kind or self.scalar).as_pointer())

    def integer(self) -> ir.Value:
        """The next integer (i64)."""
        return self._load(1)

    def rest(self) -> tuple[ir.Value, ir.Value]:
        """Both tables from here on."""
        pointers, integers = (at(self.b, t, n) for t, n in zip(self._tables, self._next, strict=True))
        return pointers, integers


def inner(module: ir.Module, name: str, arguments: Sequence[ir.Type]) -> tuple[ir.Function, ir.IRBuilder]:
    """A function of its own inside a kernel: its loops have all registers to themselves. End it with ``ret_void``."""
    made = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    made.linkage = "internal"
    made.attributes.add("noinline")
    return made, ir.IRBuilder(made.append_basic_block("entry"))


def entry(b: ir.IRBuilder, table: ir.Value, k: ir.Value, kind: ir.Type) -> ir.Value:
    """Array ``k`` of a table of addresses."""
    return b.inttoptr(b.load(at(b, table, k)), kind.as_pointer())
