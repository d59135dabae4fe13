"""A product by itself, where no plan has chosen who computes it."""

from __future__ import annotations

from torch import Tensor

from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import Propagate

__all__ = ["carried"]


def carried(carrier: Runnable | None, task: Propagate) -> Tensor:
    """What arrives by ``carrier``, which a plan has built; None: as the reference computes it."""
    if carrier is None:
        from ranvier.kernels.reference import run_product  # what a run does not use, it does not import

        carrier = run_product
    return carrier(task)
