"""A scan: one population over a window of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from ranvier.dynamics import WHOLE, Cuts, Step

__all__ = ["Scan", "ScanResult"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Scan:
    """Advance one population over a window of steps.

    ``streams`` [T, *shape] (or broadcastable to it), ``states`` and counters [*shape], ``coefficients`` broadcastable to
    [*shape]; ``wanted`` names the emissions to return as [T, *shape] streams. Where ``cuts`` splits the gradient of
    what arrives, ``direct`` [T, *shape] (zeros) takes that of the cells before, and ``streams`` that of the weights.
    ``spent`` names streams that nothing reads afterwards: a provider may reuse their memory.

    Where the step is ``exact``, it is computed in float64, its coefficients and the exact names are float64, and all other
    numbers are rounded to ``dtype`` after each step.
    """

    step: Step
    steps: int
    shape: tuple[int, ...]
    dtype: torch.dtype
    streams: Mapping[str, Tensor]
    states: Mapping[str, Tensor]
    coefficients: Mapping[str, Tensor]
    wanted: tuple[str, ...]
    cuts: Cuts = WHOLE
    direct: Mapping[str, Tensor] = field(default_factory=dict)
    spent: frozenset[str] = frozenset()

    @property
    def arithmetic(self) -> torch.dtype:
        """The dtype in which a step is computed."""
        return torch.float64 if self.step.exact else self.dtype

    def dtype_of(self, name: str) -> torch.dtype:
        """That of a state, a stream or an emission."""
        return torch.float64 if name in self.step.exact else self.dtype

    def number(self, name: str, value: Tensor) -> Tensor:
        """A state or a stream as a provider reads it."""
        dtype = self.dtype_of(name)
        return value if value.dtype == dtype else value.to(dtype)

    def coefficient(self, name: str) -> Tensor:
        """A coefficient as a provider reads it."""
        value = self.coefficients[name]
        return value if value.dtype == self.arithmetic else value.to(self.arithmetic)


@dataclass(frozen=True)
class ScanResult:
    """Emitted streams and the states (and counters) after the last step."""

    emitted: Mapping[str, Tensor]
    states: Mapping[str, Tensor]
