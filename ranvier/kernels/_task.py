"""What every provider is asked to do: a scan of one population, or a loop of several that feed each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ranvier.dynamics import WHOLE, Cuts, Step

__all__ = ["Feed", "Feedback", "Loop", "Scan", "ScanResult"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Scan:
    """Advance one population over a window of steps.

    ``streams`` [T, *shape] (or broadcastable to it), ``states`` and counters [*shape], ``coefficients`` broadcastable to
    [*shape]; ``wanted`` names the emissions to return as [T, *shape] streams. Where ``cuts`` splits the gradient of
    what arrives, ``direct`` [T, *shape] (zeros) takes that of the cells before, and ``streams`` that of the weights.
    ``spent`` names streams that nobody reads afterwards, whose memory may be written over.
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


@dataclass(frozen=True)
class ScanResult:
    """Emitted streams and the states (and counters) after the last step."""

    emitted: Mapping[str, Tensor]
    states: Mapping[str, Tensor]


@dataclass(frozen=True)
class Feedback:
    """A projection inside a loop: spikes of ``pre`` reach ``stream`` of ``post`` ``latency`` steps later.

    ``weight`` is [N, K], or [synapses] with a sparse ``pattern``; ``history`` [D, B, K] holds what ``pre`` emitted before.
    """

    pre: str
    post: str
    stream: str
    latency: int
    weight: Tensor
    pattern: Any
    history: Tensor | None


@dataclass(frozen=True)
class Feed:
    """Spikes from outside a loop, ``source`` [T, B, K], that reach ``stream`` of ``post`` through ``weight`` [N, K]."""

    post: str
    stream: str
    source: Tensor
    weight: Tensor


@dataclass(frozen=True)
class Loop:
    """Populations joined by projections, advanced together step by step, or in windows of ``window`` steps.

    ``members`` are scans by name, in the order of their same-step projections; their streams hold what comes from outside.
    """

    members: Mapping[str, Scan]
    feedback: tuple[Feedback, ...]
    window: int
    feeds: tuple[Feed, ...] = ()
    emission: str = "spike"
