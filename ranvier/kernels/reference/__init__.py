"""The reference provider: torch, one step at a time, float64-capable, differentiable twice; the specification."""

from ranvier.kernels.reference._scan import run_scan
from ranvier.kernels.reference._step import clock, coefficients, step_function

__all__ = ["clock", "coefficients", "run_scan", "step_function"]
