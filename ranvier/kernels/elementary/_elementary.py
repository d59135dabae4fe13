"""The elementary functions of every target: polynomials of its own operations, never a library call per lane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ranvier.kernels.elementary import (
    _bits,
    _circular,
    _clock,
    _error_function,
    _exponential,
    _inverse,
    _logarithm,
    _power,
)
from ranvier.kernels.elementary._words import Value, Words

__all__ = ["Elementary"]

#: terms of a polynomial that are summed one after the other
_ONE_CHAIN = 9


class Elementary(Words, Protocol):
    """A target, with the functions that follow from its arithmetic."""

    def polynomial(self, x: Value, coefficients: Sequence[float], *, patient: bool = False) -> Value:
        """c0 + c1 x + c2 x^2 + ..., lowest power first; a tree of pairs (Estrin) has the shortest latency.

        ``patient`` uses Horner's rule, which has the fewest operations, for loops with other work to overlap; of many terms it
        sums the even and the odd powers apart, since no processor has enough other work at hand.
        """
        terms: list[Value] = [self.constant(c) for c in coefficients]
        if patient:
            if len(terms) <= _ONE_CHAIN:
                return self._horner(x, terms)
            square = self.mul(x, x)
            even, odd = (self._horner(square, terms[k::2]) for k in (0, 1))
            return self.add(self.mul(odd, x), even)
        while len(terms) > 1:
            pairs = [self.add(self.mul(b, x), a) for a, b in zip(terms[::2], terms[1::2], strict=False)]
            terms = pairs + terms[2 * len(pairs) :]
            x = self.mul(x, x)
        return terms[0]

    def _horner(self, x: Value, terms: list[Value]) -> Value:
        value = terms.pop()
        while terms:
            value = self.add(self.mul(value, x), terms.pop())
        return value

    def function(self, name: str, x: Value, uses: int) -> Value:
        """The function ``name`` of x in a program with so many ``uses``; a target may call it instead of copying it."""
        return getattr(self, name)(x)

    # ---- elementary functions ----------------------------------------------------------------------------------------

    def exp(self, x: Value) -> Value:
        """e^x."""
        return _exponential.exp(self, x)

    def expm1(self, x: Value) -> Value:
        """e^x - 1, accurate near 0."""
        return _exponential.expm1(self, x)

    def exprel(self, x: Value) -> Value:
        """(e^x - 1) / x, and 1 at 0."""
        return _exponential.exprel(self, x)

    def dexprel(self, x: Value) -> Value:
        """The derivative of ``exprel``, 1/2 at 0."""
        return _exponential.dexprel(self, x)

    def log(self, x: Value) -> Value:
        """The natural logarithm."""
        return _logarithm.log(self, x)

    def log1p(self, x: Value) -> Value:
        """log(1 + x), accurate near 0."""
        return _logarithm.log1p(self, x)

    def tanh(self, x: Value) -> Value:
        """The hyperbolic tangent."""
        return _exponential.tanh(self, x)

    def sigmoid(self, x: Value) -> Value:
        """1 / (1 + e^-x)."""
        return _exponential.sigmoid(self, x)

    def sin(self, x: Value) -> Value:
        """The sine, x in radians."""
        return _circular.sin(self, x)

    def cos(self, x: Value) -> Value:
        """The cosine, x in radians."""
        return _circular.cos(self, x)

    def arctan(self, x: Value) -> Value:
        """The angle whose tangent is x, in radians."""
        return _inverse.arctan(self, x)

    def arcsin(self, x: Value) -> Value:
        """The angle whose sine is x, in radians."""
        return _inverse.arcsin(self, x)

    def arccos(self, x: Value) -> Value:
        """The angle whose cosine is x, in radians."""
        return _inverse.arccos(self, x)

    def erf(self, x: Value) -> Value:
        """The error function."""
        return _error_function.erf(self, x)

    def power_int(self, x: Value, n: int) -> Value:
        """x^n for a whole number known when the code is written."""
        return _power.power_int(self, x, n)

    def power(self, x: Value, y: Value) -> Value:
        """x^y."""
        return _power.power(self, x, y)

    def scale(self, x: Value, nearest: Value, n: Value) -> Value:
        """x 2^n for |n| below twice the bias, n given as a float and as an integer; the power itself may not be normal."""
        return _bits.scale(self, x, n)

    def from_integer(self, n: Value) -> Value:
        """The float of an integer of at most 2^22 in size."""
        return _bits.from_integer(self, n)

    def between(self, a: Value, b: Value) -> Value:
        """a - b, and 0 where rounding alone separates both."""
        return _clock.between(self, a, b)

    def settled(self, x: Value) -> Value:
        """x, or the whole number that rounding alone separates from it."""
        return _clock.settled(self, x)

    def angle(self, x: Value) -> Value:
        """x less a multiple of 2 pi, from -pi to pi."""
        return _clock.angle(self, x)
