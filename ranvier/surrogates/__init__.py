"""Surrogates: what a threshold crossing pretends its derivative to be."""

from ranvier.surrogates._shapes import ArcTan, Boxcar, FastSigmoid, Gaussian, Sigmoid, StraightThrough, Triangle
from ranvier.surrogates._surrogate import Surrogate

__all__ = ["ArcTan", "Boxcar", "FastSigmoid", "Gaussian", "Sigmoid", "StraightThrough", "Surrogate", "Triangle"]
