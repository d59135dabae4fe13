"""The functions equations may use, with their derivatives, as SymPy functions that never rewrite themselves.

Truth values are numbers: 1 for true, 0 for false, so a condition can be multiplied, saved and selected on.
"""

from __future__ import annotations

import sympy as sp

__all__ = [
    "CONDITIONS",
    "FUNCTIONS",
    "both",
    "either",
    "exprel",
    "ge",
    "gt",
    "invert",
    "jump",
    "maximum",
    "nearest",
    "select",
]

_ZERO, _ONE = sp.Integer(0), sp.Integer(1)


class _Flat(sp.Function):
    """A function whose derivative is zero wherever it exists."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return _ZERO


class gt(_Flat):
    """1 where a > b."""

    nargs = 2


class ge(_Flat):
    """1 where a >= b."""

    nargs = 2


class eq(_Flat):
    """1 where a == b."""

    nargs = 2


class both(_Flat):
    """1 where both truth values are 1."""

    nargs = 2


class either(_Flat):
    """1 where at least one truth value is 1."""

    nargs = 2


class invert(_Flat):
    """1 where the truth value is 0."""

    nargs = 1


class floor(_Flat):
    """The largest whole number not above x."""

    nargs = 1


class nearest(_Flat):
    """The nearest whole number; a half goes to the even one."""

    nargs = 1


class sign(_Flat):
    """-1, 0 or 1."""

    nargs = 1


class select(sp.Function):
    """``a`` where the truth value c is 1, else ``b``; the condition carries no gradient."""

    nargs = 3

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        c = self.args[0]
        return {1: _ZERO, 2: c, 3: invert(c)}[argindex]


class jump(sp.Function):
    """``a`` where the event s happened, else ``b``; unlike :class:`select` the event carries gradient a - b."""

    nargs = 3

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        s, a, b = self.args
        return {1: a - b, 2: s, 3: invert(s)}[argindex]


class exprel(sp.Function):
    """(exp(x) - 1)/x, and 1 at x = 0."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return dexprel(self.args[0])


class dexprel(sp.Function):
    """The derivative of :class:`exprel`, and 1/2 at x = 0."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        x = self.args[0]
        # From x*exprel' = exp - exprel; used only by second derivatives of text equations, away from x = 0.
        return (sp.exp(x) - 2 * dexprel(x)) / x


class expm1(sp.Function):
    """exp(x) - 1 without cancellation."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.exp(self.args[0])


class log1p(sp.Function):
    """log(1 + x) without cancellation."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return _ONE / (_ONE + self.args[0])


class sigmoid(sp.Function):
    """1/(1 + exp(-x))."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        s = sigmoid(self.args[0])
        return s * (_ONE - s)


class tanh(sp.Function):
    """The hyperbolic tangent."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return _ONE - tanh(self.args[0]) ** 2


class absolute(sp.Function):
    """The magnitude of x; derivative sign(x)."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sign(self.args[0])


class minimum(sp.Function):
    """The smaller of two values; at a tie the first carries the gradient."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        a, b = self.args
        return ge(b, a) if argindex == 1 else gt(a, b)


class maximum(sp.Function):
    """The larger of two values; at a tie the first carries the gradient."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        a, b = self.args
        return ge(a, b) if argindex == 1 else gt(b, a)


def _clip(x: sp.Expr, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    return minimum(maximum(x, low), high)


def _power(x: sp.Expr, y: sp.Expr) -> sp.Expr:
    return x**y


#: name in the text -> (builder, number of arguments)
FUNCTIONS = {
    "exp": (sp.exp, 1),
    "expm1": (expm1, 1),
    "exprel": (exprel, 1),
    "log": (sp.log, 1),
    "log1p": (log1p, 1),
    "sin": (sp.sin, 1),
    "cos": (sp.cos, 1),
    "tanh": (tanh, 1),
    "sigmoid": (sigmoid, 1),
    "sqrt": (sp.sqrt, 1),
    "abs": (absolute, 1),
    "sign": (sign, 1),
    "floor": (floor, 1),
    "minimum": (minimum, 2),
    "maximum": (maximum, 2),
    "clip": (_clip, 3),
    "where": (select, 3),
    "pow": (_power, 2),
    "int": (lambda c: c, 1),
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
