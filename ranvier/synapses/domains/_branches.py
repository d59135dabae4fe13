"""One value for the synapses on a branch of a dendrite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranvier.dynamics.plasticity import Domain, Pairs
from ranvier.errors import EquationError
from ranvier.synapses.domains.registry import register_domain
from ranvier.values import is_whole

__all__ = ["Branches"]


@register_domain
@dataclass(frozen=True)
class Branches(Domain):
    """The dendrite of each target cell has ``count`` branches, and the synapses on one branch share a value.

    Presynaptic cells are divided into ``count`` neighbouring groups of equal size (the last may be smaller), one for
    each branch; member ``c*count + b`` is branch b of cell c.

    Raises
    ------
    EquationError
        For a count below 1.

    >>> rule = rv.Plasticity(
    ...     "dB/dt = -B/tau : 1", on_pre="B += 1; w = clip(w + eta*(B - theta), 0, w_max)", tau=20*ms, eta=0.01, theta=2.0,
    ...     w_max=1.0, domains={"B": rv.plasticity.Branches(4)},
    ... )
    """

    count: int

    def __post_init__(self) -> None:
        if not is_whole(self.count):
            raise EquationError(f"Branches({self.count!r}): give a whole number of branches, 1 or more.")

    def size(self, pairs: Pairs) -> int:
        return pairs.sizes[1] * self.count

    def member(self, pairs: Pairs) -> np.ndarray:
        together = -(-pairs.sizes[0] // self.count)
        return pairs.post * self.count + pairs.pre // max(together, 1)
