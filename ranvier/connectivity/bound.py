"""A transform in one projection: what dt, the lag and whole steps make of its delays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from ranvier.connectivity.delays import DelayError
from ranvier.kernels.operands import extent

if TYPE_CHECKING:
    from ranvier.connectivity.transform import Transform

__all__ = ["Binding", "BoundTransform"]

Tensor = torch.Tensor


class Binding(NamedTuple):
    """Where a transform stands.

    Attributes
    ----------
    dt
        Time step in ms.
    lag
        Steps between an emission and its earliest arrival.
    seed, name
        Of the network and of the projection: what delays are drawn by.
    """

    dt: float
    lag: int = 0
    seed: int = 0
    name: str = ""


class BoundTransform(NamedTuple):
    """A transform in one projection. The transform stores none of this, so it may stand in several, also of different dt.

    Attributes
    ----------
    transform
        Owns the weights and the delays in ms.
    dt, lag
        As in :class:`Binding`.
    latency
        Steps of all synapses together, with the lag; the lag alone where every synapse has steps of its own.
    table
        Whole steps of every synapse, with the lag; None where they share one number or are learnable.
    """

    transform: Transform
    dt: float
    lag: int = 0
    latency: int = 0
    table: Tensor | None = None

    @property
    def per_synapse(self) -> bool:
        """Whether every synapse has steps of its own."""
        return self.table is not None or self.transform.delay is not None

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last step on which anything can arrive."""
        delay, table, shared = self.transform.delay, self.table, self.transform.shared
        if delay is not None:
            return self.lag + delay.shortest(self.dt), self.lag + delay.longest(self.dt)
        if shared is not None and shared.reach is not None:
            return shared.reach
        if table is not None and table.numel():
            return extent(table)
        return self.latency, self.latency

    def times(self, since: int = 0) -> Tensor:
        """Time in ms from step ``since`` after the emission to the arrival: float64, one number or one for each synapse."""
        delay = self.transform.delay
        if delay is not None:
            return delay.bounded().detach().double() + (self.lag - since) * self.dt
        steps = torch.tensor(self.latency) if self.table is None else self.table
        return (steps.to(torch.int64) - since).double() * self.dt

    def taps(self, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Weights [..., W] on W steps, the effective ones by default, and int32 [...], the first of them."""
        weight = self.transform.effective_weight() if weight is None else weight
        if self.transform.delay is not None:
            return self.transform.delay(weight, self.dt, self.lag)
        if self.table is None:
            raise DelayError(f"{self.transform.kind} has no delay per synapse, so it has no taps.")
        return weight.unsqueeze(-1), self.table.to(torch.int32)

    def fix_delays(self) -> None:
        """Put every learnable delay of the transform on its nearest step here."""
        if self.transform.delay is not None:
            self.transform.fix_delays(self.dt, self.lag)
