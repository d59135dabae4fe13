"""Delays tied to the weight."""

from __future__ import annotations

import numpy as np

from ranvier.connectivity._connectivity import ConnectivityError
from ranvier.values import Distribution, gaussian_fraction, gaussian_quantile

__all__ = ["Correlated"]

_LEAST = 2.0**-53


class Correlated:
    """Delays that go with the weights: their normal scores have the correlation ``rho`` (a Gaussian copula).

    With z_w the normal score of a synapse's weight and z an independent one, the delay is the quantile of
    rho z_w + sqrt(1 - rho²) z in ``distribution``, whose shape is thus kept.

    Parameters
    ----------
    distribution
        Of the delays.
    rho
        From -1 to 1.

    >>> delay = rv.Correlated(rv.Uniform(1*ms, 5*ms), rho=-0.7)
    >>> names = net.connect("exc", "exc", rv.FixedProbability(0.1), to="v", weight=rv.LogNormal(0.2*mV, 0.5), delay=delay)
    """

    def __init__(self, distribution: Distribution, rho: float) -> None:
        if not isinstance(distribution, Distribution):
            raise ConnectivityError(f"Correlated takes a distribution, got {distribution!r}; for example rv.Normal(…).")
        if not isinstance(rho, int | float | np.number) or not -1 <= rho <= 1:
            raise ConnectivityError(f"Correlated: rho={rho!r} is not a correlation; give a number from -1 to 1.")
        self.distribution, self.rho = distribution, float(rho)

    def quantile(self, drawn: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Values in base units from the numbers (0 to 1) that made the weights, and independent ones."""
        score = self.rho * gaussian_quantile(drawn) + np.sqrt(1 - self.rho**2) * gaussian_quantile(u)
        return self.distribution.quantile(np.clip(gaussian_fraction(score), _LEAST, 1 - _LEAST))

    def __repr__(self) -> str:
        return f"Correlated({self.distribution!r}, rho={self.rho:g})"
