"""A few rows of spikes times a matrix in one pass: for the short windows of a cycle, where listing events costs more."""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir

from ranvier.kernels.cpu._jit import Kernel, compile_kernel
from ranvier.kernels.cpu._loops import I64, at, counted, function, local
from ranvier.kernels.cpu._operands import require, scalar
from ranvier.kernels.cpu._tiles import run_spans

__all__ = ["add_product"]

Tensor = torch.Tensor
_LOOK = 16  # spikes looked at together
_HELD = 16  # vectors of a row held in registers
_LEAST = 1 << 14  # rows times columns worth a tile of their own


def add_product(x: Tensor, weight_t: Tensor, out: Tensor) -> None:
    """``out += x @ weight_t`` in place; the cost follows the non-zero entries of ``x``.

    Parameters
    ----------
    x
        ``[R, K]``, contiguous, mostly zero.
    weight_t
        ``[K, N]``, contiguous.
    out
        ``[R, N]``, contiguous.

    Raises
    ------
    TypeError, ValueError
        Operands disagree in shape, dtype or layout.
    """
    require(x, "x", (None, None))
    rows, columns = x.shape
    require(weight_t, "weight_t", (columns, None), x.dtype)
    width = weight_t.shape[1]
    require(out, "out", (rows, width), x.dtype)
    lanes = 64 // x.element_size()
    kernel = _kernel(x.dtype)
    pointers = [x.data_ptr(), weight_t.data_ptr(), out.data_ptr()]

    def task(start: int, stop: int) -> None:
        kernel(pointers, [start, stop, columns, width, width - width % (lanes * _HELD), width - width % lanes])

    run_spans(task, rows, _LEAST // max(1, columns + width))


@cache
def _kernel(dtype: torch.dtype) -> Kernel:
    """Pointers: x, weight, out. Integers: start, stop, K, N, N in whole chunks of held vectors, N in whole vectors."""
    real = scalar(dtype)
    lanes = 64 // dtype.itemsize
    f = function(f"add_product_{real}")
    b = f.builder
    x, weight, out = (f.pointers(i, real) for i in range(3))
    start, stop, depth, width, chunked, whole = (f.integer(i) for i in range(6))
    with counted(b, start, stop) as row:
        source, target = at(b, x, b.mul(row, depth)), at(b, out, b.mul(row, width))
        for low, high, held, step in (
            (I64(0), chunked, _HELD, lanes),
            (chunked, whole, 1, lanes),
            (whole, width, 1, 1),
        ):
            with counted(b, low, high, held * step) as column:
                _row(
                    b,
                    source,
                    weight,
                    target,
                    column,
                    depth,
                    width,
                    held,
                    ir.VectorType(real, step) if step > 1 else real,
                )
    return compile_kernel(f.module.name, f.text())


def _row(b: ir.IRBuilder, source, weight, target, column, depth, width, held: int, kind: ir.Type) -> None:
    """Columns [column, column + held vectors) of one row, kept in registers while the row of x is walked."""
    real = source.type.pointee
    step = kind.count if isinstance(kind, ir.VectorType) else 1

    def place(base: ir.Value, k: int) -> ir.Value:
        return b.bitcast(at(b, base, b.add(column, I64(k * step))), kind.as_pointer())

    size = 4 if isinstance(real, ir.FloatType) else 8
    sums = [local(b, b.load(place(target, k), align=size)) for k in range(held)]

    def add(index: ir.Value) -> None:
        value = b.load(at(b, source, index))
        spread = _spread(b, value, kind)
        line = at(b, weight, b.mul(index, width))
        for k, held_sum in enumerate(sums):
            product = b.fmul(spread, b.load(place(line, k), align=size), flags=("contract",))
            b.store(b.fadd(b.load(held_sum), product, flags=("contract",)), held_sum)

    together = b.and_(depth, I64(-_LOOK))
    wide = ir.VectorType(real, _LOOK)
    with counted(b, 0, together, _LOOK) as first:
        values = b.load(b.bitcast(at(b, source, first), wide.as_pointer()), align=size)
        mask = b.bitcast(b.fcmp_unordered("!=", values, ir.Constant(wide, [0.0] * _LOOK)), ir.IntType(_LOOK))
        _each_bit(b, b.zext(mask, I64), lambda lane: add(b.add(first, lane)))
    with (
        counted(b, together, depth) as index,
        b.if_then(b.fcmp_unordered("!=", b.load(at(b, source, index)), real(0.0))),
    ):
        add(index)
    for k, held_sum in enumerate(sums):
        b.store(b.load(held_sum), place(target, k), align=size)


def _each_bit(b: ir.IRBuilder, bits: ir.Value, act) -> None:
    left = local(b, bits)
    head, body, after = (b.append_basic_block(n) for n in ("look", "spike", "none_left"))
    b.branch(head)
    b.position_at_end(head)
    now = b.load(left)
    b.cbranch(b.icmp_unsigned("!=", now, I64(0)), body, after)
    b.position_at_end(body)
    b.store(b.and_(now, b.sub(now, I64(1))), left)
    act(b.cttz(now, ir.Constant(ir.IntType(1), 1)))
    b.branch(head)
    b.position_at_end(after)


def _spread(b: ir.IRBuilder, value: ir.Value, kind: ir.Type) -> ir.Value:
    if not isinstance(kind, ir.VectorType):
        return value
    first = b.insert_element(ir.Constant(kind, ir.Undefined), value, ir.IntType(32)(0))
    return b.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count))
