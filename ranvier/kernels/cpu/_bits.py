"""The float format as integers: rounding by addition, powers of two by their exponent field."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llvmlite import ir

if TYPE_CHECKING:
    from ranvier.kernels.cpu._lanes import Lanes

__all__ = ["FORMATS", "Format", "power_of_two", "round_to_integer", "scale"]


class Format(NamedTuple):
    """IEEE 754 numbers of one float type: stored mantissa bits, exponent bias, smallest normal number."""

    mantissa: int
    bias: int
    tiny: float


FORMATS = {"float32": Format(23, 127, 2.0**-126), "float64": Format(52, 1023, 2.0**-1022)}


def round_to_integer(k: Lanes, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The nearest whole number of x, as a float and as an integer, for |x| < 2^(mantissa - 1).

    Adding 1.5 * 2^mantissa pushes the fraction out of the number and leaves the integer in its low bits. Other than a
    conversion instruction this is defined for NaN (the float is then NaN, the integer arbitrary).
    """
    magic = 1.5 * 2.0 ** FORMATS[k.dtype].mantissa
    shifted = k.add(x, k.constant(magic))
    nearest = k.sub(shifted, k.constant(magic))
    bits = k.builder.bitcast(shifted, k.integer)
    return nearest, k.builder.sub(bits, k.builder.bitcast(k.constant(magic), k.integer))


def power_of_two(k: Lanes, n: ir.Value) -> ir.Value:
    """2^n for integers n whose power is a normal number."""
    fmt = FORMATS[k.dtype]
    return k.builder.bitcast(k.builder.shl(k.builder.add(n, k.integers(fmt.bias)), k.integers(fmt.mantissa)), k.vector)


def scale(k: Lanes, x: ir.Value, nearest: ir.Value, n: ir.Value) -> ir.Value:
    """x 2^n for |n| below twice the bias, given as a float and as an integer; the power itself may not be normal."""
    if k.wide:
        bits = ir.IntType(k.width)
        kind = ir.FunctionType(k.vector, [k.vector, k.vector, k.vector, bits, ir.IntType(32)])
        name = "llvm.x86.avx512.mask.scalef." + ("ps" if k.itemsize == 4 else "pd") + ".512"
        current_rounding = ir.IntType(32)(4)
        return k.builder.call(k.declare(name, kind), [x, nearest, x, bits(-1), current_rounding])
    half = k.builder.ashr(n, k.integers(1))
    return k.mul(k.mul(x, power_of_two(k, half)), power_of_two(k, k.builder.sub(n, half)))
