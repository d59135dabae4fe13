"""The functions equations may use, with their derivatives, as SymPy functions that stay as they are written.

Only a function of nothing but numbers becomes a number at once, so that no kernel has to evaluate one. Truth values are
numbers: 1 for true, 0 for false, so a condition can be multiplied, saved and selected on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import sympy as sp

__all__ = [
    "CONDITIONS",
    "FUNCTIONS",
    "both",
    "detach",
    "either",
    "eq",
    "exp",
    "expm1",
    "exprel",
    "floor",
    "folded",
    "ge",
    "gt",
    "invert",
    "jump",
    "log1p",
    "maximum",
    "mod",
    "nearest",
    "risen",
    "select",
    "sigmoid",
    "steep",
]

_ZERO, _ONE = sp.Integer(0), sp.Integer(1)


class _Named(sp.Function):
    """A function with its value for plain numbers."""

    number: ClassVar[Callable[..., float]]

    @classmethod
    def eval(cls, *args: sp.Expr) -> sp.Expr | None:
        if not all(a.is_Number for a in args):
            return None
        try:
            value = float(cls.number(*map(float, args)))
        except (ArithmeticError, ValueError):
            return sp.nan
        return sp.Integer(int(value)) if value.is_integer() else sp.Float(value)


class _Flat(_Named):
    """A function whose derivative is zero wherever it exists."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return _ZERO


class gt(_Flat):
    """1 where a > b."""

    nargs = 2
    number = staticmethod(lambda a, b: a > b)


class ge(_Flat):
    """1 where a >= b."""

    nargs = 2
    number = staticmethod(lambda a, b: a >= b)


class eq(_Flat):
    """1 where a == b."""

    nargs = 2
    number = staticmethod(lambda a, b: a == b)


class both(_Flat):
    """1 where both truth values are 1."""

    nargs = 2
    number = staticmethod(lambda a, b: a * b)


class either(_Flat):
    """1 where at least one truth value is 1."""

    nargs = 2
    number = staticmethod(max)


class invert(_Flat):
    """1 where the truth value is 0."""

    nargs = 1
    number = staticmethod(lambda c: 1 - c)


class floor(_Flat):
    """The largest whole number not above x."""

    nargs = 1
    number = staticmethod(lambda x: math.floor(x))


class nearest(_Flat):
    """The nearest whole number; a half goes to the even one."""

    nargs = 1
    number = staticmethod(round)


class detach(_Flat):
    """x itself, as a number without derivative."""

    nargs = 1
    number = staticmethod(lambda x: x)


class sign(_Flat):
    """-1, 0 or 1."""

    nargs = 1
    number = staticmethod(lambda x: (x > 0) - (x < 0))


class select(_Named):
    """``a`` where the truth value c is 1, else ``b``; the condition carries no gradient."""

    nargs = 3
    number = staticmethod(lambda c, a, b: a if c else b)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        c = self.args[0]
        return {1: _ZERO, 2: c, 3: invert(c)}[argindex]


class jump(_Named):
    """``a`` where the event s happened, else ``b``; unlike :class:`select` the event carries gradient a - b."""

    nargs = 3
    number = staticmethod(lambda s, a, b: a if s else b)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        s, a, b = self.args
        return {1: a - b, 2: s, 3: invert(s)}[argindex]


class exp(_Named):
    """The exponential of its argument as written.

    SymPy's own splits exp(a - 4) into 0.0183…*exp(a), whose rounding 1 - exp(a - 4) keeps near its zero.
    """

    nargs = 1
    number = staticmethod(lambda x: math.exp(x) or 5e-324)  # nowhere zero

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return self


def risen(e: sp.Expr) -> sp.Expr | None:
    """x where ``e`` is 1 + exp(x), the denominator of a sigmoid; else None."""
    if not e.is_Add or len(e.args) != 2 or e.args[0] != 1 or not isinstance(e.args[1], exp):
        return None
    return e.args[1].args[0]


class exprel(_Named):
    """(exp(x) - 1)/x, and 1 at x = 0."""

    nargs = 1
    number = staticmethod(lambda x: math.expm1(x) / x if x else 1.0)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return dexprel(self.args[0])


def _dexprel(x: float) -> float:
    if abs(x) < 0.05:
        return math.fsum((k - 1) / math.factorial(k) * x ** (k - 2) for k in range(2, 12))
    return (math.exp(x) - math.expm1(x) / x) / x


class dexprel(_Named):
    """The derivative of :class:`exprel`, and 1/2 at x = 0."""

    nargs = 1
    number = staticmethod(_dexprel)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        x = self.args[0]
        # From x*exprel' = exp - exprel; used only by second derivatives of text equations, away from x = 0.
        return (exp(x) - 2 * dexprel(x)) / x


class expm1(_Named):
    """exp(x) - 1 without cancellation."""

    nargs = 1
    number = staticmethod(math.expm1)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return exp(self.args[0])


class log1p(_Named):
    """log(1 + x) without cancellation."""

    nargs = 1
    number = staticmethod(math.log1p)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return _ONE / (_ONE + self.args[0])


class sigmoid(_Named):
    """1/(1 + exp(-x))."""

    nargs = 1
    number = staticmethod(lambda x: 0.5 + 0.5 * math.tanh(x / 2))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        s = sigmoid(self.args[0])
        return s * (_ONE - s)


class tanh(_Named):
    """The hyperbolic tangent."""

    nargs = 1
    number = staticmethod(math.tanh)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return _ONE - tanh(self.args[0]) ** 2


class arctan(_Named):
    """The angle whose tangent is x."""

    nargs = 1
    number = staticmethod(math.atan)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return _ONE / (_ONE + self.args[0] ** 2)


class arcsin(_Named):
    """The angle whose sine is x; at -1 and 1 its infinite slope counts as 0."""

    nargs = 1
    number = staticmethod(math.asin)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        square = (_ONE - self.args[0]) * (_ONE + self.args[0])
        return select(gt(square, _ZERO), 1 / sp.sqrt(square), _ZERO)


class arccos(_Named):
    """The angle whose cosine is x; at -1 and 1 its infinite slope counts as 0."""

    nargs = 1
    number = staticmethod(math.acos)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return -arcsin(self.args[0]).fdiff()


class erf(_Named):
    """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."""

    nargs = 1
    number = staticmethod(math.erf)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.Float(2 / math.sqrt(math.pi)) * exp(-(self.args[0] ** 2))


class absolute(_Named):
    """The magnitude of x; derivative sign(x)."""

    nargs = 1
    number = staticmethod(lambda x: abs(x))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sign(self.args[0])


class minimum(_Named):
    """The smaller of two values; at a tie the first carries the gradient."""

    nargs = 2
    number = staticmethod(min)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        a, b = self.args
        return ge(b, a) if argindex == 1 else gt(a, b)


class maximum(_Named):
    """The larger of two values; at a tie the first carries the gradient."""

    nargs = 2
    number = staticmethod(max)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        a, b = self.args
        return ge(a, b) if argindex == 1 else gt(b, a)


def steep(e: sp.Expr) -> bool:
    """Whether ``e`` is a power such as sqrt(x), whose derivative is infinite where x is 0."""
    return bool(isinstance(e, sp.Pow) and e.args[1].is_number and 0 < e.args[1] < 1 and e.args[0].free_symbols)


def folded(e: sp.Expr) -> sp.Expr:
    """``e`` with every function of numbers evaluated."""
    if e.is_Atom:
        return e
    parts = [folded(part) for part in e.args]
    if any(new is not old for new, old in zip(parts, e.args, strict=True)):
        e = e.func(*parts)
    if isinstance(e, sp.Function) and all(part.is_Number for part in e.args):
        value = complex(e)
        return sp.Float(value.real) if not value.imag else sp.nan
    return e


def _sinh(x: sp.Expr) -> sp.Expr:
    return (expm1(x) - expm1(-x)) / 2


def _cosh(x: sp.Expr) -> sp.Expr:
    return (exp(x) + exp(-x)) / 2


def _tan(x: sp.Expr) -> sp.Expr:
    return sp.sin(x) / sp.cos(x)


def _log10(x: sp.Expr) -> sp.Expr:
    return sp.log(x) * sp.Float(1 / math.log(10))


def _ceil(x: sp.Expr) -> sp.Expr:
    return -floor(-x)


def mod(x: sp.Expr, y: sp.Expr) -> sp.Expr:
    """What the whole quotient of x and y leaves of x."""
    return x - y * floor(x / y)


def _clip(x: sp.Expr, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    return minimum(maximum(x, low), high)


#: name in the text -> (builder, number of arguments)
FUNCTIONS = {
    "exp": (exp, 1),
    "expm1": (expm1, 1),
    "exprel": (exprel, 1),
    "log": (sp.log, 1),
    "log1p": (log1p, 1),
    "log10": (_log10, 1),
    "sin": (sp.sin, 1),
    "cos": (sp.cos, 1),
    "tan": (_tan, 1),
    "sinh": (_sinh, 1),
    "cosh": (_cosh, 1),
    "tanh": (tanh, 1),
    "arcsin": (arcsin, 1),
    "arccos": (arccos, 1),
    "arctan": (arctan, 1),
    "erf": (erf, 1),
    "sigmoid": (sigmoid, 1),
    "sqrt": (sp.sqrt, 1),
    "abs": (absolute, 1),
    "sign": (sign, 1),
    "floor": (floor, 1),
    "ceil": (_ceil, 1),
    "round": (nearest, 1),
    "mod": (mod, 2),
    "minimum": (minimum, 2),
    "maximum": (maximum, 2),
    "clip": (_clip, 3),
    "where": (select, 3),
    "pow": (sp.Pow, 2),
    "int": (lambda c: c, 1),
    "detach": (detach, 1),
}

#: comparison in the text -> builder
CONDITIONS = {
    "Gt": gt,
    "GtE": ge,
    "Lt": lambda a, b: gt(b, a),
    "LtE": lambda a, b: ge(b, a),
    "Eq": eq,
    "NotEq": lambda a, b: invert(eq(a, b)),
}
