"""Where values enter the package: anything numeric becomes a quantity, then a plain number in base units."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.errors import DimensionError
from ranvier.units._dimension import Dimension
from ranvier.units._quantity import Quantity

__all__ = ["as_quantity", "strip"]

# One SI base unit counted in the coherent units of the package, by the exponent it multiplies.
_NONE = Dimension()
_SI_SIZES = {"time": 1e3, "voltage": 1e3, "current": 1e9, "length": 1e3, "concentration": 1.0, "temperature": 1.0}


def as_quantity(x: Any) -> Quantity:
    """Turn a number, array, tensor, sequence of quantities or pint quantity into a :class:`Quantity`.

    Plain numbers, NumPy arrays and torch tensors become dimensionless; a tensor is kept as it is, with its gradient.

    Raises
    ------
    DimensionError
        When a sequence mixes dimensions, or a pint quantity has one the package does not know.
    TypeError
        When ``x`` is not numeric.

    Examples
    --------
    >>> from ranvier.units import ms
    >>> as_quantity([1 * ms, 2 * ms])
    [1., 2.] ms
    """
    if isinstance(x, Quantity):
        return x
    if hasattr(x, "to_base_units") and hasattr(x, "dimensionality"):
        return _from_pint(x)
    if isinstance(x, list | tuple) and any(isinstance(item, Quantity) for item in x):
        return _stack([as_quantity(item) for item in x])
    return Quantity(x, _NONE)


def strip(x: Any, dimension: Dimension | Quantity, name: str) -> Any:
    """The value of ``x`` in base units, after checking its dimension.

    Parameters
    ----------
    x
        Anything :func:`as_quantity` takes.
    dimension
        The dimension the parameter must have; a unit such as ``ms`` may stand for it.
    name
        The name of the parameter, for the message.

    Returns
    -------
    float, numpy.ndarray or torch.Tensor
        In ms, mV, nA, mm, mM, K and the units coherent with them.

    Raises
    ------
    DimensionError
        When the dimensions differ; a plain number for a dimensional parameter is such a case.

    Examples
    --------
    >>> from ranvier.units import ms, second
    >>> strip(2 * second, ms, "duration")
    2000.0
    """
    wanted = dimension.dimension if isinstance(dimension, Quantity) else dimension
    quantity = as_quantity(x)
    if quantity.dimension == wanted:
        return quantity.value
    if quantity.dimension.is_none:
        unit = _name_of(dimension)
        if quantity.shape != ():
            raise DimensionError(
                f"{name} holds plain numbers (shape {tuple(quantity.shape)}), but needs the dimension {wanted}; multiply by a unit, "
                f"for example {name}*{unit}"
            )
        raise DimensionError(
            f"{name} = {quantity} is a plain number, but the dimension {wanted} is needed; "
            f"multiply it by a unit, for example {name} = {quantity}*{unit}"
        )
    if wanted.is_none:
        raise DimensionError(
            f"{name} = {quantity} has the dimension {quantity.dimension}, but a plain number is needed; "
            f"divide it by a unit, for example {name}/({quantity.dimension})"
        )
    raise DimensionError(
        f"{name} = {quantity} has the dimension {quantity.dimension}, but {wanted} is needed; "
        f"give {name} in {wanted} or a multiple of it"
    )


def _name_of(unit: Quantity | Dimension) -> str:
    """How a unit is written; a dimension by its base unit."""
    from ranvier.units._catalogue import UNITS  # the table is made of quantities

    if isinstance(unit, Dimension):
        return str(unit)
    same = (n for n, u in UNITS.items() if u.dimension == unit.dimension and float(u.value) == float(unit.value))
    return next(same, str(unit.dimension))


def _stack(items: list[Quantity]) -> Quantity:
    dimensions = {item.dimension for item in items}
    if len(dimensions) > 1:
        shown = ", ".join(sorted(str(dimension) for dimension in dimensions))
        raise DimensionError(f"one array cannot hold the dimensions {shown}; give every element the same")
    return Quantity(np.array([item.value for item in items]), items[0].dimension)


def _from_pint(x: Any) -> Quantity:
    """Convert through SI: a mass only ever occurs inside voltage, V = kg m2 s-3 A-1."""
    base = x.to_base_units()
    powers = {str(key).strip("[]"): float(value) for key, value in dict(base.dimensionality).items()}
    mass, substance = powers.pop("mass", 0.0), powers.pop("substance", 0.0)
    exponents = {
        "voltage": mass,
        "concentration": substance,
        "length": powers.pop("length", 0.0) - 2 * mass + 3 * substance,
        "time": powers.pop("time", 0.0) + 3 * mass,
        "current": powers.pop("current", 0.0) + mass,
        "temperature": powers.pop("temperature", 0.0),
    }
    if powers:
        raise DimensionError(f"{x} has the dimension {', '.join(powers)}, which no equation here knows; remove it")
    size = float(np.prod([_SI_SIZES[name] ** exponent for name, exponent in exponents.items()]))
    return Quantity(base.magnitude * size, Dimension(**exponents))
