"""Groups of event points through two branches."""

from __future__ import annotations

from typing import Any

from ranvier.blocks import spike_point
from ranvier.connectivity import Linear
from ranvier.models._registry import register
from ranvier.models._stem import cells
from ranvier.network import Sequential
from ranvier.units import ms

__all__ = ["spike_point_mini"]


@register(
    family="spike_point",
    input=(6, "groups", "size"),
    steps=8,
    papers=("Ren et al., ICLR 2024 (SpikePoint)",),
    layout="spikes that code rv.encoding.point_groups of (x, y, t) [T, B, 6, groups, size] to currents [T, B, classes]",
)
def spike_point_mini(
    *, classes: int = 10, groups: int = 16, size: int = 8, local: int = 32, wide: int = 128, pool: str = "mean", tau: float = 2.0,
    **network: Any,
) -> Sequential:  # fmt: skip
    """Local features of groups of event points, then global ones, by maps that all points share.

    ``tau`` in ms, at steps of 1 ms; other options are those of ``rv.blocks.spike_point``.
    """
    parts = spike_point(groups=groups, size=size, local=local, wide=wide, pool=pool, cell=cells(tau))
    return Sequential(*parts, Linear(wide, classes), dt=1 * ms, **network)
