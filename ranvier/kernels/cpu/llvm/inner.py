"""Functions inside a kernel, whose arguments have names."""

from __future__ import annotations

from collections.abc import Mapping

from llvmlite import ir

__all__ = ["Inner"]


class Inner:
    """A function of its own inside a kernel: its loops have all registers to themselves.

    Its code goes where ``builder`` stands and reads arguments by name; ``close`` ends it. Whoever calls it gives them by
    name, too.
    """

    def __init__(self, module: ir.Module, name: str, arguments: Mapping[str, ir.Type]) -> None:
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), list(arguments.values())), name)
        self.function.linkage = "internal"
        self.function.attributes.add("noinline")
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self._values = dict(zip(arguments, self.function.args, strict=True))

    def __getitem__(self, name: str) -> ir.Value:
        return self._values[name]

    def close(self) -> None:
        """Return to the caller."""
        self.builder.ret_void()

    def call(self, builder: ir.IRBuilder, given: Mapping[str, ir.Value]) -> None:
        """Call it where ``builder`` stands.

        Raises
        ------
        TypeError
            A name is missing or unknown.
        """
        if given.keys() != self._values.keys():
            raise TypeError(f"{self.function.name} takes {[*self._values]}, not {[*given]}")
        builder.call(self.function, [given[n] for n in self._values])
