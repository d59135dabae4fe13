"""Surrogates: what a threshold crossing pretends its derivative to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._elsewhere import elsewhere
from ranvier.surrogates._habits import INSTEAD
from ranvier.surrogates._shapes import ArcTan, Boxcar, FastSigmoid, Gaussian, Sigmoid, StraightThrough, Triangle
from ranvier.surrogates._surrogate import Surrogate

__all__ = ["ArcTan", "Boxcar", "FastSigmoid", "Gaussian", "Sigmoid", "StraightThrough", "Surrogate", "Triangle"]

if not TYPE_CHECKING:
    __getattr__ = elsewhere(__name__, INSTEAD)
