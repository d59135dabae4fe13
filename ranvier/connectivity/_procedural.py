"""Synapses that are never stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from ranvier.connectivity._connectivity import Connectivity, ConnectivityError, Ends, RowRule
from ranvier.connectivity._synapses import Synapses
from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.transform import Transform
from ranvier.kernels import drawing
from ranvier.kernels.tasks import RowSource
from ranvier.noting import Noting

if TYPE_CHECKING:
    from ranvier.connectivity._build import SynapseRequest
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["Procedural", "ProceduralSynapses"]

Tensor = torch.Tensor


class Procedural(Connectivity):
    """The synapses of a rule, drawn again whenever a cell fires instead of being stored: for networks beyond memory.

    The same synapses as with the rule itself; a spike costs a few nanoseconds per synapse more, and no synapse costs any
    memory. All share one weight and one delay, and nothing is learnt.

    Parameters
    ----------
    rule
        ``rv.FixedOutDegree`` or ``rv.FixedProbability``: rules whose rows are independent of one another.

    Raises
    ------
    ConnectivityError
        For another rule.

    >>> names = net.connect("exc", "inh", rv.Procedural(rv.FixedOutDegree(1000)), to="g_e", weight=0.1)
    """

    def __init__(self, rule: RowRule) -> None:
        if not isinstance(rule, RowRule) or type(rule).source is RowRule.source:
            raise ConnectivityError(
                f"Procedural: rows of {rule!r} cannot be drawn one by one; use rv.FixedOutDegree or rv.FixedProbability."
            )
        self.rule = rule

    def expected(self, ends: Ends) -> int:
        """As many as the rule has."""
        return self.rule.expected(ends)

    def build(self, ends: Ends, key: tuple[int, int]) -> Synapses:
        """The synapses, stored after all."""
        return self.rule.build(ends, key)

    def join(self, ends: Ends, request: SynapseRequest) -> ProceduralSynapses:
        """The synapses as a transform, which draws them when a cell fires."""
        from ranvier.connectivity._build import procedural_synapses

        return procedural_synapses(self, ends, request)

    def __repr__(self) -> str:
        return f"Procedural({self.rule!r})"


class ProceduralSynapses(Transform, Noting):
    """Rows from ``source`` to ``sizes[1]`` cells; ``weight`` [1], ``latency`` in steps.

    Spikes [R, pre] become arrivals [R, post].
    """

    delay = None
    differentiable = False

    def __init__(self, source: RowSource, sizes: tuple[int, int], weight: Tensor, latency: int) -> None:
        super().__init__()
        self.source, self.sizes, self.latency = source, sizes, latency
        self.register_buffer("weight", weight)

    @property
    def has_delay(self) -> bool:
        """Whether there is a latency."""
        return self.latency != 0

    def bind(self, binding: Binding) -> BoundTransform:
        """Its one latency."""
        return BoundTransform(self, binding.dt, binding.lag, binding.lag + self.latency)

    def rows(self) -> RowSource:
        """What draws the synapses of a cell that fires."""
        return self.source

    def shared_weight(self) -> Tensor:
        """The one weight [1] of all synapses."""
        return self.weight.detach()

    def misfit(self, pre: tuple[int, ...] | None, post: tuple[int, ...] | None, same: bool) -> tuple[str, str] | None:
        """Rows are drawn for these sizes; cells that may not reach themselves are of one population."""
        if ((self.sizes[0],), (self.sizes[1],)) != (pre, post):
            return "sizes", f"the sizes of the populations it joins, {(pre, post)}"
        if self.source.draw.barred and not same:
            return "autapses", "true, as it joins two populations"
        return None

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any]:
        """What its rows are drawn from."""
        from ranvier.connectivity._procedural_record import encode_procedural

        return encode_procedural(self, name, tensors)

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The synapses of a file."""
        from ranvier.connectivity._procedural_record import decode_procedural

        return cls(*decode_procedural(record, take))

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [R, pre] -> [R, post], row by row."""
        if x.requires_grad:
            raise ConnectivityError("Procedural synapses have no gradient: leave Procedural out to store them.")
        out = x.new_zeros(x.shape[0], self.sizes[1])
        for r, k in torch.nonzero(x).tolist():
            target = torch.from_numpy(drawing.drawn_row(self.source, k).astype(np.int64))
            out[r].index_add_(0, target, (x[r, k] * self.effective_weight()).expand(target.numel()))
        return out

    def extra_repr(self) -> str:
        return f"{self.sizes[0]} -> {self.sizes[1]}, latency={self.latency}"
