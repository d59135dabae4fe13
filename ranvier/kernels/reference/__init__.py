"""The reference provider: torch, one step at a time, float64-capable, differentiable twice; the specification."""

from ranvier.kernels.reference._products import run_product
from ranvier.kernels.reference._scan import run_scan

__all__ = ["run_product", "run_scan"]
