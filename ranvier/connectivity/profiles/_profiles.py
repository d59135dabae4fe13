"""Functions of distance, as records that know their largest value and how far they reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ranvier.errors import RanvierError
from ranvier.units import Quantity, as_quantity

__all__ = ["Box", "Exponential", "Gaussian", "Linear", "ProfileError"]


#: distances that are equal on a grid differ by their rounding
_ROUNDING = 1e-9


class ProfileError(RanvierError, ValueError):
    """Numbers that make no function of distance."""


@dataclass(frozen=True)
class Gaussian:
    """peak * exp(-d² / (2 sigma²)); 0 beyond ``reach``.

    Parameters
    ----------
    peak
        Value at distance 0: a probability, a weight, …
    sigma
        Length.
    reach
        Length beyond which the value is 0, or None.

    >>> rv.profiles.Gaussian(0.3, 100*um)(100*um)
    0.181...
    """

    peak: Any
    sigma: Any
    reach: Any = None

    def __post_init__(self) -> None:
        _check("Gaussian", finite={"peak": self.peak}, positive={"sigma": self.sigma, "reach": self.reach})

    def __call__(self, distance: Any) -> Any:
        return _within(distance, self.reach, self.peak, np.exp(-((distance / self.sigma) ** 2) / 2))


@dataclass(frozen=True)
class Exponential:
    """peak * exp(-d / scale); 0 beyond ``reach``.

    >>> rv.profiles.Exponential(0.3, 150*um, reach=1*mm)(150*um)
    0.110...
    """

    peak: Any
    scale: Any
    reach: Any = None

    def __post_init__(self) -> None:
        _check("Exponential", finite={"peak": self.peak}, positive={"scale": self.scale, "reach": self.reach})

    def __call__(self, distance: Any) -> Any:
        return _within(distance, self.reach, self.peak, np.exp(-(distance / self.scale)))


@dataclass(frozen=True)
class Box:
    """``peak`` up to the distance ``reach``, 0 beyond.

    >>> rv.profiles.Box(0.1, 0.25*mm)(0.2*mm)
    0.1
    """

    peak: Any
    reach: Any

    def __post_init__(self) -> None:
        _check("Box", finite={"peak": self.peak}, positive={"reach": self.reach})

    def __call__(self, distance: Any) -> Any:
        return _within(distance, self.reach, self.peak, np.ones(np.shape(as_quantity(distance).value)))


@dataclass(frozen=True)
class Linear:
    """offset + d / speed: the delay of a fibre.

    >>> rv.profiles.Linear(0.5*ms, speed=0.3*mm/ms)(0.6*mm)
    2.5 ms
    """

    offset: Any
    speed: Any

    def __post_init__(self) -> None:
        _check("Linear", finite={"offset": self.offset}, positive={"speed": self.speed})

    def __call__(self, distance: Any) -> Any:
        return distance / self.speed + self.offset


def _check(profile: str, finite: dict[str, Any], positive: dict[str, Any]) -> None:
    """That each is one finite number, some of them above 0; None for what is left out."""
    for name, value in {**finite, **positive}.items():
        if value is None:
            continue
        quantity = as_quantity(value)
        if quantity.shape != () or not np.isfinite(float(quantity.value)):
            raise ProfileError(f"profiles.{profile}: {name}={value!r} must be one finite number.")
        if name in positive and float(quantity.value) <= 0:
            raise ProfileError(f"profiles.{profile}: {name}={value!r} must be above 0.")


def _within(distance: Any, reach: Any, peak: Any, value: Any) -> Any:
    value = as_quantity(value).value
    if reach is not None:
        value = value * (as_quantity(distance) <= as_quantity(reach) * (1 + _ROUNDING))
    peak = as_quantity(peak)
    return Quantity(peak.value * value, peak.dimension)
