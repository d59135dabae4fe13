"""Mean and spread over seeds, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["percent", "spread", "summary"]


def spread(values: Sequence[float] | np.ndarray) -> float:
    """Standard deviation over seeds (with n - 1); NaN for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def percent(value: float, places: int = 2) -> str:
    """0.9812 as ``98.12 %``."""
    return f"{100 * value:.{places}f} %"


def summary(values: Sequence[float] | np.ndarray, places: int = 2) -> str:
    """Mean ± standard deviation of fractions, in per cent: ``98.12 ± 0.41 %``; a single one without spread."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return percent(mean, places)
    return f"{100 * mean:.{places}f} ± {100 * spread(values):.{places}f} %"
