"""The float format as integers: rounding by addition, powers of two by their exponent field."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ranvier.kernels.elementary._words import Value, Words

__all__ = ["FORMATS", "Format", "power_of_two", "round_to_integer", "scale"]


class Format(NamedTuple):
    """IEEE 754 numbers of one float type: stored mantissa bits, exponent bias, smallest normal number."""

    mantissa: int
    bias: int
    tiny: float


FORMATS = {"float32": Format(23, 127, 2.0**-126), "float64": Format(52, 1023, 2.0**-1022)}


def round_to_integer(k: Words, x: Value) -> tuple[Value, Value]:
    """The nearest whole number of x, as a float and as an integer, for |x| < 2^(mantissa - 1).

    Adding 1.5 * 2^mantissa pushes the fraction out of the number and leaves the integer in its low bits. Other than a
    conversion instruction this is defined for NaN (the float is then NaN, the integer arbitrary).
    """
    magic = 1.5 * 2.0 ** FORMATS[k.dtype].mantissa
    shifted = k.add(x, k.constant(magic))
    nearest = k.sub(shifted, k.constant(magic))
    return nearest, k.int_sub(k.as_integer(shifted), k.as_integer(k.constant(magic)))


def from_integer(k: Words, n: Value) -> Value:
    """The float of a small integer: it is put into the low bits of 1.5 * 2^mantissa, which is then taken away."""
    magic = k.constant(1.5 * 2.0 ** FORMATS[k.dtype].mantissa)
    return k.sub(k.as_float(k.int_add(n, k.as_integer(magic))), magic)


def power_of_two(k: Words, n: Value) -> Value:
    """2^n for integers n whose power is a normal number."""
    fmt = FORMATS[k.dtype]
    return k.as_float(k.int_shl(k.int_add(n, k.integers(fmt.bias)), k.integers(fmt.mantissa)))


def scale(k: Words, x: Value, n: Value) -> Value:
    """x 2^n for integers |n| below twice the bias; the power itself may not be normal."""
    half = k.int_ashr(n, k.integers(1))
    return k.mul(k.mul(x, power_of_two(k, half)), power_of_two(k, k.int_sub(n, half)))
