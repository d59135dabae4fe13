"""Legendre memory units of leaky cells alone."""

from __future__ import annotations

from typing import Any

from ranvier.blocks import lif_memory
from ranvier.connectivity import Linear
from ranvier.models._registry import register
from ranvier.models._stem import cells
from ranvier.network import Sequential
from ranvier.units import ms

__all__ = ["lif_memory_mini"]


@register(
    family="lif_memory", input=("inputs",), steps=50, papers=("Leto, Urgese, Macii & Fra 2024",),
    layout="x [T, B, inputs], signals as they are, to currents [T, B, classes]; their mean over steps decides",
)  # fmt: skip
def lif_memory_mini(
    *, inputs: int = 6, classes: int = 5, hidden: int = 32, channels: int = 8, order: int = 6, window: float = 1000.0, tau: float = 100.0,
    dt: float = 40.0, **network: Any,
) -> Sequential:  # fmt: skip
    """A Legendre memory unit whose parts are populations of leaky cells (L2MU), for sensor signals.

    ``window`` and ``tau`` in ms at steps of ``dt`` ms.
    """
    cell, step = cells(tau), dt * ms
    unit = lif_memory(inputs, hidden, dt=step, channels=channels, order=order, window=window * ms, cell=cell)
    return Sequential(unit, Linear(hidden, classes), dt=step, **network)
