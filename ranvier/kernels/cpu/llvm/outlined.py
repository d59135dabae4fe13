"""Elementary functions as functions of their own, for programs that use one so often that copies would compile for minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import ir

if TYPE_CHECKING:
    from ranvier.kernels.cpu.llvm.lanes import Lanes

__all__ = ["CALLABLE", "MOST_COPIES", "called"]

#: uses of one function in a program that are still written out, each where it stands
MOST_COPIES = 40
#: functions long enough for a call
CALLABLE = frozenset(
    {
        "exp",
        "expm1",
        "exprel",
        "dexprel",
        "log",
        "log1p",
        "sin",
        "cos",
        "tanh",
        "sigmoid",
        "arctan",
        "arcsin",
        "arccos",
        "erf",
    }
)


def called(lanes: Lanes, name: str, x: ir.Value) -> ir.Value:
    """``lanes.<name>(x)`` by a call."""
    module = lanes.builder.module
    label = f"elementary.{name}.{lanes.dtype}.{lanes.width}"
    function = module.globals.get(label)
    if function is None:
        function = ir.Function(module, ir.FunctionType(lanes.vector, [lanes.vector]), label)
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        builder = ir.IRBuilder(function.append_basic_block())
        inner = type(lanes)(builder, lanes.dtype, lanes.width, wide=lanes.wide)
        builder.ret(getattr(inner, name)(function.args[0]))
    return lanes.builder.call(function, [x])
