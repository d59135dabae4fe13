"""One value for all synapses of a projection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranvier.dynamics.plasticity import Domain, Pairs
from ranvier.synapses.domains.registry import register_domain

__all__ = ["WholeProjection"]


@register_domain
@dataclass(frozen=True)
class WholeProjection(Domain):
    """All synapses of a projection share one value: an astrocyte, a third factor, a mean.

    >>> rule = rv.Plasticity(
    ...     "dA/dt = -A/tau : 1", on_pre="A += gain; w = clip(w - A*step, 0, w_max)", tau=1*second, gain=1e-3, step=0.01, w_max=1.0,
    ...     domains={"A": rv.plasticity.WholeProjection()},
    ... )
    """

    def size(self, pairs: Pairs) -> int:
        return 1

    def member(self, pairs: Pairs) -> np.ndarray:
        return np.zeros(len(pairs.pre), np.int64)
