"""The Gaussian distribution function and its inverse; SciPy, slow to import, is loaded at the first call."""

from __future__ import annotations

import numpy as np

__all__ = ["gaussian_fraction", "gaussian_quantile"]


def gaussian_fraction(x: np.ndarray | float) -> np.ndarray:
    """What part of a standard Gaussian lies below ``x``."""
    from scipy.special import ndtr

    return ndtr(x)


def gaussian_quantile(u: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The value below which the fraction ``u`` of a standard Gaussian lies; written to ``out`` if given."""
    from scipy.special import ndtri

    return ndtri(u, out=out)
