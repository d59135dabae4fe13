"""Logarithms and powers on vectors.

Method (W. J. Cody and W. Waite, *Software Manual for the Elementary Functions*, 1980; order of terms after K. C. Ng,
FDLIBM, 1993): x = 2^e m with m in [1/sqrt 2, sqrt 2); with f = m - 1 and s = f / (2 + f),
log m = 2 artanh s = f - (f^2/2 - s (f^2/2 + R(s^2))). The coefficients of R are minimax, found by Remez exchange with
60 digits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llvmlite import ir

from ranvier.kernels.cpu._bits import FORMATS
from ranvier.kernels.cpu._exponential import exp

if TYPE_CHECKING:
    from ranvier.kernels.cpu._lanes import Lanes

__all__ = ["log", "log1p", "power", "power_int"]

_LN2 = {
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


def _split(k: Lanes, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The exponent e, as a float, and m of a positive normal x = 2^e m with m in [1/sqrt 2, sqrt 2)."""
    fmt, b = FORMATS[k.dtype], k.builder
    bits = b.bitcast(x, k.integer)
    root = b.bitcast(k.constant(math.sqrt(0.5)), k.integer)
    field = b.and_(b.sub(bits, root), k.integers(-1 << fmt.mantissa))
    m = b.bitcast(b.sub(bits, field), k.vector)
    magic = 1.5 * 2.0**fmt.mantissa
    whole = b.add(b.ashr(field, k.integers(fmt.mantissa)), b.bitcast(k.constant(magic), k.integer))
    return k.sub(b.bitcast(whole, k.vector), k.constant(magic)), m


def _combine(k: Lanes, e: ir.Value, f: ir.Value, tail: ir.Value) -> ir.Value:
    """e ln 2 + log(1 + f) + tail, smallest terms first."""
    high, low = _LN2[k.dtype]
    s = k.div(f, k.add(f, k.constant(2.0)))
    z = k.mul(s, s)
    half_square = k.mul(k.mul(f, f), k.constant(0.5))
    series = k.mul(z, k.polynomial(z, _SERIES[k.dtype]))
    small = k.add(k.mul(s, k.add(half_square, series)), k.add(k.mul(e, k.constant(low)), tail))
    return k.sub(k.mul(e, k.constant(high)), k.sub(k.sub(half_square, small), f))


def _limits(k: Lanes, x: ir.Value, value: ir.Value) -> ir.Value:
    """-inf at 0, inf at inf, NaN below 0 and at NaN."""
    value = k.select(k.lt(x, k.constant(math.inf)), value, x)
    value = k.select(k.eq(x, k.constant(0.0)), k.constant(-math.inf), value)
    return k.select(k.lt(x, k.constant(0.0)), k.constant(math.nan), value)


def log(k: Lanes, x: ir.Value) -> ir.Value:
    """The natural logarithm to 1 ulp, subnormal arguments included; -inf at 0, NaN below."""
    fmt = FORMATS[k.dtype]
    subnormal = k.lt(x, k.constant(fmt.tiny))
    lift = fmt.mantissa + 1
    e, m = _split(k, k.select(subnormal, k.mul(x, k.constant(2.0**lift)), x))
    e = k.select(subnormal, k.sub(e, k.constant(lift)), e)
    return _limits(k, x, _combine(k, e, k.sub(m, k.constant(1.0)), k.constant(0.0)))


def log1p(k: Lanes, x: ir.Value) -> ir.Value:
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


def power_int(k: Lanes, x: ir.Value, n: int) -> ir.Value:
    """x^n by repeated squaring, to about |n| ulp; x^0 is 1 and x^-n is 1 / x^n."""
    value: ir.Value | None = None
    rest, square = abs(n), x
    while rest:
        if rest & 1:
            value = square if value is None else k.mul(value, square)
        rest >>= 1
        if rest:
            square = k.mul(square, square)
    if value is None:
        return k.constant(1.0)
    return value if n > 0 else k.div(k.constant(1.0), value)


def power(k: Lanes, x: ir.Value, y: ir.Value) -> ir.Value:
    """x^y = e^(y log x): float32 through float64, to 1 ulp; float64 to about 2 (1 + |y log x|) ulp.

    x^0 = 1 and 1^y = 1, also for NaN; a negative x needs a whole y, else the result is NaN.
    """
    size = k.absolute(x)
    if k.dtype == "float32":
        double = k.double()
        wide = exp(double, _exponent(double, _widen(double, size), _widen(double, y)))
        value = k.builder.fptrunc(wide, k.vector)
    else:
        value = exp(k, _exponent(k, size, y))
    whole = k.eq(k.floor(y), y)
    half = k.mul(y, k.constant(0.5))
    odd = k.ne(k.floor(half), half)
    signed = k.select(whole, k.select(odd, k.neg(value), value), k.constant(math.nan))
    value = k.select(k.lt(x, k.constant(0.0)), signed, value)
    certain = k.either(k.eq(y, k.constant(0.0)), k.eq(x, k.constant(1.0)))
    return k.select(certain, k.constant(1.0), value)


def _exponent(k: Lanes, size: ir.Value, y: ir.Value) -> ir.Value:
    """y log|x|, and 0 at |x| = 1 even where y is infinite."""
    return k.select(k.eq(size, k.constant(1.0)), k.constant(0.0), k.mul(y, log(k, size)))


def _widen(double: Lanes, x: ir.Value) -> ir.Value:
    return double.builder.fpext(x, double.vector)
