"""The reduction of large angles: the remainder of x beyond the nearest multiple of pi/2.

Method (M. H. Payne and R. N. Hanek, "Radian reduction for trigonometric functions", ACM SIGNUM Newsletter 18(1), 1983):
x = m 2^e with a whole m of 53 bits. The product m 2^e 2/pi is needed modulo 4 only, so the bits of 2/pi that would give
multiples of 4 are left out, and the 192 bits that follow are enough for the two whole bits, the 61 bits that the closest
double to a multiple of pi/2 loses, and a fraction of full precision. All of it is integer arithmetic, one number at a time:
angles this large are rare.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import I32, counted, local
from ranvier.kernels.elementary import TWO_OVER_PI

if TYPE_CHECKING:
    from ranvier.kernels.cpu.llvm.lanes import Lanes

__all__ = ["far_angle", "far_lanes"]

_I64, _I128, _DOUBLE = ir.IntType(64), ir.IntType(128), ir.DoubleType()
_NAME = "far_angle"
_HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
_LOW_BITS = 2047  # of 64, those beyond the 53 of a double


def far_lanes(
    k: Lanes, x: ir.Value, beyond: ir.Value, far: float, r: ir.Value, n: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """r and n, and those of :func:`far_angle` in the lanes of ``beyond``, one lane after the other; NaN at infinity."""
    b = k.builder
    finite = k.both(beyond, k.lt(k.absolute(x), k.constant(math.inf)))
    safe = k.select(finite, x, k.constant(far))
    slots = [local(b, value) for value in (k.constant(0.0), k.integers(0))]
    reduce = far_angle(b.module)
    with counted(b, 0, k.width) as lane:
        angle = b.extract_element(safe, lane)
        pair = b.call(reduce, [angle if k.itemsize == 8 else b.fpext(angle, ir.DoubleType())])
        rest, turns = b.extract_value(pair, 0), b.extract_value(pair, 1)
        if k.itemsize == 4:
            rest, turns = b.fptrunc(rest, k.scalar), b.trunc(turns, I32)
        for slot, value in zip(slots, (rest, turns), strict=True):
            b.store(b.insert_element(b.load(slot), value, lane), slot)
    rests, turns = (b.load(slot) for slot in slots)
    r = k.select(finite, rests, k.select(beyond, k.constant(math.nan), r))
    return r, b.select(finite, turns, n)


def far_angle(module: ir.Module) -> ir.Function:
    """{r, n} of a double x: x = r + n pi/2 + a multiple of 2 pi, |r| <= pi/4, for finite x with |x| >= 2^17."""
    known = module.globals.get(_NAME)
    if known is not None:
        return known
    kind = ir.FunctionType(ir.LiteralStructType([_DOUBLE, _I64]), [_DOUBLE])
    function = ir.Function(module, kind, _NAME)
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("nounwind")
    b = ir.IRBuilder(function.append_basic_block())
    bits = b.bitcast(function.args[0], _I64)
    e, m = _parts(b, bits)
    high, low = _product(b, m, _window(b, module, e))
    quarter = b.lshr(b.add(high, _I64(1 << 61)), _I64(62))
    left = b.sub(high, b.shl(quarter, _I64(62)))
    r = _fraction(b, left, low)
    negative = b.icmp_signed("<", bits, _I64(0))
    r = b.select(negative, b.fneg(r), r)
    quarter = b.select(negative, b.neg(quarter), quarter)
    pair = ir.Constant(kind.return_type, ir.Undefined)
    b.ret(b.insert_value(b.insert_value(pair, r, 0), quarter, 1))
    return function


def _parts(b: ir.IRBuilder, bits: ir.Value) -> tuple[ir.Value, ir.Value]:
    """e and the whole number m of 53 bits."""
    e = b.sub(b.and_(b.lshr(bits, _I64(52)), _I64(2047)), _I64(1075))
    return e, b.or_(b.and_(bits, _I64((1 << 52) - 1)), _I64(1 << 52))


def _window(b: ir.IRBuilder, module: ir.Module, e: ir.Value) -> list[ir.Value]:
    """Three words, from the first bit of 2/pi whose product with m 2^e is not a multiple of 4."""
    table = ir.GlobalVariable(module, ir.ArrayType(_I64, len(TWO_OVER_PI)), f"{_NAME}_bits")
    table.linkage, table.global_constant = "internal", True
    table.initializer = ir.Constant(table.value_type, list(TWO_OVER_PI))
    place = b.add(e, _I64(62))
    first, shift = b.lshr(place, _I64(6)), b.and_(place, _I64(63))
    words = [b.load(b.gep(table, [_I64(0), b.add(first, _I64(k))])) for k in range(4)]
    return [_joined(b, words[k], words[k + 1], shift) for k in range(3)]


def _joined(b: ir.IRBuilder, high: ir.Value, low: ir.Value, shift: ir.Value) -> ir.Value:
    """The highest 64 bits of the pair of words, shifted left by fewer than 64."""
    rest = b.lshr(b.lshr(low, _I64(1)), b.sub(_I64(63), shift))
    return b.or_(b.shl(high, shift), rest)


def _product(b: ir.IRBuilder, m: ir.Value, words: list[ir.Value]) -> tuple[ir.Value, ir.Value]:
    """The highest 128 of the lowest 192 bits of m times the window."""
    wide = [b.mul(b.zext(m, _I128), b.zext(w, _I128)) for w in words[1:]]
    middle = b.add(wide[0], b.lshr(wide[1], _I128(64)))
    high = b.add(b.mul(m, words[0]), b.trunc(b.lshr(middle, _I128(64)), _I64))
    return high, b.trunc(middle, _I64)


def _fraction(b: ir.IRBuilder, high: ir.Value, low: ir.Value) -> ir.Value:
    """pi/2 times the signed number of 128 bits, of which 126 are a fraction."""
    below = b.icmp_signed("<", high, _I64(0))
    flip = b.sext(below, _I64)
    high, low = b.xor(high, flip), b.xor(low, flip)  # one unit of the last of 126 bits is nothing
    empty = b.icmp_unsigned("==", high, _I64(0))
    high, low = b.select(empty, low, high), b.select(empty, _I64(0), low)
    zeros = b.ctlz(high, ir.Constant(ir.IntType(1), 0))
    top = _joined(b, high, low, zeros)
    zeros = b.add(zeros, b.select(empty, _I64(64), _I64(0)))
    head = b.uitofp(b.and_(top, _I64(~_LOW_BITS)), _DOUBLE)
    tail = b.uitofp(b.and_(top, _I64(_LOW_BITS)), _DOUBLE)
    high_part, low_part = (ir.Constant(_DOUBLE, part) for part in _HALF_PI)
    r = b.fma(head, high_part, b.fma(head, low_part, b.fmul(tail, high_part)))
    power = b.bitcast(b.shl(b.sub(_I64(1023 - 62), zeros), _I64(52)), _DOUBLE)
    r = b.fmul(r, power)
    return b.select(below, b.fneg(r), r)
