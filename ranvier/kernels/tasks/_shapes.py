"""Shapes of tasks: plans know them, and ask providers about them, before there are numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from ranvier.dynamics import Step
from ranvier.storages import Storage

__all__ = ["CircuitShape", "DrawShape", "FusedShape", "PropagateShape", "ScanShape", "Shape", "SynapseShape"]


@dataclass(frozen=True)
class ScanShape:
    """One population by itself: its name and its step (which does not count where shapes are compared)."""

    name: str
    step: Step = field(compare=False, repr=False)


@dataclass(frozen=True)
class FusedShape:
    """Populations as one differentiable operation: a cycle in windows of ``window`` steps, or neighbouring parts (None).

    ``storages`` are those of stored numbers that arrive through.
    """

    members: tuple[ScanShape, ...]
    window: int | None = None
    storages: tuple[Storage, ...] = ()


@dataclass(frozen=True)
class CircuitShape:
    """Populations joined by single synapses, over all steps of a call at once; ``storages`` as in ``FusedShape``.

    Where all ``stacks``, a task may hold several samples: its synapses are stored, stay as they are, and carry spikes.
    """

    members: tuple[ScanShape, ...]
    storages: tuple[Storage, ...] = ()
    stacks: bool = False


@dataclass(frozen=True)
class PropagateShape:
    """A projection by itself.

    Attributes
    ----------
    pre
        Who emits.
    dense
        Why its spikes have no product one by one; None where they have.
    targets
        Rows of its matrix; None where it is none.
    follows
        How delays per synapse follow the input, where the transform has any.
    between
        It joins neighbouring parts as a matrix of one latency: an operation of both carries it by event.
    graded
        ``pre`` emits numbers rather than spikes.
    storage
        How its weights lie in memory, where there are stored numbers alone.
    half
        The dtype in which torch's autocast, which is on while it runs, computes products; None where it is off.
    """

    name: str
    pre: str
    dense: str | None = None
    targets: int | None = None
    follows: str | None = None
    between: bool = False
    graded: bool = False
    storage: Storage | None = None
    half: torch.dtype | None = None


@dataclass(frozen=True)
class DrawShape:
    """Counted random numbers, and rows of synapses made from them."""


@dataclass(frozen=True)
class SynapseShape:
    """Plastic synapses of a projection by themselves, one step at a time."""


Shape = ScanShape | FusedShape | CircuitShape | PropagateShape | DrawShape | SynapseShape
