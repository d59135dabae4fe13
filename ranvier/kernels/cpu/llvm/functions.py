"""The frame around generated code: a kernel's function, its arguments, counted loops and conditions.

Every kernel is ``void name(i8** pointers, i64* integers, double* floats)``. :func:`function` opens one; its code is
written with an :class:`llvmlite.ir.IRBuilder`; :meth:`Function.text` closes it and gives the IR for the compiler.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from llvmlite import ir

__all__ = [
    "F64",
    "I32",
    "I64",
    "KERNEL",
    "Function",
    "again",
    "at",
    "counted",
    "function",
    "local",
    "offset",
    "pointed",
    "prefetch",
    "splat",
    "vector_at",
    "when",
]

_IS_X86 = platform.machine().lower() in ("x86_64", "amd64")
I8 = ir.IntType(8)
I32 = ir.IntType(32)
I64 = ir.IntType(64)
F64 = ir.DoubleType()
#: the type of every kernel
KERNEL = ir.FunctionType(ir.VoidType(), [I8.as_pointer().as_pointer(), I64.as_pointer(), F64.as_pointer()])


class Function(NamedTuple):
    """An open kernel function: ``builder`` is where code goes."""

    module: ir.Module
    builder: ir.IRBuilder

    def text(self) -> str:
        """Close the function with ``ret void`` and return the module's IR."""
        self.builder.ret_void()
        return str(self.module)


def function(name: str) -> Function:
    """Open a kernel called ``name`` in a module of its own."""
    module = ir.Module(name)
    kernel = ir.Function(module, KERNEL, name)
    for argument in kernel.args:
        argument.add_attribute("noalias")
    return Function(module, ir.IRBuilder(kernel.append_basic_block("entry")))


@contextmanager
def counted(
    builder: ir.IRBuilder, start: ir.Value | int, stop: ir.Value | int, step: ir.Value | int = 1
) -> Iterator[ir.Value]:
    """Loop while ``i < stop`` (signed, i64) from ``start`` by ``step``; yields ``i``.

    Values that change from turn to turn live in :func:`local` slots, which the optimiser turns into registers.
    """
    start, stop, step = _i64(start), _i64(stop), _i64(step)
    before = builder.block
    head = builder.append_basic_block("head")
    body = builder.append_basic_block("body")
    after = builder.append_basic_block("after")
    builder.branch(head)
    builder.position_at_end(head)
    i = builder.phi(I64, "i")
    i.add_incoming(start, before)
    builder.cbranch(builder.icmp_signed("<", i, stop), body, after)
    builder.position_at_end(body)
    yield i
    following = builder.add(i, step, flags=("nsw",))
    i.add_incoming(following, builder.block)
    builder.branch(head)
    builder.position_at_end(after)


@contextmanager
def again(builder: ir.IRBuilder, condition: Callable[[], ir.Value]) -> Iterator[None]:
    """Repeat the code inside as long as ``condition()``, an i1 computed anew each time, holds."""
    head, body, after = (builder.append_basic_block(n) for n in ("again", "inside", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    builder.cbranch(condition(), body, after)
    builder.position_at_end(body)
    yield
    builder.branch(head)
    builder.position_at_end(after)


@contextmanager
def when(builder: ir.IRBuilder, condition: ir.Value) -> Iterator[None]:
    """Run the code inside only where the i1 ``condition`` holds (``builder.if_else`` gives both sides)."""
    with builder.if_then(condition):
        yield


def local(builder: ir.IRBuilder, initial: ir.Value) -> ir.Value:
    """Make a mutable slot that holds ``initial`` from here on; read and write it with ``load`` and ``store``."""
    with builder.goto_entry_block():
        slot = builder.alloca(initial.type)
    builder.store(initial, slot)
    return slot


def at(builder: ir.IRBuilder, pointer: ir.Value, index: ir.Value | int) -> ir.Value:
    """Address of element ``index`` (signed) of the array at ``pointer``."""
    return builder.gep(pointer, [_i64(index)], inbounds=True)


def pointed(builder: ir.IRBuilder, addresses: ir.Value, index: ir.Value, kind: ir.Type) -> ir.Value:
    """The pointer to ``kind`` that a table of ``addresses`` (i64*) holds at ``index``."""
    return builder.inttoptr(builder.load(at(builder, addresses, index)), kind.as_pointer())


def vector_at(builder: ir.IRBuilder, pointer: ir.Value, index: ir.Value | int, lanes: int) -> ir.Value:
    """Address of element ``index`` as a pointer to a vector of ``lanes`` elements (aligned as one element only)."""
    element = pointer.type.pointee
    return builder.bitcast(at(builder, pointer, index), ir.VectorType(element, lanes).as_pointer())


def offset(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Widen a stored unsigned 32-bit index to i64."""
    return builder.zext(value, I64)


def splat(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    """Vector with ``value`` in each of ``lanes``."""
    kind = ir.VectorType(value.type, lanes)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, I32(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))


def prefetch(builder: ir.IRBuilder, pointer: ir.Value) -> None:
    """Ask for the cache line at ``pointer`` (for reading, all cache levels); any address is allowed."""
    kind = ir.FunctionType(ir.VoidType(), [I8.as_pointer(), I32, I32, I32])
    call = builder.module.globals.get("llvm.prefetch.p0") or ir.Function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(call, [builder.bitcast(pointer, I8.as_pointer()), I32(0), I32(3), I32(1)])


@contextmanager
def flushed(builder: ir.IRBuilder) -> Iterator[None]:
    """Treat numbers too small for full precision as zero inside (on x86; elsewhere nothing changes).

    A silent network decays into such numbers, and arithmetic on them is up to a hundred times slower.
    """
    if not _IS_X86:
        yield
        return
    slot = builder.alloca(I32)
    old = builder.alloca(I32)
    kind = ir.FunctionType(ir.VoidType(), [I8.as_pointer()])
    read, write = (
        builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        for name in ("llvm.x86.sse.stmxcsr", "llvm.x86.sse.ldmxcsr")
    )
    builder.call(read, [builder.bitcast(old, I8.as_pointer())])
    builder.store(builder.or_(builder.load(old), I32(0x8040)), slot)
    builder.call(write, [builder.bitcast(slot, I8.as_pointer())])
    yield
    builder.call(write, [builder.bitcast(old, I8.as_pointer())])


def _i64(value: ir.Value | int) -> ir.Value:
    return I64(value) if isinstance(value, int) else value
