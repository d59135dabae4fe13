"""Physical dimensions as exponents over six base units."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from functools import lru_cache

__all__ = ["Dimension"]

_BASE_UNITS = ("ms", "mV", "nA", "mm", "mM", "K")


@dataclass(frozen=True)
class Dimension:
    """Exponents over time, voltage, current, length, concentration and temperature.

    The matching base units are ms, mV, nA, mm, mM and K; uS = nA/mV, nF = nA*ms/mV, Mohm = mV/nA and kHz = 1/ms
    are coherent with them, so that no equation needs a conversion factor. Exponents are exact fractions, because
    noise carries square roots of time.

    >>> str(Dimension(voltage=1) / Dimension(time=1))
    'mV/ms'
    """

    time: Fraction | float = Fraction(0)
    voltage: Fraction | float = Fraction(0)
    current: Fraction | float = Fraction(0)
    length: Fraction | float = Fraction(0)
    concentration: Fraction | float = Fraction(0)
    temperature: Fraction | float = Fraction(0)

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _fraction(getattr(self, field.name)))

    @property
    def exponents(self) -> tuple[Fraction, ...]:
        """The six exponents in the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))

    @property
    def is_none(self) -> bool:
        """True for a plain number."""
        return not any(self.exponents)

    def __mul__(self, other: Dimension) -> Dimension:
        return _product(self, other, 1)

    def __truediv__(self, other: Dimension) -> Dimension:
        return _product(self, other, -1)

    def __pow__(self, exponent: float | Fraction) -> Dimension:
        power = _fraction(exponent)
        return Dimension(*(a * power for a in self.exponents))

    def __str__(self) -> str:
        if self == Dimension(time=-1):
            return "kHz"
        candidates = [_spell(self, ())]
        for name, derived in _DERIVED.items():
            candidates.append(_spell(self / derived, ((name, Fraction(1)),)))
            candidates.append(_spell(self * derived, ((name, Fraction(-1)),)))
        return min(candidates, key=_length)

    def __repr__(self) -> str:
        return f"Dimension({self})"


@lru_cache(maxsize=1024)
def _product(first: Dimension, second: Dimension, power: int) -> Dimension:
    """The dimension of ``first * second**power``; few are ever met, so all are kept."""
    return Dimension(*(a + power * b for a, b in zip(first.exponents, second.exponents, strict=True)))


def _fraction(value: float | Fraction) -> Fraction:
    return Fraction(value).limit_denominator(1000)


def _spell(dimension: Dimension, derived: tuple[tuple[str, Fraction], ...]) -> str:
    """Write a product of powers, numerator first."""
    powers = [*derived, *zip(_BASE_UNITS, dimension.exponents, strict=True)]
    above = "*".join(_power(unit, exponent) for unit, exponent in powers if exponent > 0)
    below = "".join(f"/{_power(unit, -exponent)}" for unit, exponent in powers if exponent < 0)
    return (above or "1") + below


def _power(unit: str, exponent: Fraction) -> str:
    if exponent == 1:
        return unit
    return f"{unit}**{exponent}" if exponent.denominator == 1 else f"{unit}**({exponent})"


def _length(spelling: str) -> tuple[int, int]:
    """Prefer few factors, then a bare product over a quotient."""
    factors = spelling.replace("**", "^").replace("*", "/").split("/")
    return len(factors) + spelling.count("^"), spelling.count("1/")


_DERIVED: dict[str, Dimension] = {
    "uS": Dimension(current=1, voltage=-1),
    "nF": Dimension(current=1, time=1, voltage=-1),
    "Mohm": Dimension(voltage=1, current=-1),
}
