"""Mean and spread over seeds, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["bare", "percent", "spread", "summary"]


def spread(values: Sequence[float] | np.ndarray) -> float:
    """Standard deviation over seeds (with n - 1); NaN for a single one."""
    if len(values) < 2:
        return float("nan")
    return 0.0 if all(v == values[0] for v in values) else float(np.std(values, ddof=1))


def percent(value: float, places: int = 2) -> str:
    """0.9812 as ``98.12 %``."""
    return f"{100 * value:.{places}f} %"


def bare(values: float | Sequence[float] | np.ndarray) -> str:
    """Fractions in per cent, mean ± standard deviation, without the sign: ``98.12 ± 0.41``; one alone without spread."""
    every = np.atleast_1d(values)
    mean = f"{100 * every.mean():.2f}"
    return mean if len(every) < 2 else f"{mean} ± {100 * spread(every):.2f}"


def summary(values: float | Sequence[float] | np.ndarray) -> str:
    """The same with the sign: ``98.12 ± 0.41 %``."""
    return f"{bare(values)} %"
