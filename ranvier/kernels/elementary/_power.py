"""Powers on vectors.

x^y = e^(y log x), where y log x needs more digits than a float has: an error of its last place counts as many times as the
exponent is large. In float64 the logarithm is a sum of two floats (T. J. Dekker, "A floating-point technique for extending
the available precision", Numerische Mathematik 18, 1971), and so are whole powers beyond the fourth.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ranvier.kernels.elementary._exponential import exp, exp_of_sum
from ranvier.kernels.elementary._logarithm import LN2, log, split

if TYPE_CHECKING:
    from ranvier.kernels.elementary._words import Value, Words

__all__ = ["power", "power_int"]

_T = TypeVar("_T")
_PLAIN = 4  # the largest whole power whose repeated squaring stays within 2 ulp
_THIRD = (0.3333333333333333, 1.850371707708594e-17)
#: log m = 2 s + 2 s^3 / 3 + s^5 Q(s^2), |s| <= 0.1716: the series of artanh
_TAIL = tuple(2 / (2 * n + 5) for n in range(11))
_BEYOND = 2000.0  # |y log x| from which x^y is 0 or infinite, far on either side


class _Sum(NamedTuple):
    """high + low, with low at most half a unit of high's last place."""

    high: Value
    low: Value


def power_int(k: Words, x: Value, n: int) -> Value:
    """x^n by repeated squaring, to 2 ulp; x^0 is 1 and x^-n is 1 / x^n."""
    if n < 0:
        return k.div(k.constant(1.0), power_int(k, x, -n))
    if n == 0:
        return k.constant(1.0)
    if n <= _PLAIN:
        return _squared(x, n, k.mul)
    total = _squared(_Sum(x, k.constant(0.0)), n, lambda a, b: _product(k, a, b))
    finite = k.lt(k.absolute(total.high), k.constant(math.inf))
    return k.select(finite, k.add(total.high, total.low), total.high)


def _squared(x: _T, n: int, times: Callable[[_T, _T], _T]) -> _T:
    """x^n for n >= 1 by repeated squaring; ``times`` multiplies two."""
    while not n & 1:
        x, n = times(x, x), n >> 1
    value = x
    while n := n >> 1:
        x = times(x, x)
        value = times(value, x) if n & 1 else value
    return value


def power(k: Words, x: Value, y: Value) -> Value:
    """x^y to 1 ulp; float32 goes through float64.

    x^0 = 1 and 1^y = 1, also for NaN; a negative x needs a whole y, else the result is NaN.
    """
    size = k.absolute(x)
    if k.dtype == "float32":
        double = k.double()
        exponent = _exponent(double, k.widen(size), k.widen(y))
        value = k.narrow(exp(double, exponent))
    else:
        value = _precise(k, size, y)
    whole = k.eq(k.floor(y), y)
    half = k.mul(y, k.constant(0.5))
    odd = k.ne(k.floor(half), half)
    signed = k.select(whole, k.select(odd, k.neg(value), value), k.constant(math.nan))
    value = k.select(k.lt(x, k.constant(0.0)), signed, value)
    certain = k.either(k.eq(y, k.constant(0.0)), k.eq(x, k.constant(1.0)))
    return k.select(certain, k.constant(1.0), value)


def _exponent(k: Words, size: Value, y: Value) -> Value:
    """y log|x|, and 0 at |x| = 1 even where y is infinite."""
    return k.select(k.eq(size, k.constant(1.0)), k.constant(0.0), k.mul(y, log(k, size)))


def _precise(k: Words, size: Value, y: Value) -> Value:
    """e^(y log size) with a logarithm of about 65 digits."""
    logarithm = _long_log(k, size)
    high = k.mul(y, logarithm.high)
    usual = k.both(k.both(k.gt(size, k.constant(0.0)), k.lt(size, k.constant(math.inf))),
                   k.lt(k.absolute(high), k.constant(_BEYOND)))  # fmt: skip
    low = k.add(k.fma(y, logarithm.high, k.neg(high)), k.mul(y, logarithm.low))
    high = k.select(usual, high, _exponent(k, size, y))
    return exp_of_sum(k, high, k.select(usual, low, k.constant(0.0)))


def _long_log(k: Words, x: Value) -> _Sum:
    """log x of a positive finite x."""
    one, two = k.constant(1.0), k.constant(2.0)
    e, m = split(k, x)
    f = k.sub(m, one)
    below = k.add(m, one)
    below_low = k.sub(m, k.sub(below, one))
    s = k.div(f, below)
    s_low = k.div(k.sub(k.fma(k.neg(s), below, f), k.mul(s, below_low)), below)
    z = _product(k, _Sum(s, s_low), _Sum(s, s_low))
    third = _product(k, z, _Sum(k.constant(_THIRD[0]), k.constant(_THIRD[1])))
    bent = _joined(k, one, third)
    series = _product(k, _Sum(s, s_low), bent)
    tail = k.mul(k.mul(k.mul(s, z.high), z.high), k.polynomial(z.high, _TAIL))
    high, low = LN2[k.dtype]
    whole, main = k.mul(e, k.constant(high)), k.mul(two, series.high)
    total = k.add(whole, main)
    rest = k.add(k.add(k.mul(two, series.low), tail), k.mul(e, k.constant(low)))
    return _Sum(total, k.add(k.sub(main, k.sub(total, whole)), rest))


def _product(k: Words, a: _Sum, b: _Sum) -> _Sum:
    high = k.mul(a.high, b.high)
    cross = k.add(k.mul(a.high, b.low), k.mul(a.low, b.high))
    return _Sum(high, k.add(k.fma(a.high, b.high, k.neg(high)), cross))


def _joined(k: Words, larger: Value, b: _Sum) -> _Sum:
    """larger + b, where ``larger`` is the larger one."""
    high = k.add(larger, b.high)
    return _Sum(high, k.add(k.sub(b.high, k.sub(high, larger)), b.low))
