"""e^x and its relatives on vectors.

Method (W. J. Cody and W. Waite, *Software Manual for the Elementary Functions*, 1980): x = n ln 2 + r with
|r| <= ln 2 / 2, where n ln 2 is subtracted in two parts of which the first is exact; e^r - 1 = r + r^2 q(r), and the
power of two goes into the exponent field. All coefficients are minimax for the relative error of the result, found by
Remez exchange with 60 digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ranvier.kernels.elementary._bits import power_of_two, round_to_integer

if TYPE_CHECKING:
    from ranvier.kernels.elementary._words import Value, Words

__all__ = ["dexprel", "exp", "exp_of_sum", "expm1", "exprel", "sigmoid", "tanh"]

_LOG2_E = 1.4426950408889634


class _Table(NamedTuple):
    ln2_high: float  # ln 2 to so few bits that n ln2_high is exact
    ln2_low: float
    lowest: float  # e^x rounds to 0 below
    highest: float  # e^x overflows above
    vanished: float  # e^x - 1 rounds to -1 below
    q: tuple[float, ...]
    slope: tuple[float, ...]  # minimax of d/dx exprel on [-1, 1]
    bend: tuple[float, ...]  # minimax of (tanh x - x) / x^3 in x^2, |x| <= 0.55


_TABLES = {
    "float32": _Table(
        ln2_high=0.693145751953125,
        ln2_low=1.4286068203094172e-06,
        lowest=-104.0,
        highest=89.0,
        vanished=-18.0,
        q=(0.5, 0.16666666, 0.041666348, 0.0083333915, 0.0013941652, 0.00019845959),
        slope=(
            0.5, 0.3333333, 0.12500001, 0.033333443, 0.006944367, 0.0011900691, 0.00017371519, 2.2603312e-05,
            2.4599244e-06,
        ),
        bend=(-0.3333332, 0.13332601, -0.053853747, 0.021077262, -0.006281724),
    ),
    "float64": _Table(
        ln2_high=0.6931471805598903,
        ln2_low=5.497923018708371e-14,
        lowest=-746.0,
        highest=710.0,
        vanished=-40.0,
        q=(
            0.5, 0.16666666666666677, 0.04166666666666649, 0.008333333333320737, 0.0013888888888968392,
            0.00019841269888684978, 2.480158716468796e-05, 2.755724136754051e-06, 2.7557405990986604e-07,
            2.5110110400746785e-08, 2.0875302748625877e-09,
        ),
        slope=(
            0.5, 0.33333333333333337, 0.12499999999999985, 0.03333333333333199, 0.0069444444444468605,
            0.0011904761904913054, 0.00017361111109685372, 2.204585530502496e-05, 2.480158769468792e-06,
            2.5052126950558565e-07, 2.2964379080744797e-08, 1.9268375805330057e-09, 1.4915232957186275e-10,
            1.0873547537998163e-11, 7.132329313838615e-13,
        ),
        bend=(
            -0.333333333333333, 0.1333333333332681, -0.05396825396386542, 0.021869488388711937, -0.008863232646159095,
            0.0035920924634200587, -0.0014555455252886198, 0.0005884551055706428, -0.00023340764256037764,
            8.335257967790088e-05, -1.9516281769950618e-05,
        ),
    ),
}  # fmt: skip

_SHIFT = 32  # exprel and its slope are formed 2^32 times too small, so that e^x may overflow before they do
_FADED = -60.0  # below, e^x is nothing beside 1 / x


def _reduce(k: Words, x: Value, tail: Value | None = None) -> tuple[Value, Value, Value]:
    """n as a float and as an integer, and e^r - 1, where x + tail = n ln 2 + r."""
    table = _TABLES[k.dtype]
    nearest, n = round_to_integer(k, k.mul(x, k.constant(_LOG2_E)))
    exact = k.sub(x, k.mul(nearest, k.constant(table.ln2_high)))
    correction = k.mul(nearest, k.constant(table.ln2_low))
    correction = correction if tail is None else k.sub(correction, tail)
    r = k.sub(exact, correction)
    curve = k.mul(k.mul(r, r), k.polynomial(r, table.q))
    return nearest, n, k.add(exact, k.sub(curve, correction))  # not r + curve: r carries a rounding


def exp(k: Words, x: Value) -> Value:
    """e^x to 1 ulp; subnormal results are gradual, NaN stays."""
    return _exp(k, x)[0]


def _exp(k: Words, x: Value) -> tuple[Value, Value]:
    """e^x, and the relative rest that its rounding dropped."""
    table, one = _TABLES[k.dtype], k.constant(1.0)
    x = k.minimum(k.maximum(x, k.constant(table.lowest)), k.constant(table.highest))
    nearest, n, rest = _reduce(k, x)
    mantissa = k.add(rest, one)
    return k.scale(mantissa, nearest, n), k.sub(rest, k.sub(mantissa, one))


def exp_of_sum(k: Words, x: Value, tail: Value) -> Value:
    """e^(x + tail) to 1 ulp, where ``tail`` is the rounding error of x."""
    table, one = _TABLES[k.dtype], k.constant(1.0)
    x = k.minimum(k.maximum(x, k.constant(table.lowest)), k.constant(table.highest))
    nearest, n, rest = _reduce(k, x, tail)
    return k.scale(k.add(rest, one), nearest, n)


def expm1(k: Words, x: Value) -> Value:
    """e^x - 1 to 2 ulp, also near 0."""
    table = _TABLES[k.dtype]
    _, n, rest = _reduce(k, k.minimum(k.maximum(x, k.constant(table.vanished)), k.constant(table.highest)))
    half_power = power_of_two(k, k.int_sub(n, k.integers(1)))  # 2^n itself overflows for the largest x
    half = k.add(k.mul(half_power, rest), k.sub(half_power, k.constant(0.5)))
    return k.select(k.lt(k.absolute(x), k.constant(2.0**-55)), x, k.add(half, half))


def _shifted(k: Words, x: Value) -> tuple[Value, Value, Value]:
    """(x, 2^-s (e^x - 1), 2^-s e^x) with s = 32 and x kept below the point where every relative overflows."""
    x, power, product = _parted(k, x)
    return x, k.add(product, k.sub(power, k.constant(2.0**-_SHIFT))), k.add(product, power)


def _parted(k: Words, x: Value) -> tuple[Value, Value, Value]:
    """x as :func:`_shifted` gives it, and two factors of 2^-s e^x: a power of two and the rest."""
    x = k.minimum(x, k.constant(_TABLES[k.dtype].highest + 10.0))
    _, n, rest = _reduce(k, k.maximum(x, k.constant(_FADED)))
    power = power_of_two(k, k.int_sub(n, k.integers(_SHIFT)))
    return x, power, k.mul(power, rest)


def exprel(k: Words, x: Value) -> Value:
    """(e^x - 1) / x to 2 ulp; 1 at 0; overflows only where its value does.

    Where every lane lies within one half of 0, as in most steps of an exponential Euler rule, a polynomial alone does.
    """
    calm = k.polynomial(x, _CALM[k.dtype], patient=True)
    far = k.ge(k.mul(x, x), k.constant(0.25))  # many terms need the square anyway
    return k.unless(far, calm, lambda: _exprel(k, x))


def _exprel(k: Words, x: Value) -> Value:
    bounded, numerator, _ = _shifted(k, x)
    quotient = k.div(numerator, k.mul(bounded, k.constant(2.0**-_SHIFT)))
    near = k.add(k.mul(x, k.constant(0.5)), k.constant(1.0))
    return k.select(k.lt(k.absolute(x), k.constant(_NEAR[k.dtype])), near, quotient)


#: exprel on [-1/2, 1/2]: its Taylor polynomial economised to this degree (Lanczos 1938), in exact fractions
_CALM = {
    "float32": (
        0.9999999999154706, 0.5000000426131828, 0.16666667748297173, 0.04166530385532093, 0.00833311712231677,
        0.0013997784200370396, 0.00019979497670197986,
    ),
    "float64": (
        1.0, 0.5, 0.1666666666666722, 0.041666666666667664, 0.00833333333307511, 0.001388888888856926,
        0.00019841270281873433, 2.4801587739841952e-05, 2.755697945753373e-06, 2.755702715656404e-07, 2.517282343175421e-08,
        2.0970153088646126e-09,
    ),
}  # fmt: skip
_NEAR = {"float32": 2.0**-12, "float64": 2.0**-26}  # here 1 + x / 2 is exprel to the last bit


def dexprel(k: Words, x: Value) -> Value:
    """d/dx exprel(x) = (e^x (x - 1) + 1) / x^2 to 2 ulp; 1/2 at 0; overflows only where its value does.

    Within [-1, 1], where the sum cancels, a minimax polynomial; far below 0, 1 / x^2.
    """
    constant, *rest = _TABLES[k.dtype].slope
    near = k.add(k.mul(x, k.polynomial(x, rest)), k.constant(constant))
    usual = k.select(k.le(k.absolute(x), k.constant(1.0)), near, _far_slope(k, x))
    faded = k.lt(x, k.constant(_FADED))

    def with_faded() -> Value:
        inverse = k.div(k.constant(1.0), x)
        return k.select(faded, k.mul(inverse, inverse), usual)

    return k.unless(faded, usual, with_faded)


def _far_slope(k: Words, x: Value) -> Value:
    """dexprel from the point where e^x fades to that where it overflows, but for [-1, 1].

    Numerator and denominator are sums of two floats (T. J. Dekker, Numerische Mathematik 18, 1971), and the quotient is
    corrected by its remainder, so that what is left is the error of e^x.
    """
    x, power, product = _parted(k, x)
    x = k.maximum(x, k.constant(_FADED))
    unit = k.constant(2.0**-_SHIFT)
    grown = k.add(power, product)
    grown_low = k.sub(product, k.sub(grown, power))
    less = k.sub(x, k.constant(1.0))
    less_low = k.sub(k.sub(x, less), k.constant(1.0))
    top = k.mul(grown, less)
    top_low = k.add(k.fma(grown, less, k.neg(top)), k.add(k.mul(grown_low, less), k.mul(grown, less_low)))
    above = k.add(top, unit)
    share = k.sub(above, top)
    above_low = k.add(k.add(k.sub(top, k.sub(above, share)), k.sub(unit, share)), top_low)
    below = k.mul(x, x)
    below_low = k.fma(x, x, k.neg(below))
    inverse = k.div(k.constant(1.0), below)
    quotient = k.mul(above, inverse)
    left = k.sub(k.add(k.fma(k.neg(quotient), below, above), above_low), k.mul(quotient, below_low))
    return k.mul(k.fma(left, inverse, quotient), k.constant(2.0**_SHIFT))


def sigmoid(k: Words, x: Value) -> Value:
    """1 / (1 + e^-x) to 2 ulp.

    Written with d = e^-|x|, so that neither tail overflows or loses digits. What rounding takes from d and from 1 + d
    returns as a first-order correction of the quotient.
    """
    one, falling = k.constant(1.0), k.lt(x, k.constant(0.0))
    decay, slip = _exp(k, k.neg(k.absolute(x)))
    total = k.add(decay, one)
    lost = k.sub(decay, k.sub(total, one))
    quotient = k.div(k.select(falling, decay, one), total)
    upper = k.select(falling, k.sub(one, quotient), quotient)  # 1 / (1 + d)
    slip = k.mul(k.mul(decay, slip), upper)
    error = k.add(k.mul(quotient, lost), k.select(falling, k.neg(slip), slip))
    return k.sub(quotient, k.mul(upper, error))


def tanh(k: Words, x: Value) -> Value:
    """The hyperbolic tangent to 2 ulp: 1 - 2 / (e^2|x| + 1) with the sign of x; an odd polynomial for |x| <= 0.55."""
    one = k.constant(1.0)
    size = k.absolute(x)
    far = k.sub(one, k.div(k.constant(2.0), k.add(exp(k, k.add(size, size)), one)))
    far = k.select(k.lt(x, k.constant(0.0)), k.neg(far), far)
    z = k.mul(x, x)
    near = k.add(x, k.mul(k.mul(x, z), k.polynomial(z, _TABLES[k.dtype].bend)))
    return k.select(k.le(size, k.constant(0.55)), near, far)
