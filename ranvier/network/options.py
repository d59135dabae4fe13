"""The arguments that make a network, checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from ranvier.dynamics import OWN_RESETS, wrong_reset
from ranvier.errors import DimensionError, ShapeError
from ranvier.kernels import registry
from ranvier.network.order import GraphError
from ranvier.network.precision import HALVES
from ranvier.surrogates import Surrogate
from ranvier.units import UNITS, as_quantity

if TYPE_CHECKING:
    from ranvier.distributed import Processes

__all__ = ["check_options", "several", "step_length"]

_TIME = UNITS["ms"].dimension


def step_length(dt: Any) -> float:
    """The time step in ms."""
    quantity = None if dt is None else as_quantity(dt)
    if quantity is None or quantity.dimension != _TIME:
        raise DimensionError(f"dt={dt!r} is not a time: give one with its unit, for example dt=0.1*ms.")
    if quantity.shape != () or not 0 < float(quantity.value) < math.inf:
        raise DimensionError(f"dt={dt!r} must be one positive finite time, for example 0.1*ms.")
    return float(quantity.value)


def several(processes: Any) -> Processes | None:
    """The processes that run a network; None where there is one."""
    if processes is None:
        return None
    from ranvier.distributed import Processes  # imported only by who asks for several

    if not isinstance(processes, Processes):
        raise GraphError(f"processes={processes!r} is not a group of processes: give rv.distributed.join().")
    return processes if processes.count > 1 else None


def check_options(dtype: Any, provider: str | None, surrogate: Any, reset_gradient: Any) -> None:
    """Refuse a dtype that a network cannot have, and what is no provider, no surrogate or no gradient of a reset."""
    if dtype not in (torch.float32, torch.float64, *HALVES):
        raise ShapeError(
            f"dtype={dtype} is not supported: use torch.float32 or torch.float64, or torch.bfloat16 or torch.float16 for the weights "
            f"of matrices and convolutions."
        )
    if provider is not None and provider not in registry.names():
        raise GraphError(f"provider={provider!r} is unknown: use {registry.listed()} or None.")
    if not isinstance(surrogate, Surrogate | None):
        raise GraphError(
            f"surrogate={surrogate!r} is not a surrogate: use one of rv.surrogates, such as rv.surrogates.ArcTan()."
        )
    trouble = wrong_reset(reset_gradient, OWN_RESETS, "reset_gradient")
    if trouble:
        raise GraphError(trouble)
