"""A product by itself, where no plan has chosen a provider."""

from __future__ import annotations

from torch import Tensor

from ranvier.kernels import registry
from ranvier.kernels.provider import DENSE, Runnable
from ranvier.kernels.tasks import Propagate, PropagateShape, decoded

__all__ = ["carried"]

_SHAPE = PropagateShape("product", "input")


def carried(carrier: Runnable | None, task: Propagate) -> Tensor:
    """The product by ``carrier``, which a plan has built; None takes that of the specification."""
    if carrier is None:
        return registry.specification().build(_SHAPE, DENSE)(decoded(task))
    return carrier(task)
