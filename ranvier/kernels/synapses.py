"""Plastic synapses step by step, where no circuit runs them."""

from __future__ import annotations

from ranvier.kernels import registry
from ranvier.kernels.tasks import SynapseResult, SynapseShape, SynapseStep

__all__ = ["stepped"]

_SHAPE = SynapseShape()


def stepped(task: SynapseStep) -> SynapseResult:
    """The values after the step and the delivered numbers, by the specification."""
    return registry.specification().build(_SHAPE, "")(task)
