"""Conditions and expressions of pairs of cells as text: read once, evaluated on arrays of indices."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from sympy.utilities.lambdify import lambdify

from ranvier.connectivity._connectivity import ConnectivityError, Ends
from ranvier.dynamics import Reader, check_name, named_draws
from ranvier.errors import EquationError, ShapeError
from ranvier.units import UNITS, Dimension, Quantity, as_quantity

__all__ = ["PairText", "Uniforms"]

#: the k-th random numbers of the pairs, strictly between 0 and 1
Uniforms = Callable[[int], np.ndarray]

_NUMBERS = ("i", "j", "N_pre", "N_post")
_AXES = {f"{axis}_{side}": (k, s) for k, axis in enumerate("xyz") for s, side in enumerate(("pre", "post"))}
_PLACES = ("distance", *_AXES)
_SIDES = {"_pre": 0, "_post": 1}


def _erf(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf  # slow to import

    return erf(x)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "gt": lambda a, b: np.greater(a, b).astype(np.float64),
    "ge": lambda a, b: np.greater_equal(a, b).astype(np.float64),
    "eq": lambda a, b: np.equal(a, b).astype(np.float64),
    "both": np.multiply,
    "either": np.maximum,
    "invert": lambda c: 1.0 - c,
    "nearest": np.rint,
    "detach": lambda x: x,
    "select": lambda c, a, b: np.where(c, a, b),
    "exprel": lambda x: np.where(x == 0, 1.0, np.expm1(x) / np.where(x == 0, 1.0, x)),
    "sigmoid": lambda x: 0.5 + 0.5 * np.tanh(x / 2),
    "erf": _erf,
    "absolute": np.abs,
}


class PairText:
    """The text of a condition (``truth``) or of an expression in the names of a pair of cells.

    ``values`` are further names: a number each, or an array [cells] where the name ends in ``_pre`` or ``_post``. ``what``
    stands before messages; ``first`` is the number of its first ``rand()``.
    """

    def __init__(
        self, text: str, values: Mapping[str, Any], what: str, *, truth: bool = False, first: int = 0
    ) -> None:  # fmt: skip
        self.text, self.what, self.truth, self.first = text, what, truth, first
        self.values = {name: _value(name, value, what) for name, value in values.items()}
        known = {*_NUMBERS, *_PLACES, *self.values}
        tree, draws = named_draws(text, text, each="pair")
        self.draws = tuple(draws)
        called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}
        for name in sorted(names - known - set(UNITS) - {"pi", *self.draws}):
            if name == "N":
                raise EquationError(f"{what}: 'N' is not clear; write N_pre or N_post.", line=text)
            raise EquationError(
                f"{what}: unknown name {name!r}: a pair has {', '.join(_NUMBERS)}, distance, x_pre, x_post, … and rand(); give "
                f"others as arguments of rv.Where, for example {name}=3, or write their numbers.",
                line=text,
            )
        self.names = names
        if self.needs_places:
            return
        self.dimension(Ends((1, 1)))

    @property
    def needs_places(self) -> bool:
        """Whether it reads where cells are."""
        return any(name in _PLACES and name not in self.values for name in self.names)

    def dimension(self, ends: Ends) -> Dimension:
        """Of its numbers; what the text says is checked."""
        return self._read(ends)[2]

    def __call__(self, ends: Ends, pre: np.ndarray, post: np.ndarray, uniforms: Uniforms) -> np.ndarray:
        """Float64 numbers [pairs] in base units, or truth values as 1 and 0."""
        function, names, _ = self._read(ends)
        pair = pre, post
        with np.errstate(all="ignore"):
            out = function(*(self._array(name, ends, pair, uniforms) for name in names))
        return np.broadcast_to(np.asarray(out, np.float64), len(pre))

    def _read(self, ends: Ends) -> tuple[Callable[..., Any], tuple[str, ...], Dimension]:
        none = Dimension()
        length = ends.placed(self.what)[0].dimension if self.needs_places else none
        given = {name: value.dimension for name, value in self.values.items()}
        dimensions = dict.fromkeys(_NUMBERS, none) | dict.fromkeys(_PLACES, length) | given
        return _read(self.text, tuple(dimensions.items()), self.truth)

    def _array(self, name: str, ends: Ends, pair: tuple[np.ndarray, np.ndarray], uniforms: Uniforms) -> Any:
        if name in self.draws:
            return uniforms(self.first + self.draws.index(name))
        if name in self.values:
            return self._given(name, ends, pair)
        if name in _NUMBERS:
            k = _NUMBERS.index(name)
            return pair[k].astype(np.float64) if k < 2 else float(ends.sizes[k - 2])
        before, behind = ends.placed(self.what)
        if name == "distance":
            return np.asarray(getattr(distance := before.distances(behind, *pair), "value", distance))
        axis, side = _AXES[name]
        place = (before, behind)[side]
        if axis >= place.axes:
            raise ShapeError(f"{self.what}: {name} needs {axis + 1} axes, but the positions have {place.axes}.")
        return place.coordinates[pair[side], axis]

    def _given(self, name: str, ends: Ends, pair: tuple[np.ndarray, np.ndarray]) -> Any:
        array = np.asarray(self.values[name].value)
        if array.ndim == 0:
            return float(array)
        side = next(s for end, s in _SIDES.items() if name.endswith(end))
        if len(array) != ends.sizes[side]:
            raise ShapeError(
                f"{self.what}: {name} has {len(array)} numbers for {ends.sizes[side]} cells; give one for each."
            )
        return array[pair[side]]


@lru_cache(maxsize=64)
def _read(
    text: str, dimensions: tuple[tuple[str, Dimension], ...], truth: bool
) -> tuple[Callable[..., Any], tuple[str, ...], Dimension]:
    """A function of arrays, their names, and the dimension of the result."""
    tree, draws = named_draws(text, text, each="pair")
    reader = Reader(dict(dimensions) | dict.fromkeys(draws, Dimension()))
    expression, dimension = (reader.condition(tree, text), Dimension()) if truth else reader.read(tree, text)
    names = tuple(sorted(str(symbol) for symbol in expression.free_symbols))
    return lambdify([sp.Symbol(n) for n in names], expression, [_FUNCTIONS, "numpy"], cse=True), names, dimension


def _value(name: str, value: Any, what: str) -> Quantity:
    """A finite number, or a row of them where the name says of which cells."""
    check_name(name, f"{name}={value!r}"[:80])
    if name in (*_NUMBERS, "distance"):
        raise ConnectivityError(f"{what}: {name!r} has a meaning of its own; rename the value.")
    try:
        quantity = as_quantity(value)
        given = quantity.value.detach().cpu().numpy() if hasattr(quantity.value, "detach") else quantity.value
        array = np.array(given, np.float64)
    except (TypeError, ValueError) as error:
        raise ConnectivityError(f"{what}: {name}={value!r} is not a number; give one, with its unit.") from error
    if array.ndim > 1 or (array.ndim == 1 and not name.endswith(tuple(_SIDES))):
        raise ConnectivityError(
            f"{what}: {name} has the shape {array.shape}; give one number, or one per cell under a name that ends in _pre or "
            f"_post, for example {name}_pre."
        )
    if not np.isfinite(array).all():
        raise ConnectivityError(f"{what}: {name}={value!r} is not finite; give finite numbers.")
    return Quantity(array, quantity.dimension)
