"""Functions of distance: for probabilities, weights and delays."""

from __future__ import annotations

from ranvier.connectivity.profiles._profiles import Box, Exponential, Gaussian, Linear

__all__ = ["Box", "Exponential", "Gaussian", "Linear"]
