"""A price on what spikes make others compute."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.network.parts.projection import Projection
from ranvier.training.regularizers._regularizer import Regularizer
from ranvier.values import is_number

__all__ = ["SynOps"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class SynOps(Regularizer):
    """A price on every synaptic operation: weight * mean over samples of the sum over t, i, j of s[t, i] where w[j, i] is not 0.

    A spike s costs an addition for each target that it reaches before the last step. So with ``weight=1`` the value is what
    :func:`rv.measure.operations` counts as ACs of the projections behind the populations, for any transform with weights and delays of whole
    steps; later transforms of a chain are not priced. The gradient is with respect to the spikes; a weight that is 0 stays free.

    Parameters
    ----------
    weight
        The price of an operation. There are many: 1e-6 to 1e-3 is a start.
    populations
        As for every :class:`Regularizer`; by default all that fire onto weights. External inputs have no price.
    free
        Operations for each population and sample that cost nothing.

    Raises
    ------
    TrainingError
        For ``free`` below 0, and where no population fires onto weights.

    Source: Sorbaro et al., Frontiers in Neuroscience 2020 (synaptic operations as a loss).

    >>> fit = rv.train(net, data, epochs=1, regularizers=[rv.regularizers.SynOps(1e-4)])
    """

    free: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_number(self.free) or self.free < 0:
            raise TrainingError(f"SynOps: free={self.free!r} must be a finite number of operations of 0 or more.")

    def variable(self, net: Network, population: str) -> str | None:
        """The spikes, of a population that fires onto weights."""
        behind = any(_carries(p) for p in net.projections.values() if p.pre == population)
        return "spikes" if behind and net.populations[population].cell.fires else None

    def penalty(self, net: Network, population: str, signal: Tensor, lengths: Tensor | None) -> Tensor:
        """Operations of the mean sample, above those that are free."""
        behind = [p for p in net.projections.values() if p.pre == population and _carries(p)]
        found = torch.stack([_reached(p, signal) for p in behind]).sum() / signal.shape[1]
        return (found - self.free).clamp(min=0)


def _carries(p: Projection) -> bool:
    """Whether spikes of its source meet weights."""
    first = next((o.map for o in p.chain.evaluated if not o.map.rearranges), None)
    return first is not None and first.linear_in_weight and first.differentiable


def _reached(p: Projection, spikes: Tensor) -> Tensor:
    """How many targets ``spikes`` [T, B, …] reach through weights other than 0: their sum through weights of 1."""
    silence = spikes.new_zeros(p.depth, *spikes.shape[1:])
    late = None if p.per_synapse else p.entering(spikes, silence, len(spikes))
    rows = (spikes if late is None else late).flatten(0, 1)
    for operand in p.chain.evaluated:
        if operand.map.rearranges:
            rows = operand.run(rows, None)
            continue
        some = (operand.numbers()[0] != 0).to(spikes)
        if late is None:
            return operand.map.delayed(spikes, silence, p.bound_transform, None, (some, None)).sum()
        return operand.map.product(rows, some).sum()
    return rows.sum() * 0
