"""Inverse tangent, sine and cosine on vectors.

With t = |x| for |x| <= 1 and 1/|x| beyond, and t = (t - 1)/(t + 1) where t > tan(pi/8), the angle is atan(t) = t + t^3 S(t^2) plus a
multiple of pi/4. S interpolates at Chebyshev points on [0, tan(pi/8)^2], computed with 60 digits. Sine and cosine follow from quotients
of roots that keep their relative precision next to -1 and 1, where 1 - x and 1 + x are exact.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ranvier.kernels.elementary._words import Value, Words

__all__ = ["arccos", "arcsin", "arctan"]

_SERIES = {
    "float32": (-0.3333333176116852, 0.19999540483648964, -0.1426395559798464, 0.10743731490791084, -0.06451928208121749),
    "float64": (
        -0.3333333333333333, 0.1999999999999552, -0.14285714284666542, 0.11111111015256361, -0.09090904578123903, 0.07692183190826087,
        -0.06664511447381948, 0.0585814891280221, -0.0508544973794026, 0.03923165829558719, -0.01917688711906226,
    ),
}  # fmt: skip
#: what the nearest numbers to pi/4 and pi/2 leave of them
_REST = {
    "float32": (-2.1855694143368964e-08, -4.371138828673793e-08),
    "float64": (3.061616997868383e-17, 6.123233995736766e-17),
}


def arctan(k: Words, x: Value) -> Value:
    """The angle between -pi/2 and pi/2 whose tangent is x, to 2 ulp; pi/2 at infinity."""
    one = k.constant(1.0)
    size = k.absolute(x)
    far = k.gt(size, one)
    t = k.select(far, k.div(one, size), size)
    steep = k.gt(t, k.constant(math.sqrt(2) - 1))
    t = k.select(steep, k.div(k.sub(t, one), k.add(t, one)), t)
    z = k.mul(t, t)
    quarter, half = _REST[k.dtype]
    angle = k.mul(k.mul(t, z), k.polynomial(z, _SERIES[k.dtype]))
    angle = k.add(t, k.add(angle, k.select(steep, k.constant(quarter), k.constant(0.0))))
    angle = k.add(angle, k.select(steep, k.constant(math.pi / 4), k.constant(0.0)))
    beyond = k.add(k.constant(math.pi / 2), k.sub(k.constant(half), angle))
    angle = k.select(far, beyond, angle)
    return k.select(k.lt(x, k.constant(0.0)), k.neg(angle), angle)


def arcsin(k: Words, x: Value) -> Value:
    """The angle between -pi/2 and pi/2 whose sine is x, to 3 ulp; NaN beyond -1 and 1."""
    one = k.constant(1.0)
    return arctan(k, k.div(x, k.sqrt(k.mul(k.sub(one, x), k.add(one, x)))))


def arccos(k: Words, x: Value) -> Value:
    """The angle between 0 and pi whose cosine is x, to 3 ulp; NaN beyond -1 and 1."""
    one = k.constant(1.0)
    half = arctan(k, k.sqrt(k.div(k.sub(one, x), k.add(one, x))))
    return k.add(half, half)
