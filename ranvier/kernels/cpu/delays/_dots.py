"""The gradient to the taps of a dense matrix, whatever the density of its input: products of time lines.

``dtaps[n, k, j] = sum over s and b of x[s, b, k] * grad[s + first[n, k] + j, b, n]``

Lines lie as in :mod:`._correlate`, so that a tap is the product of two pieces of contiguous memory.
"""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir
from torch import Tensor

from ranvier.kernels.cpu.delays._correlate import pack, silent_lines
from ranvier.kernels.cpu.host.operands import lanes, scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.host.tiles import run_routine
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, offset, vector_at
from ranvier.kernels.cpu.llvm.memory import summed

__all__ = ["tap_products"]

_TARGETS = 4  # whose lines stay in the first-level cache
_STEPS = 2  # with sums of their own
_DOTS = Signature(
    {
        "sent": Array(REAL, None, "inputs", "steps", None),
        "heard": Array(REAL, None, "targets", "length", None),
        "first": Array(I32, "targets", "inputs"),
        "sums": Array(REAL, "targets", "inputs", "taps"),
    },
    ("start", "stop", "groups", "targets", "inputs", "steps", "length", "taps"),
)


def tap_products(x: Tensor, history: Tensor | None, grad: Tensor, first: Tensor, taps: int, longest: int) -> Tensor:
    """``[N, K, W]`` from ``x`` ``[T, B, K]``, the last steps before it and ``grad`` ``[T, B, N]``; ``first`` is int32 ``[N, K]``."""
    steps, batch, inputs = x.shape
    used = 0 if history is None else min(len(history), longest + taps - 1)
    extended = -(-(used + steps) // _STEPS) * _STEPS
    sent = silent_lines(batch, inputs, extended, x.dtype)
    pack(x, sent, used)
    if history is not None and used:
        pack(history[len(history) - used :], sent, 0)
    heard = silent_lines(batch, grad.shape[2], extended + longest + taps, x.dtype)
    pack(grad, heard, used)
    sums = torch.zeros(*first.shape, taps, dtype=x.dtype)
    run_routine(
        _dots_kernel(x.dtype), len(first), _TARGETS, sent=sent, heard=heard, first=first, sums=sums, groups=len(sent),
        targets=len(first), inputs=inputs, steps=extended, length=heard.shape[2], taps=taps,
    )  # fmt: skip
    return sums


@cache
def _dots_kernel(dtype: torch.dtype) -> Routine:
    """Items are targets."""
    real, wide = scalar(dtype), lanes(dtype)
    f = _DOTS.open(f"tap_products_{real}", dtype)
    b = f.builder
    sent, heard, first, sums = f["sent", "heard", "first", "sums"]
    start, stop, groups, targets, inputs, steps, length, taps = f.integers()
    zero = ir.Constant(ir.VectorType(real, wide), [0.0] * wide)

    def together(n: ir.Value, count: int) -> None:
        """All taps of ``count`` targets from ``n`` on."""
        with counted(b, 0, groups) as group, counted(b, 0, inputs) as k, counted(b, 0, taps) as j:
            line = at(b, sent, b.mul(b.mul(b.add(b.mul(group, inputs), k), steps), I64(wide)))
            rows = [b.add(n, I64(i)) for i in range(count)]
            places = [b.add(b.mul(row, inputs), k) for row in rows]
            lags = [b.add(offset(b, b.load(at(b, first, place))), j) for place in places]
            own = [b.mul(b.add(b.mul(group, targets), row), length) for row in rows]
            begins = [at(b, heard, b.mul(b.add(o, lag), I64(wide))) for o, lag in zip(own, lags, strict=True)]
            totals = [[local(b, zero) for _ in rows] for _ in range(_STEPS)]
            with counted(b, 0, steps, _STEPS) as s:
                for i, slots in enumerate(totals):
                    now = b.mul(b.add(s, I64(i)), I64(wide))
                    x = b.load(vector_at(b, line, now, wide), align=dtype.itemsize)
                    for begin, slot in zip(begins, slots, strict=True):
                        g = b.load(vector_at(b, begin, now, wide), align=dtype.itemsize)
                        b.store(b.fadd(b.load(slot), b.fmul(x, g, flags=("contract",)), flags=("contract",)), slot)
            for i, place in enumerate(places):
                slot = at(b, sums, b.add(b.mul(place, taps), j))
                whole = b.fadd(*[b.load(slots[i]) for slots in totals])
                b.store(summed(b, b.load(slot), whole), slot)

    rest = b.srem(b.sub(stop, start), I64(_TARGETS))
    even = b.sub(stop, rest)
    with counted(b, start, even, _TARGETS) as n:
        together(n, _TARGETS)
    with counted(b, even, stop) as n:
        together(n, 1)
    return f.compile()
