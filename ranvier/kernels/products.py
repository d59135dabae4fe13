"""A product by itself, where no plan has chosen who computes it."""

from __future__ import annotations

from torch import Tensor

from ranvier.kernels import registry
from ranvier.kernels.provider import DENSE, Runnable
from ranvier.kernels.tasks import Propagate, PropagateShape

__all__ = ["carried"]

_SHAPE = PropagateShape("product", "input")


def carried(carrier: Runnable | None, task: Propagate) -> Tensor:
    """What arrives by ``carrier``, which a plan has built; None: as the specification says."""
    return (registry.specification().build(_SHAPE, DENSE) if carrier is None else carrier)(task)
