"""Plastic synapses of a circuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from ranvier.dynamics.plasticity import Decay, RowRule
from ranvier.kernels.tasks._pattern import Pattern
from ranvier.kernels.tasks._spikes import Spikes

__all__ = ["PlasticProjection"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class PlasticProjection:
    """Plastic synapses from ``pre`` (or from spikes given from outside) to the stream ``stream``.

    ``pattern`` has a row for every latency and presynaptic cell, first those of ``latencies[0]``. ``values`` holds the
    weight and the variables: [synapses], [rows] or [columns] as the rule says; ``decays`` how each variable of a lazy rule
    moves per step, ``parameters`` one number each, or [synapses]; ``clock`` has a number for each step of the call, and one
    for the step after it. ``outside`` are the spikes of a source for the longest latency before the call and all steps of
    it. ``values`` of shared variables are [members], and ``members`` hold the member of each synapse (int32), by the domains
    of the rule. Random rules draw number ``places[s]`` (``elements[s]`` where None, or s) after ``drawn`` others of the stream ``key``.
    """

    pre: str | None
    post: str
    stream: str
    pattern: Pattern
    latencies: tuple[int, ...]
    rule: RowRule
    values: Mapping[str, Tensor]
    decays: Mapping[str, Decay]
    parameters: Mapping[str, Tensor]
    outside: Spikes | None = None
    elements: Tensor | None = None
    key: tuple[int, int, int] = (0, 0, 0)
    clock: Mapping[str, Tensor] = field(default_factory=dict)
    members: tuple[Tensor, ...] = ()
    drawn: int = 0
    places: Tensor | None = None
