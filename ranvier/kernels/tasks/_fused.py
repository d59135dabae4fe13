"""Several populations that feed each other as one differentiable task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.kernels.tasks._scan import Scan
from ranvier.storages import Stored

__all__ = ["Feed", "Feedback", "Fused"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Feedback:
    """A projection inside a fused task: spikes of ``pre`` reach ``stream`` of ``post`` ``latency`` steps later.

    ``weight`` is [N, K], or [synapses] with a sparse ``pattern``; ``history`` [D, B, K] holds what ``pre`` emitted before.
    With a delay per synapse ``first`` holds the steps of the first taps (int32), ``weight`` has one more axis, that of taps,
    and ``latency`` is the shortest that can occur.
    """

    pre: str
    post: str
    stream: str
    latency: int
    weight: Tensor | Stored
    pattern: Any
    history: Tensor | None
    first: Tensor | None = None


@dataclass(frozen=True)
class Feed:
    """Spikes from outside a fused task, ``source`` [T, B, K], that reach ``stream`` of ``post`` through ``weight`` [N, K]."""

    post: str
    stream: str
    source: Tensor
    weight: Tensor | Stored


@dataclass(frozen=True)
class Fused:
    """Populations joined by projections, advanced together step by step, or in windows of ``window`` steps.

    ``members`` are scans by name, in the order of their same-step projections; their streams hold what comes from outside.
    """

    members: Mapping[str, Scan]
    feedback: tuple[Feedback, ...]
    window: int
    feeds: tuple[Feed, ...] = ()
    emission: str = "spike"
