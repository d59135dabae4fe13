"""Values of cells as plain data: numbers, quantities, arrays, distributions and learnable values."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ranvier.dynamics import parse_unit
from ranvier.errors import FileFormatError
from ranvier.limits.record import Record
from ranvier.units import Dimension, Quantity, as_quantity
from ranvier.values import Clipped, Distribution, ExponentialDistribution, Learn, LogNormal, Normal, Uniform

__all__ = ["decode_value", "encode_value"]

#: the distributions a file may hold, and their numbers (all in the distribution's unit but sigma, a plain number)
_DISTRIBUTIONS: dict[type[Distribution], tuple[str, ...]] = {
    ExponentialDistribution: ("mean",),
    LogNormal: ("median", "sigma"),
    Normal: ("mean", "std", "low", "high"),
    Uniform: ("low", "high"),
}
_PLAIN = ("sigma",)
#: names in files of 0.1.0
_OLD: dict[str, type[Distribution]] = {"Exponentially": ExponentialDistribution}


def encode_value(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """Plain data for ``value``; arrays go to ``tensors[name]``."""
    if isinstance(value, Learn):
        start = encode_value(value.value, name, tensors)
        return {"learn": start, "min": value.min, "max": value.max, "unit": str(value.dimension), "each": value.each}
    if isinstance(value, Clipped):
        low, high = (x if np.isfinite(x) else None for x in (value.low, value.high))
        inner = encode_value(value.distribution, name, tensors)
        return {"clipped": inner, "unit": str(value.dimension), "low": low, "high": high}
    if isinstance(value, Distribution):
        if type(value) not in _DISTRIBUTIONS:
            kinds = ", ".join(sorted(kind.__name__ for kind in (Clipped, *_DISTRIBUTIONS)))
            raise FileFormatError(f"{name}={value!r} cannot be saved: use {kinds}, or give the numbers as an array.")
        numbers = {n: float(getattr(value, n)) for n in _DISTRIBUTIONS[type(value)]}
        finite = {n: x if np.isfinite(x) else None for n, x in numbers.items()}
        return {"distribution": type(value).__name__, "unit": str(value.dimension), **finite}
    if isinstance(value, str):
        return {"text": value}
    quantity = as_quantity(value)
    unit = str(quantity.dimension)
    if isinstance(quantity.value, float):
        return {"value": quantity.value, "unit": unit}
    array = quantity.value
    tensors[name] = array.detach() if isinstance(array, torch.Tensor) else torch.from_numpy(np.array(array))
    return {"array": name, "unit": unit}


def decode_value(record: Record, tensors: dict[str, torch.Tensor]) -> Any:
    """The value that :func:`encode_value` described; its arrays are taken out of ``tensors``."""
    if "text" in record:
        return record.text("text")
    dimension = _dimension(record)
    if "learn" in record:
        bounds = [Quantity(record.number(n), dimension) if n in record else None for n in ("min", "max")]
        return Learn(decode_value(record.child("learn"), tensors), *bounds, each=record.flag("each"))
    if "clipped" in record:
        bounds = {n: Quantity(record.number(n), dimension) for n in ("low", "high") if n in record}
        return Clipped(decode_value(record.child("clipped"), tensors), **bounds)
    if "distribution" in record:
        kinds = {kind.__name__: kind for kind in _DISTRIBUTIONS} | _OLD
        kind = kinds[record.choice("distribution", *kinds)]
        numbers = {n: record.number(n) for n in _DISTRIBUTIONS[kind] if n in record}
        return kind(**{n: x if n in _PLAIN else Quantity(x, dimension) for n, x in numbers.items()})
    if "array" in record:
        name = record.text("array")
        if name not in tensors:
            raise record.error("array", "the name of a tensor in the file, each used once")
        return Quantity(tensors.pop(name).numpy(), dimension)
    number = record.number("value")
    return number if dimension.is_none else Quantity(number, dimension)


def _dimension(record: Record) -> Dimension:
    unit = record.text("unit")
    dimension = parse_unit(unit, f"{record.where}.unit")
    if str(dimension) != unit:
        raise record.error("unit", f"the base unit {dimension}")
    return dimension
