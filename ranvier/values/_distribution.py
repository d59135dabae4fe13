"""Distributions: values drawn once, reproducibly, for every cell or synapse."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ranvier.errors import RanvierError
from ranvier.units import Dimension, Quantity, as_quantity
from ranvier.values._gaussian import gaussian_fraction, gaussian_quantile
from ranvier.values._philox import key_of, uniforms

__all__ = ["Distribution", "ExponentialDistribution", "LogNormal", "Normal", "Uniform"]


class DistributionError(RanvierError, ValueError):
    """A distribution's numbers contradict each other."""


class Distribution(ABC):
    """Values drawn by a named, counted stream: equal seeds and names give equal values, whatever else is drawn."""

    dimension: Dimension

    @abstractmethod
    def quantile(self, u: np.ndarray) -> np.ndarray:
        """The value below which a fraction u of the draws lies, in base units."""

    def draw(self, count: int, seed: int, name: str, stream: int = 0) -> np.ndarray:
        """``count`` float64 values in base units."""
        return self.quantile(uniforms(key_of(seed, name), count, stream=stream))

    def _same(self, **values: Any) -> list[float]:
        quantities = {n: self._single(n, v) for n, v in values.items() if v is not None}
        first_name, first = next(iter(quantities.items()))
        for name, quantity in quantities.items():
            if quantity.dimension != first.dimension:
                raise DistributionError(
                    f"{type(self).__name__}: {name}={values[name]} has dimension {quantity.dimension}, {first_name} "
                    f"has {first.dimension}; give both in one unit."
                )
        self.dimension = first.dimension
        return [float(quantities[n].value) if n in quantities else float("nan") for n in values]

    def _single(self, name: str, value: Any) -> Quantity:
        """One finite number, with its dimension."""
        try:
            quantity = as_quantity(value)
            finite = quantity.shape == () and np.isfinite(float(quantity.value))
        except (TypeError, ValueError):
            finite = False
        if not finite:
            raise DistributionError(f"{type(self).__name__}: {name}={value!r} must be a single finite number.")
        return quantity


class Uniform(Distribution):
    """Every value between ``low`` and ``high`` is equally likely.

    >>> start = rv.Uniform(-60*mV, -50*mV)
    """

    def __init__(self, low: Any, high: Any) -> None:
        self.low, self.high = self._same(low=low, high=high)
        if self.low > self.high:
            raise DistributionError(f"Uniform: low={low} exceeds high={high}; swap them.")

    def quantile(self, u: np.ndarray) -> np.ndarray:
        return self.low + (self.high - self.low) * u

    def __repr__(self) -> str:
        return f"Uniform({self.low:g}, {self.high:g})"


class Normal(Distribution):
    """Gaussian with ``mean`` and ``std``; values outside [low, high] are drawn again (a truncated Gaussian).

    >>> weight = rv.Normal(0.2*mV, 0.05*mV, low=0*mV)
    """

    def __init__(self, mean: Any, std: Any, low: Any = None, high: Any = None) -> None:
        self.mean, self.std, self.low, self.high = self._same(mean=mean, std=std, low=low, high=high)
        if self.std < 0:
            raise DistributionError(f"Normal: std={std} is negative; give a standard deviation of 0 or more.")
        self.low = -np.inf if np.isnan(self.low) else self.low
        self.high = np.inf if np.isnan(self.high) else self.high
        if self.low >= self.high:
            raise DistributionError(f"Normal: low={low} is not below high={high}; swap or widen them.")
        if self.std > 0 and np.diff(self._fractions())[0] < 1e-12:
            raise DistributionError(
                f"{self!r}: hardly any value lies between {self.low:g} and {self.high:g}; widen the bounds."
            )

    def quantile(self, u: np.ndarray) -> np.ndarray:
        if self.std == 0:
            return np.full_like(u, np.clip(self.mean, self.low, self.high))
        a, b = self._fractions()
        return np.clip(self.mean + self.std * gaussian_quantile(a + (b - a) * u), self.low, self.high)

    def _fractions(self) -> tuple[float, float]:
        """What part of the whole Gaussian lies below each bound."""
        low, high = ((end - self.mean) / self.std for end in (self.low, self.high))
        return float(gaussian_fraction(low)), float(gaussian_fraction(high))

    def __repr__(self) -> str:
        return f"Normal({self.mean:g}, {self.std:g}, low={self.low:g}, high={self.high:g})"


class LogNormal(Distribution):
    """exp of a Gaussian: ``median`` * exp(sigma * z).

    >>> weight = rv.LogNormal(0.2*mV, 0.5)
    """

    def __init__(self, median: Any, sigma: float) -> None:
        (self.median,) = self._same(median=median)
        self.sigma = float(self._single("sigma", sigma))
        if self.median <= 0 or self.sigma < 0:
            raise DistributionError(f"LogNormal: median={median} must be positive and sigma={sigma} 0 or more.")

    def quantile(self, u: np.ndarray) -> np.ndarray:
        return self.median * np.exp(self.sigma * gaussian_quantile(u))

    def __repr__(self) -> str:
        return f"LogNormal({self.median:g}, {self.sigma:g})"


class ExponentialDistribution(Distribution):
    """Exponential with the given ``mean``: density exp(-x/mean)/mean.

    >>> delay = rv.ExponentialDistribution(3*ms)
    """

    def __init__(self, mean: Any) -> None:
        (self.mean,) = self._same(mean=mean)
        if self.mean <= 0:
            raise DistributionError(f"ExponentialDistribution: mean={mean} must be positive; give a mean above 0.")

    def quantile(self, u: np.ndarray) -> np.ndarray:
        return -self.mean * np.log1p(-u)

    def __repr__(self) -> str:
        return f"ExponentialDistribution({self.mean:g})"
