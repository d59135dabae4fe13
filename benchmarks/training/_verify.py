"""Compare a contender's first step with the reference: spikes by fraction, gradients by relative error."""

from __future__ import annotations

import numpy as np

from benchmarks._protocol import Arrays, Verdict
from benchmarks.training._formula import Formula

SPIKE_TOLERANCE = 1e-3
"""Largest fraction of raster entries that may differ (float32 rounding moves a spike that sits on the threshold)."""
GRADIENT_TOLERANCE = 2e-2
"""Largest relative error (2-norm) of a gradient; each moved spike changes the gradients a little."""


def compare(outputs: Arrays, expected: Arrays, formula: Formula) -> Verdict:
    """Compare all arrays in `expected`; names that start with `spikes` are rasters."""
    missing = sorted(set(expected) - set(outputs))
    if missing:
        return Verdict(False, f"did not return {', '.join(missing)}")
    shapes = [name for name in expected if outputs[name].shape != expected[name].shape]
    if shapes:
        pairs = ", ".join(f"{name} {outputs[name].shape} instead of {expected[name].shape}" for name in shapes)
        return Verdict(False, f"wrong shapes: {pairs}")
    moved = max((_moved(outputs[n], expected[n]) for n in expected if n.startswith("spikes")), default=0.0)
    error = max((_relative(outputs[n], expected[n]) for n in expected if not n.startswith("spikes")), default=0.0)
    equal = moved <= SPIKE_TOLERANCE and error <= GRADIENT_TOLERANCE
    return Verdict(bool(equal), f"{formula.describe()}; {moved:.1g} of spikes moved, error {error:.1g}")


def _moved(actual: np.ndarray, expected: np.ndarray) -> float:
    return float(np.mean(actual != expected))


def _relative(actual: np.ndarray, expected: np.ndarray) -> float:
    scale = float(np.linalg.norm(expected.astype(np.float64)))
    return float(np.linalg.norm(actual.astype(np.float64) - expected)) / max(scale, 1e-30)
