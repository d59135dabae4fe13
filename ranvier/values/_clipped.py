"""Another distribution, its tails moved to bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.units import Quantity
from ranvier.values._distribution import Distribution, DistributionError

__all__ = ["Clipped"]


class Clipped(Distribution):
    """Values of another distribution, moved to the bound where they lie outside (``rv.Normal(…, low=…)`` draws again).

    >>> delay = rv.Clipped(rv.Normal(1.5*ms, 0.75*ms), low=0.1*ms)
    """

    def __init__(self, distribution: Distribution, low: Any = None, high: Any = None) -> None:
        if not isinstance(distribution, Distribution):
            raise DistributionError(f"Clipped takes a distribution, got {distribution!r}; for example rv.Normal(…).")
        self.distribution = distribution
        unit = Quantity(0.0, distribution.dimension)
        self.low, self.high = self._same(low=low, high=high, unit=unit)[:2]
        self.low = -np.inf if np.isnan(self.low) else self.low
        self.high = np.inf if np.isnan(self.high) else self.high
        if self.low > self.high:
            raise DistributionError(f"Clipped: low={low} exceeds high={high}; swap them.")

    def quantile(self, u: np.ndarray) -> np.ndarray:
        return np.clip(self.distribution.quantile(u), self.low, self.high)

    def __repr__(self) -> str:
        return f"Clipped({self.distribution!r}, low={self.low:g}, high={self.high:g})"
