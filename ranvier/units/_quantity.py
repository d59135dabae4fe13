"""A number or an array together with its physical dimension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, SupportsIndex

import numpy as np

from ranvier.errors import DimensionError, NumberError
from ranvier.units._dimension import Dimension
from ranvier.units._display import spell
from ranvier.units._ufuncs import apply_ufunc

__all__ = ["Quantity"]

_NONE = Dimension()


class Quantity:
    """A value in the base units of its dimension.

    Units are quantities themselves, so ``20*ms`` and ``np.array([1.0, 2.0])*mV`` are quantities too. Sums and
    comparisons need equal dimensions; products and powers make new ones. Nothing changes a quantity in place.

    Parameters
    ----------
    value
        A number, an array or a torch tensor, in base units (ms, mV, nA, mm, mM, K).
    dimension
        The physical dimension; none when left out.

    Raises
    ------
    DimensionError
        From sums, comparisons and conversions whose dimensions differ.

    Examples
    --------
    >>> from ranvier.units import ms, mV, second
    >>> (2 * second).to(ms)
    2000.0
    >>> 15 * mV / (20 * ms)
    0.75 mV/ms
    """

    __slots__ = ("dimension", "value")
    __array_priority__ = 1000

    value: Any
    dimension: Dimension

    def __init__(self, value: Any, dimension: Dimension | None = None) -> None:
        object.__setattr__(self, "value", plain(value))
        object.__setattr__(self, "dimension", Dimension() if dimension is None else dimension)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Quantity cannot be changed; make a new one instead of setting .{name}")

    def to(self, unit: Quantity) -> Any:
        """The plain value counted in ``unit``: a float, an array or a tensor."""
        if unit.dimension != self.dimension:
            raise DimensionError(
                f"{self} cannot be converted to {unit}: its dimension is {self.dimension}, not {unit.dimension}"
            )
        return self.value / unit.value

    # -- arithmetic ---------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Quantity:
        return Quantity(self.value + self._aligned(other, "add", "to"), self.dimension)

    def __radd__(self, other: Any) -> Quantity:
        return Quantity(self._aligned(other, "add", "to") + self.value, self.dimension)

    def __sub__(self, other: Any) -> Quantity:
        return Quantity(self.value - self._aligned(other, "subtract", "from"), self.dimension)

    def __rsub__(self, other: Any) -> Quantity:
        return Quantity(self._aligned(other, "subtract", "from") - self.value, self.dimension)

    def __mul__(self, other: Any) -> Quantity:
        value, dimension = split(other)
        return Quantity(self.value * value, self.dimension * dimension)

    def __rmul__(self, other: Any) -> Quantity:
        value, dimension = split(other)
        return Quantity(value * self.value, dimension * self.dimension)

    def __truediv__(self, other: Any) -> Quantity:
        value, dimension = split(other)
        return Quantity(self.value / value, self.dimension / dimension)

    def __rtruediv__(self, other: Any) -> Quantity:
        value, dimension = split(other)
        return Quantity(value / self.value, dimension / self.dimension)

    def __pow__(self, exponent: Any) -> Quantity:
        power = float(exponent)
        return Quantity(self.value**power, self.dimension**power)

    def __neg__(self) -> Quantity:
        return Quantity(-self.value, self.dimension)

    def __pos__(self) -> Quantity:
        return self

    def __abs__(self) -> Quantity:
        return Quantity(abs(self.value), self.dimension)

    # -- comparison ---------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> Any:
        try:
            value, dimension = split(other)
        except (TypeError, ValueError):
            return NotImplemented
        return self.value == value if dimension == self.dimension else False

    def __ne__(self, other: object) -> Any:
        try:
            value, dimension = split(other)
        except (TypeError, ValueError):
            return NotImplemented
        return self.value != value if dimension == self.dimension else True

    def __lt__(self, other: Any) -> Any:
        return self.value < self._aligned(other, "compare", "with")

    def __le__(self, other: Any) -> Any:
        return self.value <= self._aligned(other, "compare", "with")

    def __gt__(self, other: Any) -> Any:
        return self.value > self._aligned(other, "compare", "with")

    def __ge__(self, other: Any) -> Any:
        return self.value >= self._aligned(other, "compare", "with")

    def __hash__(self) -> int:
        return hash(self.value) if self.dimension.is_none else hash((self.value, self.dimension))

    def __bool__(self) -> bool:
        return bool(self.value)

    # -- conversion and containers ------------------------------------------------------------------------------

    def __float__(self) -> float:
        return float(self._number("a float"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        value = self._number("a plain array")
        return np.array(value, dtype=dtype) if copy else np.asarray(value, dtype=dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return apply_ufunc(ufunc, method, inputs, options)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value; ``()`` for a number."""
        return tuple(getattr(self.value, "shape", ()))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"{self} is a single value and has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Quantity]:
        if not self.shape:
            raise TypeError(f"{self} is a single value and cannot be iterated")
        return (Quantity(value, self.dimension) for value in self.value)

    def __getitem__(self, index: Any) -> Quantity:
        if not self.shape:
            raise TypeError(f"{self} is a single value and cannot be indexed")
        return Quantity(self.value[index], self.dimension)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return Quantity, (self.value, self.dimension)

    def __repr__(self) -> str:
        return spell(self.value, self.dimension, digits=12)

    def __str__(self) -> str:
        return spell(self.value, self.dimension, digits=6)

    def __format__(self, specification: str) -> str:
        return format(str(self), specification)

    def _number(self, what: str) -> Any:
        if not self.dimension.is_none:
            raise DimensionError(
                f"{self} is not {what}: it has the dimension {self.dimension}; take .to(unit) for the number of units"
            )
        return self.value

    def _aligned(self, other: Any, verb: str, link: str) -> Any:
        value, dimension = split(other)
        if dimension != self.dimension:
            shown = spell(value, dimension, digits=6)
            raise DimensionError(
                f"cannot {verb} {self} {link} {shown}: the dimensions are {self.dimension} and {dimension}; "
                "multiply the plain number by a unit of ranvier.units, or correct the unit"
            )
        return value


def split(value: Any) -> tuple[Any, Dimension]:
    """A value in base units and its dimension; a plain number has none."""
    if isinstance(value, Quantity):
        return value.value, value.dimension
    return plain(value), _NONE


def plain(value: Any) -> Any:
    """A float, a floating array or a torch tensor; anything else that is not a number is refused."""
    if isinstance(value, Quantity):
        raise TypeError(f"a value without unit is needed here, not {value}")
    if isinstance(value, float | int | np.number | np.bool_):
        return float(value)
    if hasattr(value, "requires_grad"):  # a torch tensor: kept, so that gradients pass
        return value
    if not isinstance(value, np.ndarray | list | tuple):
        raise NumberError(f"{value!r} is not a number, an array or a tensor; give one, with its unit, for example 5*ms")
    try:
        array = np.asarray(value)
    except ValueError:
        raise NumberError(f"{value!r} has rows of different length; give a table, all rows of one length") from None
    if array.dtype.kind not in "fiub":
        raise NumberError(f"{value!r} holds {array.dtype} values; a quantity needs real numbers")
    array = array if array.dtype.kind == "f" else array.astype(np.float64)
    return float(array) if array.ndim == 0 else array
