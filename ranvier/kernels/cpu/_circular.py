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

from ranvier.kernels.cpu._bits import round_to_integer
from ranvier.kernels.cpu._far_angles import far_angle
from ranvier.kernels.cpu._loops import I32, counted, local

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


#: from here on n is too large for a product to find the nearest one: the bits of 2/pi do (:mod:`_far_angles`)
_FAR = {"float32": 2.0**17, "float64": 2.0**46}


def sin(k: Lanes, x: ir.Value) -> ir.Value:
    """sin x to 2 ulp for every finite x in radians; NaN at infinity. The builder is left in a new block."""
    return _wave(k, x, 0)


def cos(k: Lanes, x: ir.Value) -> ir.Value:
    """cos x to 2 ulp for every finite x in radians; NaN at infinity. The builder is left in a new block."""
    return _wave(k, x, 1)


def _wave(k: Lanes, x: ir.Value, quarter: int) -> ir.Value:
    """sin(x + quarter pi/2)."""
    b = k.builder
    r, n = _reduce(k, x)
    z = k.mul(r, r)
    sine = k.add(r, k.mul(k.mul(r, z), k.polynomial(z, _SINE[k.dtype])))
    bend = k.sub(k.mul(k.mul(z, z), k.polynomial(z, _COSINE[k.dtype])), k.mul(z, k.constant(0.5)))
    cosine = k.add(bend, k.constant(1.0))
    turn = b.add(n, k.integers(quarter))
    swapped = b.icmp_unsigned("!=", b.and_(turn, k.integers(1)), k.integers(0))
    value = k.select(swapped, cosine, sine)
    sign = b.shl(b.and_(turn, k.integers(2)), k.integers(8 * k.itemsize - 2))
    return b.bitcast(b.xor(b.bitcast(value, k.integer), sign), k.vector)


def _reduce(k: Lanes, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """r and n with x = r + n pi/2 (n modulo 4); the lanes of large angles one by one, where there are any."""
    b = k.builder
    nearest, n = round_to_integer(k, k.mul(x, k.constant(2.0 / math.pi)))
    r = x
    for part in _HALF_PI[k.dtype]:
        r = k.fma(nearest, k.constant(-part), r)
    far = k.ge(k.absolute(x), k.constant(_FAR[k.dtype]))
    near = b.block
    with b.if_then(k.any(far), likely=False):
        far_r, far_n = _far_lanes(k, x, far, r, n)
        inside = b.block
    return _either(b, (r, near), (far_r, inside)), _either(b, (n, near), (far_n, inside))


def _far_lanes(k: Lanes, x: ir.Value, far: ir.Value, r: ir.Value, n: ir.Value) -> tuple[ir.Value, ir.Value]:
    b = k.builder
    finite = k.both(far, k.lt(k.absolute(x), k.constant(math.inf)))
    safe = k.select(finite, x, k.constant(_FAR[k.dtype]))
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
    r = k.select(finite, rests, k.select(far, k.constant(math.nan), r))
    return r, b.select(finite, turns, n)


def _either(b: ir.IRBuilder, one: tuple[ir.Value, ir.Block], other: tuple[ir.Value, ir.Block]) -> ir.Value:
    out = b.phi(one[0].type)
    out.add_incoming(*one)
    out.add_incoming(*other)
    return out
