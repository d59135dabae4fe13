"""Synapses that become rarer with distance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ranvier.connectivity._connectivity import ConnectivityError, Ends
from ranvier.connectivity._numbers import spread
from ranvier.connectivity._pairwise import PairwiseRule
from ranvier.units import DimensionError, as_quantity
from ranvier.values import flag

__all__ = ["DistanceDependent"]


class DistanceDependent(PairwiseRule):
    """A synapse over the distance d exists with probability ``profile(d)``, independently of all others.

    Parameters
    ----------
    profile
        A function from distances (with their unit) to probabilities: one of ``rv.profiles``, or your own. Profiles that
        know their peak and their reach are built in less time.
    autapses
        Let a cell reach itself where a population connects to itself.

    Raises
    ------
    ConnectivityError
        Where a population has no positions, or the profile leaves [0, 1].

    >>> sheet = net.population("sheet", 400, cell, positions=rv.Grid((20, 20), 25*um))
    >>> rule = rv.DistanceDependent(rv.profiles.Gaussian(0.3, 0.1*mm))
    >>> names = net.connect("sheet", "sheet", rule, to="v", weight=0.2*mV)
    """

    def __init__(self, profile: Callable[[Any], Any], *, autapses: bool = True) -> None:
        if not callable(profile):
            raise ConnectivityError(
                f"DistanceDependent: {profile!r} is not a function of distance; give rv.profiles.Gaussian(…) or a function."
            )
        self.profile, self.autapses = profile, flag(autapses, "DistanceDependent: autapses")

    def peak(self, ends: Ends) -> float:
        """The profile's own, or 1."""
        pre, post = ends.placed("DistanceDependent")
        pre.match(post)
        peak = float(getattr(self.profile, "peak", 1.0))
        if not peak >= 0:
            raise ConnectivityError(f"{self!r}: its peak {peak:g} is not a probability; give a number from 0 to 1.")
        return min(1.0, peak)

    def proposals(
        self, ends: Ends, key: tuple[int, int], first: int, stop: int
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Pairs within the profile's reach where it is short, else pairs drawn anywhere."""
        reach, share = self._reach(ends)
        if share >= self.peak(ends):
            return super().proposals(ends, key, first, stop)
        before, behind = ends.placed("DistanceDependent")
        pointer, target = before.near(behind, first, stop, reach * (1 + 1e-9))
        if ends.barred(self.autapses):
            row = np.repeat(np.arange(stop - first), np.diff(pointer))
            other = target != row + first
            counts = np.bincount(row[other], minlength=stop - first)
            pointer, target = np.concatenate([[0], np.cumsum(counts)]), target[other]
        return pointer, target, 1.0

    def probability(self, ends: Ends, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
        """The profile of the distances."""
        before, behind = ends.placed("DistanceDependent")
        p = as_quantity(self.profile(before.distances(behind, pre, post)))
        if not p.dimension.is_none:
            raise DimensionError(f"{self!r} gives probabilities in {p.dimension}; they must be plain numbers.")
        return spread(p.value, len(pre), repr(self))

    def per_row(self, ends: Ends) -> float:
        """Pairs within reach, or proposed anywhere."""
        return min(self.peak(ends), self._reach(ends)[1]) * ends.choices(self.autapses)

    def _reach(self, ends: Ends) -> tuple[float, float]:
        """The profile's reach in base units, and about what part of all cells lies within it."""
        positions = ends.placed("DistanceDependent")[1]
        reach = getattr(self.profile, "reach", None)
        if reach is None or not len(positions):
            return np.inf, 1.0
        reach = as_quantity(reach)
        if reach.dimension != positions.dimension:
            raise DimensionError(
                f"{self!r}: the reach {reach} is not a length like the positions, in {positions.dimension}."
            )
        extent = np.ptp(positions.coordinates, axis=0) if positions.period is None else positions.period
        length = float(reach.value)
        if positions.period is not None and 2 * length >= positions.period.min():
            return length, 1.0
        return length, float(np.prod(np.minimum(1.0, 2 * length / np.maximum(extent, 1e-300))))

    def __repr__(self) -> str:
        return f"DistanceDependent({self.profile!r}, autapses={self.autapses})"
