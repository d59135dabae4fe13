"""What every provider is asked to do with a cell: a scan over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ranvier.dynamics import Step

__all__ = ["Scan", "ScanResult"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Scan:
    """Advance one population over a window of steps.

    ``streams`` [T, *shape] (or broadcastable to it), ``states`` and ``counters`` [*shape], ``coefficients`` broadcastable to
    [*shape]; ``wanted`` names the emissions to return as [T, *shape] streams; ``cut_reset`` drops the reset's gradient.
    """

    step: Step
    steps: int
    shape: tuple[int, ...]
    dtype: torch.dtype
    streams: Mapping[str, Tensor]
    states: Mapping[str, Tensor]
    coefficients: Mapping[str, Tensor]
    wanted: tuple[str, ...]
    cut_reset: bool = False


@dataclass(frozen=True)
class ScanResult:
    """Emitted streams and the states (and counters) after the last step."""

    emitted: Mapping[str, Tensor]
    states: Mapping[str, Tensor]
