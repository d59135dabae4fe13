"""The two ways in which a transform is carried: spike by spike, and as the reference computes it."""

from __future__ import annotations

from ranvier.kernels.provider import EVENT, Runnable
from ranvier.kernels.registry import provider
from ranvier.kernels.tasks import PropagateShape

__all__ = ["carrier"]


def carrier(by_event: bool) -> Runnable | None:
    """What a plan would hand to a transform."""
    return provider("cpu").build(PropagateShape("name", "pre"), EVENT) if by_event else None
