"""The error function on vectors.

erf x = x E(x^2) for |x| <= 1. Beyond, erf x = 1 - exp(-x^2) Q(u) with u = (x - c)/(x + c), up to an x from where on it is 1. E and Q interpolate at
Chebyshev points, computed with 60 digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ranvier.kernels.elementary._exponential import exp

if TYPE_CHECKING:
    from ranvier.kernels.elementary._words import Value, Words

__all__ = ["erf"]


class _Far(NamedTuple):
    """Q, its c, and the x from where on the function is 1."""

    series: tuple[float, ...]
    centre: float
    end: float


_NEAR = {
    "float32": (
        1.1283791658483509, -0.37612626666720334, 0.11283594715160218, -0.026854212010626412, 0.005189087423433974, -0.000801686428716587,
        7.875875062685488e-05,
    ),
    "float64": (
        1.1283791670955126, -0.3761263890318375, 0.11283791670954879, -0.026866170645076792, 0.0052239776248180145, -0.000854832698083379,
        0.0001205533111164271, -1.4925595266831182e-05, 1.6461000484121368e-06, -1.6350312701054695e-07, 1.4659775274047436e-08,
        -1.1372848856791674e-09, 5.957176147748911e-11,
    ),
}  # fmt: skip
_FAR = {
    "float32": _Far((
        0.25539567631050575, -0.4271859897684867, 0.2416582015255602, -0.07896830612793473, 0.0037323717589395444, 0.006811140131085635,
        -0.0008379754387023134,
    ), 2.0, 4.0),
    "float64": _Far((
        0.21080636406114356, -0.3717367339489732, 0.251713193217456, -0.12503305237885554, 0.0399225390747838, -0.0039937011641469865,
        -0.002642365927759658, 0.0008759154019168855, 0.00022837955896605415, -0.00012887649615317198, -3.4172229273553035e-05,
        1.8609712314617464e-05, 7.48480117852628e-06, -2.2842173094341345e-06, -1.5625258507743158e-06, 8.134380709229634e-08,
    ), 2.5, 6.0),
}  # fmt: skip


def erf(k: Words, x: Value) -> Value:
    """2/sqrt(pi) times the integral of exp(-t^2) from 0 to x, to 3 ulp."""
    one, far = k.constant(1.0), _FAR[k.dtype]
    size = k.absolute(x)
    square = k.mul(size, size)
    near = k.mul(x, k.polynomial(k.minimum(square, one), _NEAR[k.dtype]))
    cut = k.minimum(size, k.constant(far.end))
    u = k.div(k.sub(cut, k.constant(far.centre)), k.add(cut, k.constant(far.centre)))
    rest = k.mul(exp(k, k.neg(k.mul(cut, cut))), k.polynomial(u, far.series))
    value = k.sub(one, rest)
    value = k.select(k.lt(x, k.constant(0.0)), k.neg(value), value)
    return k.select(k.gt(size, one), value, near)
