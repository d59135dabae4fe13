"""Logarithms on vectors.

Method (W. J. Cody and W. Waite, *Software Manual for the Elementary Functions*, 1980; order of terms after K. C. Ng,
FDLIBM, 1993): x = 2^e m with m in [1/sqrt 2, sqrt 2); with f = m - 1 and s = f / (2 + f),
log m = 2 artanh s = f - (f^2/2 - s (f^2/2 + R(s^2))). The coefficients of R are minimax, found by Remez exchange with
60 digits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ranvier.kernels.elementary._bits import FORMATS

if TYPE_CHECKING:
    from ranvier.kernels.elementary._words import Value, Words

__all__ = ["LN2", "log", "log1p", "split"]

LN2 = {
    "float32": (0.693145751953125, 1.4286068203094172e-06),
    "float64": (0.6931471805598903, 5.497923018708371e-14),
}
_SERIES = {
    "float32": (0.66666776, 0.39977497, 0.29873073),
    "float64": (
        0.6666666666666735, 0.3999999999941109, 0.28571428743262667, 0.2222219847598601, 0.1818356973988961,
        0.15313903243189197, 0.1479750775410019,
    ),
}  # fmt: skip


def _split(k: Words, x: Value) -> tuple[Value, Value]:
    """The exponent e, as a float, and m of a positive normal x = 2^e m with m in [1/sqrt 2, sqrt 2)."""
    fmt = FORMATS[k.dtype]
    bits = k.as_integer(x)
    root = k.as_integer(k.constant(math.sqrt(0.5)))
    field = k.int_and(k.int_sub(bits, root), k.integers(-1 << fmt.mantissa))
    m = k.as_float(k.int_sub(bits, field))
    magic = 1.5 * 2.0**fmt.mantissa
    whole = k.int_add(k.int_ashr(field, k.integers(fmt.mantissa)), k.as_integer(k.constant(magic)))
    return k.sub(k.as_float(whole), k.constant(magic)), m


def _combine(k: Words, e: Value, f: Value, tail: Value) -> Value:
    """e ln 2 + log(1 + f) + tail, smallest terms first."""
    high, low = LN2[k.dtype]
    s = k.div(f, k.add(f, k.constant(2.0)))
    z = k.mul(s, s)
    half_square = k.mul(k.mul(f, f), k.constant(0.5))
    series = k.mul(z, k.polynomial(z, _SERIES[k.dtype]))
    small = k.add(k.mul(s, k.add(half_square, series)), k.add(k.mul(e, k.constant(low)), tail))
    return k.sub(k.mul(e, k.constant(high)), k.sub(k.sub(half_square, small), f))


def _limits(k: Words, x: Value, value: Value) -> Value:
    """-inf at 0, inf at inf, NaN below 0 and at NaN."""
    value = k.select(k.lt(x, k.constant(math.inf)), value, x)
    value = k.select(k.eq(x, k.constant(0.0)), k.constant(-math.inf), value)
    return k.select(k.lt(x, k.constant(0.0)), k.constant(math.nan), value)


def split(k: Words, x: Value) -> tuple[Value, Value]:
    """The exponent e, as a float, and m of a positive finite x = 2^e m with m in [1/sqrt 2, sqrt 2)."""
    fmt = FORMATS[k.dtype]
    subnormal = k.lt(x, k.constant(fmt.tiny))
    lift = fmt.mantissa + 1
    e, m = _split(k, k.select(subnormal, k.mul(x, k.constant(2.0**lift)), x))
    return k.select(subnormal, k.sub(e, k.constant(lift)), e), m


def log(k: Words, x: Value) -> Value:
    """The natural logarithm to 1 ulp, subnormal arguments included; -inf at 0, NaN below."""
    e, m = split(k, x)
    return _limits(k, x, _combine(k, e, k.sub(m, k.constant(1.0)), k.constant(0.0)))


def log1p(k: Words, x: Value) -> Value:
    """log(1 + x) to 2 ulp, also near 0; -inf at -1, NaN below.

    What the sum 1 + x loses to rounding, c, returns as c / (1 + x).
    """
    one = k.constant(1.0)
    u = k.add(x, one)
    lost = k.select(k.ge(x, one), k.sub(one, k.sub(u, x)), k.sub(x, k.sub(u, one)))
    e, m = _split(k, u)
    direct = k.eq(e, k.constant(0.0))  # 1 + x needed no scaling: f is x itself and nothing is lost
    f = k.select(direct, x, k.sub(m, one))
    tail = k.select(direct, k.constant(0.0), k.div(lost, u))
    return _limits(k, u, _combine(k, e, f, tail))
