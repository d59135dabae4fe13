"""Numbers carried into and out of the buffers of an operation, looked at on the way."""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import F64, I32, I64, at, counted, local, splat, vector_at, when

__all__ = ["KINDS", "carry_kernel", "look_kernel", "same_kernel", "size_bits"]

_WIDTH = 16
#: LLVM types of the numbers of states and counters
KINDS = {torch.float32: ir.FloatType(), torch.float64: F64, torch.int32: I32}
I8 = ir.IntType(8)


def size_bits(most: float, dtype: torch.dtype) -> int:
    """The bits of the largest magnitude of ``dtype`` that counts as sound, as the kernels compare it; infinity counts as none."""
    whole = torch.int32 if dtype == torch.float32 else torch.int64
    return int(torch.tensor(most, dtype=dtype).view(whole))


@cache
def look_kernel(dtype: torch.dtype) -> Routine:
    """Sets the bits ``mark`` of ``flag`` where one of ``count`` numbers is NaN or has a magnitude whose bits are ``most`` or more."""
    return _carry(dtype, None, False)


@cache
def carry_kernel(source: torch.dtype, target: torch.dtype, spikes: bool = False) -> Routine:
    """The same, and writes the numbers to ``target`` in its own dtype.

    Whole numbers are sound from 0 up to below ``most``; with ``spikes`` only 0 and 1 are sound.
    """
    return _carry(source, target, spikes)


def _carry(source: torch.dtype, target: torch.dtype | None, spikes: bool) -> Routine:
    kind = KINDS[source]
    arrays = {"source": Array(kind, ...), "flag": Array(I64, None)}
    if target is not None:
        arrays["target"] = Array(KINDS[target], ...)
    told = f"{source}_{target}{'_spikes' * spikes}".replace("torch.", "")
    f = Signature(arrays, ("count", "most", "mark")).open(f"carry_{told}")
    b = f.builder
    given, flag = f["source", "flag"]
    out = None if target is None else f["target"]
    count, most, mark = f.integers()
    bits = ir.IntType(64 if source == torch.float64 else 32)
    limit = b.trunc(most, bits) if bits.width < 64 else most
    bad = local(b, ir.Constant(ir.IntType(1), 0))
    wrong = local(b, ir.Constant(ir.VectorType(ir.IntType(1), _WIDTH), [0] * _WIDTH))
    whole = b.and_(count, I64(-_WIDTH))

    def unsound(value: ir.Value, spread: bool) -> ir.Value:
        def one(x: ir.Value) -> ir.Value:
            return splat(b, x, _WIDTH) if spread else x

        if spikes:
            return b.not_(b.or_(_equal(b, value, one(kind(0.0))), _equal(b, value, one(kind(1.0)))))
        if source == torch.int32:
            return b.icmp_unsigned(">=", value, one(limit))
        plain = b.bitcast(value, ir.VectorType(bits, _WIDTH) if spread else bits)
        magnitude = b.and_(plain, one(bits((1 << (bits.width - 1)) - 1)))
        return b.icmp_signed(">=", magnitude, one(limit))

    def written(value: ir.Value, spread: bool) -> ir.Value:
        into = KINDS[target] if target is not None else kind
        into = ir.VectorType(into, _WIDTH) if spread else into
        if target == source:
            return value
        if source == torch.int32:
            return b.sitofp(value, into)
        if target == torch.int32:
            return b.fptosi(value, into)
        return b.fpext(value, into) if target == torch.float64 else b.fptrunc(value, into)

    with counted(b, 0, whole, _WIDTH) as k:
        value = b.load(vector_at(b, given, k, _WIDTH), align=source.itemsize)
        b.store(b.or_(b.load(wrong), unsound(value, True)), wrong)
        if out is not None and target is not None:
            b.store(written(value, True), vector_at(b, out, k, _WIDTH), align=target.itemsize)
    with counted(b, whole, count) as k:
        value = b.load(at(b, given, k))
        b.store(b.or_(b.load(bad), unsound(value, False)), bad)
        if out is not None:
            b.store(written(value, False), at(b, out, k))
    found = b.icmp_unsigned("!=", b.bitcast(b.load(wrong), ir.IntType(_WIDTH)), ir.IntType(_WIDTH)(0))
    with when(b, b.or_(found, b.load(bad))):
        b.store(b.or_(b.load(flag), mark), flag)
    return f.compile()


def _equal(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    return b.fcmp_ordered("==", x, y)


@cache
def same_kernel() -> Routine:
    """Sets the bits ``mark`` of ``flag`` where one of ``count`` bytes differs."""
    arrays = {"one": Array(I8, ...), "other": Array(I8, ...), "flag": Array(I64, None)}
    f = Signature(arrays, ("count", "mark")).open("same_bytes")
    b = f.builder
    one, other, flag = f["one", "other", "flag"]
    count, mark = f.integers()
    wide = 64
    unlike = local(b, ir.Constant(ir.VectorType(I8, wide), [0] * wide))
    rest = local(b, I8(0))
    whole = b.and_(count, I64(-wide))
    with counted(b, 0, whole, wide) as k:
        pair = [b.load(vector_at(b, p, k, wide), align=1) for p in (one, other)]
        b.store(b.or_(b.load(unlike), b.xor(*pair)), unlike)
    with counted(b, whole, count) as k:
        b.store(b.or_(b.load(rest), b.xor(*(b.load(at(b, p, k)) for p in (one, other)))), rest)
    wholly = b.bitcast(b.load(unlike), ir.IntType(8 * wide))
    found = b.icmp_unsigned("!=", wholly, ir.IntType(8 * wide)(0))
    with when(b, b.or_(found, b.icmp_unsigned("!=", b.load(rest), I8(0)))):
        b.store(b.or_(b.load(flag), mark), flag)
    return f.compile()
