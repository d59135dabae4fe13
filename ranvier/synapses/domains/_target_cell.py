"""One value for all synapses onto a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranvier.dynamics.plasticity import Domain, Pairs
from ranvier.synapses.domains.registry import register_domain

__all__ = ["TargetCell"]


@register_domain
@dataclass(frozen=True)
class TargetCell(Domain):
    """All synapses of a projection onto one cell share a value, such as the sum of their weights.

    >>> rule = rv.Plasticity(
    ...     "dS/dt = -S/tau : 1", every_step="S += dt*w/tau; w = clip(w + dt*eta*(1 - S/total)/ms, 0, total)",
    ...     tau=100*ms, eta=1e-3, total=5.0, domains={"S": rv.plasticity.TargetCell()},
    ... )
    """

    def size(self, pairs: Pairs) -> int:
        return pairs.sizes[1]

    def member(self, pairs: Pairs) -> np.ndarray:
        return pairs.post
