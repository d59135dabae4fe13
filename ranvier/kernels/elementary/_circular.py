"""Sine and cosine on vectors.

Method (W. J. Cody and W. Waite, *Software Manual for the Elementary Functions*, 1980): x = n pi/2 + r with |r| <= pi/4;
n pi/2 is subtracted in three parts, each a full-precision number, by fused multiply-adds, so the first subtraction is
exact and r keeps its relative precision next to multiples of pi/2. Then sin r = r + r^3 S(r^2) and
cos r = 1 - r^2/2 + r^4 C(r^2), chosen and signed by n mod 4. The coefficients are minimax on |r| <= 0.81, found by
Remez exchange with 60 digits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ranvier.kernels.elementary._bits import round_to_integer

if TYPE_CHECKING:
    from ranvier.kernels.elementary._words import Value, Words

__all__ = ["TWO_OVER_PI", "cos", "sin"]

_HALF_PI = {
    "float32": (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    "float64": (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
}
_SINE = {
    "float32": (-0.16666652, 0.008332027, -0.00019496857),
    "float64": (
        -0.16666666666666616, 0.008333333333318491, -0.00019841269826619177, 2.755731257439377e-06,
        -2.5050582055289314e-08, 1.58865594454411e-10,
    ),
}  # fmt: skip
_COSINE = {
    "float32": (0.04166664, -0.0013887107, 2.440948e-05),
    "float64": (
        0.04166666666666656, -0.0013888888888867238, 2.4801587285234975e-05, -2.7557313140947616e-07,
        2.0875560750291484e-09, -1.1351344514791084e-11,
    ),
}  # fmt: skip

#: 64 zeros, then the binary digits of 2/pi
TWO_OVER_PI = (
    0x0000000000000000,
    0xA2F9836E4E441529,
    0xFC2757D1F534DDC0,
    0xDB6295993C439041,
    0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0,
    0x06492EEA09D1921C,
    0xFE1DEB1CB129A73E,
    0xE88235F52EBB4484,
    0xE99C7026B45F7E41,
    0x3991D639835339F4,
    0x9C845F8BBDF9283B,
    0x1FF897FFDE05980F,
    0xEF2F118B5A0A6D1F,
    0x6D367ECF27CB09B7,
    0x4F463F669E5FEA2D,
    0x7527BAC7EBE5F17B,
    0x3D0739F78A5292EA,
    0x6BFB5FB11F8D5D08,
    0x56033046FC7B6BAB,
)
#: from here on n is too large for a product to find the nearest one: the bits of 2/pi do (``Words.far_angles``)
_FAR = {"float32": 2.0**17, "float64": 2.0**46}


def sin(k: Words, x: Value) -> Value:
    """sin x to 2 ulp for every finite x in radians; NaN at infinity."""
    return _wave(k, x, 0)


def cos(k: Words, x: Value) -> Value:
    """cos x to 2 ulp for every finite x in radians; NaN at infinity."""
    return _wave(k, x, 1)


def _wave(k: Words, x: Value, quarter: int) -> Value:
    """sin(x + quarter pi/2)."""
    r, n = _reduce(k, x)
    z = k.mul(r, r)
    sine = k.add(r, k.mul(k.mul(r, z), k.polynomial(z, _SINE[k.dtype])))
    bend = k.sub(k.mul(k.mul(z, z), k.polynomial(z, _COSINE[k.dtype])), k.mul(z, k.constant(0.5)))
    cosine = k.add(bend, k.constant(1.0))
    turn = k.int_add(n, k.integers(quarter))
    swapped = k.int_ne(k.int_and(turn, k.integers(1)), k.integers(0))
    value = k.select(swapped, cosine, sine)
    sign = k.int_shl(k.int_and(turn, k.integers(2)), k.integers(8 * k.itemsize - 2))
    return k.as_float(k.int_xor(k.as_integer(value), sign))


def _reduce(k: Words, x: Value) -> tuple[Value, Value]:
    """r and n with x = r + n pi/2 (n modulo 4)."""
    nearest, n = round_to_integer(k, k.mul(x, k.constant(2.0 / math.pi)))
    r = x
    for part in _HALF_PI[k.dtype]:
        r = k.fma(nearest, k.constant(-part), r)
    return k.far_angles(x, _FAR[k.dtype], r, n)
