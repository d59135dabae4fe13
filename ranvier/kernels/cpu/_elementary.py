"""The elementary functions of the vector layer: polynomials on whole vectors, never a library call per lane."""

from __future__ import annotations

from ranvier.kernels.cpu._circular import cos, sin
from ranvier.kernels.cpu._exponential import dexprel, exp, expm1, exprel, sigmoid, tanh
from ranvier.kernels.cpu._logarithm import log, log1p
from ranvier.kernels.cpu._power import power, power_int

__all__ = ["cos", "dexprel", "exp", "expm1", "exprel", "log", "log1p", "power", "power_int", "sigmoid", "sin", "tanh"]
