"""Sum the columns of a matrix that events name, where the matrix lies as [outputs, inputs].

The sums are those of :mod:`.gather` over the turned matrix, bit for bit: few rows of events do not pay for turning it.
"""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir

from ranvier.kernels.cpu.events.gather import add_in_turn, at_once, summed_pairwise
from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, offset

__all__ = ["columns_kernel", "values_kernel"]

_LISTED = {"x": Array(REAL, None, "columns"), "pointer": Array(I64, None), "index": Array(I32, None)}
_COLUMNS = Signature(
    _LISTED | {"weight": Array(REAL, None, "columns"), "initial": Array(REAL, ...), "out": Array(REAL, None, "stride")},
    ("start", "stop", "first", "size", "columns", "stride", "initial_stride"),
)
_VALUES = Signature(_LISTED | {"value": Array(REAL, "index")}, ("start", "stop", "columns"))
#: sums that stay in registers together
_SUMS = 16


def columns_kernel(dtype: torch.dtype, size: int) -> Routine:
    """For each row r: ``out[r, j] = initial[r, j] + sum over events of weight[j, index] * x[r, index]``.

    For outputs ``first`` to ``first + size``; ``stride`` is the length of a row of ``out``, ``initial_stride`` that of initial.
    """
    return _columns_kernel(dtype, at_once(size, dtype))


@cache
def _columns_kernel(dtype: torch.dtype, groups: int) -> Routine:
    real = scalar(dtype)
    f = _COLUMNS.open(f"columns_{real}_{groups}", dtype)
    b = f.builder
    x, pointer, index, weight, initial, out = f["x", "pointer", "index", "weight", "initial", "out"]
    start, stop, first, size, columns, stride, initial_stride = f.integers()
    zero = ir.Constant(real, 0.0)
    together = max(1, min(8, _SUMS // groups))

    def sums_of(r: ir.Value, low: ir.Value, high: ir.Value, j: ir.Value, outputs: int) -> None:
        """Sums of ``outputs`` rows of the matrix from ``j`` on."""
        seen = b.gep(x, [b.mul(r, columns)])
        rows = [b.gep(weight, [b.mul(b.add(j, I64(q)), columns)]) for q in range(outputs)]
        begin = b.gep(initial, [b.add(b.mul(r, initial_stride), j)])
        sums = [[local(b, b.load(at(b, begin, q))) for q in range(outputs)]]
        sums += [[local(b, zero) for _ in rows] for _ in range(groups - 1)]

        def add(event: ir.Value, own: list[ir.Value]) -> None:
            place = offset(b, b.load(at(b, index, event)))
            factor = b.load(at(b, seen, place))
            for row, slot in zip(rows, own, strict=True):
                term = b.fmul(b.load(at(b, row, place)), factor, flags=("contract",))
                b.store(b.fadd(b.load(slot), term, flags=("contract",)), slot)

        add_in_turn(b, low, high, sums, add)
        end = b.gep(out, [b.add(b.mul(r, stride), j)])
        for q in range(outputs):
            b.store(summed_pairwise(b, [b.load(group[q]) for group in sums]), at(b, end, q))

    last = b.add(first, size)
    whole = b.add(first, b.sub(size, b.srem(size, I64(together))))
    with counted(b, start, stop) as r:
        low, high = (b.load(at(b, pointer, b.add(r, I64(i)))) for i in (0, 1))
        with counted(b, first, whole, together) as j:
            sums_of(r, low, high, j, together)
        with counted(b, whole, last) as j:
            sums_of(r, low, high, j, 1)
    return f.compile()


@cache
def values_kernel(dtype: torch.dtype) -> Routine:
    """The number of each event: ``value[e] = x[r, index[e]]``."""
    f = _VALUES.open(f"values_{scalar(dtype)}", dtype)
    b = f.builder
    x, pointer, index, value = f["x", "pointer", "index", "value"]
    start, stop, columns = f.integers()
    with counted(b, start, stop) as r:
        seen = b.gep(x, [b.mul(r, columns)])
        low, high = (b.load(at(b, pointer, b.add(r, I64(i)))) for i in (0, 1))
        with counted(b, low, high) as e:
            b.store(b.load(at(b, seen, offset(b, b.load(at(b, index, e))))), at(b, value, e))
    return f.compile()
