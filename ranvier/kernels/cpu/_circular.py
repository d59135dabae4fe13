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

from llvmlite import ir

from ranvier.kernels.cpu._bits import FORMATS, round_to_integer

if TYPE_CHECKING:
    from ranvier.kernels.cpu._lanes import Lanes

__all__ = ["cos", "sin"]

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


def sin(k: Lanes, x: ir.Value) -> ir.Value:
    """sin x, x in radians: 2 ulp for |x| < 1e5; see ``_wave`` for larger arguments."""
    return _wave(k, x, 0)


def cos(k: Lanes, x: ir.Value) -> ir.Value:
    """cos x, x in radians: 2 ulp for |x| < 1e5; see ``_wave`` for larger arguments."""
    return _wave(k, x, 1)


def _wave(k: Lanes, x: ir.Value, quarter: int) -> ir.Value:
    """sin(x + quarter pi/2).

    Accuracy falls slowly for |x| > 1e5 in float32. Beyond 2^21 (float32) or 2^50 (float64), where neighbouring numbers
    are a sizeable part of a turn apart, the phase is unknown and the result is NaN.
    """
    b = k.builder
    nearest, n = round_to_integer(k, k.mul(x, k.constant(2.0 / math.pi)))
    r = x
    for part in _HALF_PI[k.dtype]:
        r = k.fma(nearest, k.constant(-part), r)
    z = k.mul(r, r)
    sine = k.add(r, k.mul(k.mul(r, z), k.polynomial(z, _SINE[k.dtype])))
    bend = k.sub(k.mul(k.mul(z, z), k.polynomial(z, _COSINE[k.dtype])), k.mul(z, k.constant(0.5)))
    cosine = k.add(bend, k.constant(1.0))
    turn = b.add(n, k.integers(quarter))
    swapped = b.icmp_unsigned("!=", b.and_(turn, k.integers(1)), k.integers(0))
    value = k.select(swapped, cosine, sine)
    sign = b.shl(b.and_(turn, k.integers(2)), k.integers(8 * k.itemsize - 2))
    value = b.bitcast(b.xor(b.bitcast(value, k.integer), sign), k.vector)
    known = k.lt(k.absolute(x), k.constant(2.0 ** (FORMATS[k.dtype].mantissa - 2)))
    return k.select(known, value, k.constant(math.nan))
