"""One lane of arithmetic as text, one printed line an operation.

A target gives one template an operation. Every operation rounds once and none is reordered, so targets whose templates
mean the same IEEE 754 operations give the same bits. Of a mathematical library only the square root is used: all other
functions are the polynomials of :mod:`ranvier.kernels.elementary`, written through this class.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ranvier.errors import ProviderError
from ranvier.kernels.elementary import Elementary

__all__ = ["FLOAT", "INTEGER", "MASK", "PAIR", "Page", "Target", "TextLanes", "Value"]

FLOAT, MASK, INTEGER, PAIR = "float", "mask", "integer", "pair"
_FORMATS = {"float32": ("f", 4), "float64": ("d", 8)}


@dataclass(frozen=True)
class Value:
    """A printed name or literal, and its kind: a float, a truth value, an integer of the float's size, or a reduced angle
    with its number of turns (``PAIR``)."""

    text: str
    type: str


@dataclass(frozen=True)
class Target:
    """The syntax of a target.

    ``constant(kind, letter, x)`` and ``assign(kind, letter, name, text)`` take the letter of the format (f or d);
    ``operations`` are templates over operands {0}, {1}, … and the letter {t}.
    """

    constant: Callable[[str, str, float | int], str]
    assign: Callable[[str, str, str, str], str]
    operations: Mapping[str, str]


class _Line(NamedTuple):
    name: str
    text: str
    operands: tuple[str, ...]


@dataclass
class Page:
    """The lines so far and their operations; equal operations are printed once."""

    lines: list[_Line] = field(default_factory=list)
    made: dict[tuple[str, ...], Value] = field(default_factory=dict)

    def needed(self, results: Iterable[Value]) -> list[str]:
        """The lines on which the results depend."""
        wanted, kept = {r.text for r in results}, []
        for line in reversed(self.lines):
            if line.name in wanted:
                wanted |= set(line.operands)
                kept.append(line.text)
        return kept[::-1]


def _operation(name: str, kind: str = FLOAT) -> Callable[..., Value]:
    return lambda self, *operands: self.printed(name, kind, operands)


class TextLanes(Elementary):
    """One lane of ``dtype`` whose operations become lines of ``page``."""

    mask = MASK

    add, sub, mul, div, neg = map(_operation, ("add", "sub", "mul", "div", "neg"))
    absolute, sqrt, select = map(_operation, ("absolute", "sqrt", "select"))
    lt, le, gt, ge, eq, ne = (_operation(n, MASK) for n in ("lt", "le", "gt", "ge", "eq", "ne"))
    both, either, negate_mask = (_operation(n, MASK) for n in ("both", "either", "negate_mask"))
    from_integer = _operation("from_integer")
    as_float, as_integer, int_ne = _operation("as_float"), _operation("as_integer", INTEGER), _operation("int_ne", MASK)
    int_add, int_sub, int_and = (_operation(n, INTEGER) for n in ("int_add", "int_sub", "int_and"))
    int_xor, int_shl, int_ashr = (_operation(n, INTEGER) for n in ("int_xor", "int_shl", "int_ashr"))

    def __init__(self, dtype: str, target: Target, page: Page) -> None:
        if dtype not in _FORMATS:
            raise ProviderError(f"a step is printed in float32 or float64, not in {dtype!r}.")
        self.dtype, self.target, self.page = dtype, target, page
        self._letter, self.itemsize = _FORMATS[dtype]

    def printed(self, name: str, kind: str, operands: tuple[Value, ...]) -> Value:
        """The result of an operation, printed unless it has been."""
        key = (self._letter, name, *(o.text for o in operands))
        if key not in self.page.made:
            fresh = f"x{len(self.page.made)}"
            text = self.target.operations[name].format(*key[2:], t=self._letter)
            line = self.target.assign(kind, self._letter, fresh, text)
            self.page.lines.append(_Line(fresh, line, key[2:]))
            self.page.made[key] = Value(fresh, kind)
        return self.page.made[key]

    def constant(self, x: float) -> Value:
        """The number ``x``, rounded once to the dtype."""
        try:
            (value,) = struct.unpack(f"<{self._letter}", struct.pack(f"<{self._letter}", float(x)))
        except OverflowError:
            raise ProviderError(
                f"the constant {x!r} does not fit in {self.dtype}; use dtype=torch.float64 or other units"
            ) from None
        return Value(self.target.constant(FLOAT, self._letter, value), FLOAT)

    def integers(self, n: int) -> Value:
        """A whole number as wide as the float."""
        return Value(self.target.constant(INTEGER, self._letter, n), INTEGER)

    def minimum(self, a: Value, b: Value) -> Value:
        """The smaller of both; ``a`` where either is NaN."""
        return self.select(self.lt(b, a), b, a)

    def maximum(self, a: Value, b: Value) -> Value:
        """The larger of both; ``a`` where either is NaN."""
        return self.select(self.gt(b, a), b, a)

    def nonzero(self, a: Value) -> Value:
        """Whether ``a`` is not 0; a NaN is not 0."""
        return self.ne(a, self.constant(0.0))

    def to_float(self, mask: Value) -> Value:
        """1 where the mask is set, else 0."""
        return self.select(mask, self.constant(1.0), self.constant(0.0))

    def round(self, a: Value) -> Value:
        """The nearest whole number, ties to even."""
        large = 2.0 ** (23 if self.dtype == "float32" else 52)
        magic = self.constant(1.5 * large)
        near = self.sub(self.add(a, magic), magic)
        return self.select(self.lt(self.absolute(a), self.constant(large / 2)), near, a)

    def floor(self, a: Value) -> Value:
        """The largest whole number not above ``a``."""
        near = self.round(a)
        return self.select(self.gt(near, a), self.sub(near, self.constant(1.0)), near)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a b + c; the rounding error of the product is added back (T. J. Dekker, Numerische Mathematik 18, 1971)."""
        product = self.mul(a, b)
        (ah, al), (bh, bl) = self._halves(a), self._halves(b)
        error = self.sub(self.mul(ah, bh), product)
        error = self.add(self.add(self.add(error, self.mul(ah, bl)), self.mul(al, bh)), self.mul(al, bl))
        return self.add(self.add(product, c), error)

    def _halves(self, a: Value) -> tuple[Value, Value]:
        wide = self.mul(a, self.constant(2.0 ** (12 if self.dtype == "float32" else 27) + 1))
        high = self.sub(wide, self.sub(wide, a))
        return high, self.sub(a, high)

    def double(self) -> TextLanes:
        """The same page in float64."""
        return TextLanes("float64", self.target, self.page)

    def widen(self, x: Value) -> Value:
        """``x`` as a float64."""
        return self.double().printed("widen", FLOAT, (x,))

    def narrow(self, x: Value) -> Value:
        """A float64 rounded to the dtype."""
        return self.printed("narrow", FLOAT, (x,))

    def unless(self, mask: Value, calm: Value, full: Callable[[], Value]) -> Value:
        """``calm`` where the mask is not set, else the value that ``full`` writes."""
        return self.select(mask, full(), calm)

    def far_angles(self, x: Value, far: float, r: Value, n: Value) -> tuple[Value, Value]:
        """r and n, and where |x| >= ``far`` those that the target's own function of a double finds."""
        wide = x if self.dtype == "float64" else self.widen(x)
        pair = self.double().printed("far_angle", PAIR, (wide,))
        rest = self.double().printed("far_rest", FLOAT, (pair,))
        rest = rest if self.dtype == "float64" else self.narrow(rest)
        turns = self.printed("far_turns", INTEGER, (pair,))
        beyond = self.ge(self.absolute(x), self.constant(far))
        return self.select(beyond, rest, r), self.printed("int_select", INTEGER, (beyond, turns, n))
