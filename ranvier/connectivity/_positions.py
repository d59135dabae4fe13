"""Where cells are, in one, two or three dimensions, on an open or a periodic sheet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ranvier.errors import DimensionError, ShapeError
from ranvier.units import UNITS, Dimension, Quantity, as_quantity
from ranvier.values import flag, key_of, uniforms

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

__all__ = ["Grid", "Positions", "RandomPositions", "place"]

_LENGTH = UNITS["mm"].dimension


class Positions:
    """Coordinates [cells, 1, 2 or 3], and the lengths after which space repeats.

    Parameters
    ----------
    coordinates
        An array with a unit of length (or plain numbers, if all lengths of the model are plain).
    period
        One length, one per axis, or None for a sheet with borders. Distances are then the shortest way round.

    >>> places = rv.Positions(np.random.default_rng(0).random((100, 2))*mm, period=1*mm)
    >>> ring = net.population("ring", 100, cell, positions=places)
    """

    def __init__(self, coordinates: Any, period: Any = None) -> None:
        quantity = as_quantity(coordinates)
        self.dimension: Dimension = quantity.dimension
        if self.dimension not in (_LENGTH, Dimension()):
            raise DimensionError(f"positions have the dimension {self.dimension}; give lengths, for example in mm.")
        given = quantity.value
        self.coordinates = np.array(given.detach().cpu().numpy() if hasattr(given, "detach") else given, np.float64)
        if self.coordinates.ndim != 2 or not 1 <= self.coordinates.shape[1] <= 3:
            raise ShapeError(
                f"positions have the shape {self.coordinates.shape}; give [cells, axes] with one to three axes."
            )
        if not np.isfinite(self.coordinates).all():
            cell = int(np.argwhere(~np.isfinite(self.coordinates))[0, 0])
            raise ShapeError(f"the position of cell {cell} is {self.coordinates[cell]}; give finite coordinates.")
        self.period: np.ndarray | None = (
            None if period is None else _lengths(period, self.axes, self.dimension, "period")
        )

    @property
    def axes(self) -> int:
        """1, 2 or 3."""
        return self.coordinates.shape[1]

    def __len__(self) -> int:
        return len(self.coordinates)

    def distances(self, other: Positions, pre: np.ndarray, post: np.ndarray) -> Any:
        """Distance [pairs] from cells ``pre`` here to cells ``post`` of ``other``: a quantity where lengths have a unit."""
        self.match(other)
        step = other.coordinates[post]
        step -= self.coordinates[pre]
        if self.period is not None:
            step -= self.period * np.rint(step / self.period)
        distance = np.sqrt(np.einsum("ij,ij->i", step, step))
        return distance if self.dimension.is_none else Quantity(distance, self.dimension)

    @cached_property
    def _tree(self) -> cKDTree:
        from scipy.spatial import cKDTree  # slow to import

        return cKDTree(self._folded(self.coordinates), boxsize=self.period)

    def _folded(self, coordinates: np.ndarray) -> np.ndarray:
        """Into one period; twice, as the remainder of a tiny negative number is rounded to the period itself."""
        return coordinates if self.period is None else np.mod(np.mod(coordinates, self.period), self.period)

    def near(self, other: Positions, first: int, stop: int, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """Cells of ``other`` within ``reach`` (base units) of cells ``first`` … ``stop`` - 1: row pointer and targets."""
        seen = self._folded(self.coordinates[first:stop])
        found = other._tree.query_ball_point(seen, reach, return_sorted=True)
        pointer = np.zeros(len(found) + 1, np.int64)
        np.cumsum([len(near) for near in found], out=pointer[1:])
        return pointer, np.concatenate([np.empty(0, np.int32), *(np.asarray(near, np.int32) for near in found)])

    def match(self, other: Positions) -> None:
        """Refuse positions in another space."""
        ours, theirs = (
            (p.axes, str(p.dimension), None if p.period is None else p.period.tolist()) for p in (self, other)
        )
        if ours != theirs:
            raise ShapeError(
                f"two populations lie in different spaces (axes, unit, period): {ours} and {theirs}; give both the same."
            )

    def place(self, cells: int, seed: int, name: str) -> Positions:
        """Itself, if there are as many positions as cells."""
        if len(self) != cells:
            raise ShapeError(f"population {name!r} has {cells} cells and {len(self)} positions; give one per cell.")
        return self


class Grid:
    """Cells on a regular grid centred at the origin; the last axis runs fastest.

    Parameters
    ----------
    shape
        Cells along each axis (one number for a line); their product is the size of the population.
    spacing
        Distance of neighbours: one length, or one per axis.
    periodic
        Whether the grid closes upon itself, so that its edges are neighbours.

    >>> sheet = net.population("sheet", 400, cell, positions=rv.Grid((20, 20), 25*um, periodic=True))
    """

    def __init__(self, shape: Sequence[int] | int, spacing: Any, *, periodic: bool = False) -> None:
        self.shape = tuple(shape) if isinstance(shape, Sequence | np.ndarray) else (shape,)
        self.spacing, self.periodic = spacing, flag(periodic, "Grid: periodic")
        if not 1 <= len(self.shape) <= 3 or any(not isinstance(n, int | np.integer) or n < 1 for n in self.shape):
            raise ShapeError(f"Grid: shape={shape!r} must be one to three positive whole numbers.")

    def place(self, cells: int, seed: int, name: str) -> Positions:
        """The positions of a population of ``cells`` cells."""
        if np.prod(self.shape) != cells:
            raise ShapeError(f"population {name!r} has {cells} cells, its grid {self.shape} has {np.prod(self.shape)}.")
        dimension = as_quantity(self.spacing).dimension
        spacing = _lengths(self.spacing, len(self.shape), dimension, "spacing")
        index = np.stack(np.unravel_index(np.arange(cells), self.shape), 1)
        middle = (np.array(self.shape) - 1) / 2
        period = Quantity(spacing * self.shape, dimension) if self.periodic else None
        return Positions(Quantity((index - middle) * spacing, dimension), period)

    def __repr__(self) -> str:
        return f"Grid({self.shape}, {self.spacing}, periodic={self.periodic})"


class RandomPositions:
    """Cells anywhere in a box centred at the origin, independently, each place equally likely.

    Parameters
    ----------
    extent
        Length of the box along each axis.
    periodic
        Whether opposite sides are neighbours.

    >>> slab = net.population("slab", 1000, cell, positions=rv.RandomPositions([1*mm, 1*mm]))
    """

    def __init__(self, extent: Any, *, periodic: bool = False) -> None:
        quantity = as_quantity(extent)
        self.dimension, self.periodic = quantity.dimension, flag(periodic, "RandomPositions: periodic")
        self.extent = _lengths(quantity, max(1, len(np.atleast_1d(quantity.value))), self.dimension, "extent")

    def place(self, cells: int, seed: int, name: str) -> Positions:
        """The positions of a population of ``cells`` cells."""
        axes, key = len(self.extent), key_of(seed, f"{name}.positions")
        drawn = np.stack([uniforms(key, cells, stream=axis) for axis in range(axes)], 1)
        period = Quantity(self.extent, self.dimension) if self.periodic else None
        return Positions(Quantity((drawn - 0.5) * self.extent, self.dimension), period)

    def __repr__(self) -> str:
        return f"RandomPositions({Quantity(self.extent, self.dimension)}, periodic={self.periodic})"


def place(positions: Any, shape: tuple[int, ...] | None, seed: int, name: str) -> Positions:
    """The argument ``positions`` of a population of that shape, as positions (None for something without cells)."""
    if shape is None or len(shape) != 1:
        raise ShapeError(
            f"{name!r} has the shape {shape}, but positions belong to a population with a number of cells."
        )
    given = positions if isinstance(positions, Positions | Grid | RandomPositions) else Positions(positions)
    return given.place(shape[0], seed, name)


def _lengths(value: Any, axes: int, dimension: Dimension, name: str) -> np.ndarray:
    quantity = as_quantity(value)
    numbers = np.asarray(quantity.value, np.float64)
    if quantity.dimension != dimension:
        raise ShapeError(f"{name}={quantity} is not a length like the positions, which have the unit {dimension}.")
    if numbers.shape not in ((), (axes,)) or not 1 <= axes <= 3 or not (np.isfinite(numbers) & (numbers > 0)).all():
        raise ShapeError(f"{name}={quantity} must be one positive length, or one for each of at most three axes.")
    return np.broadcast_to(numbers, (axes,)).copy()
