"""A loss on the time of the first spike, whose derivative is by that time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.training._times import milliseconds
from ranvier.training.losses.loss import Loss, cross_entropy, series

__all__ = ["TimeToFirstSpike"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class TimeToFirstSpike(Loss):
    """Cross-entropy of softmax(-t/temperature), t [ms] the time of each output cell's first spike.

    t [B, C] is (n + 1) dt for a first spike in step n, T dt for a silent cell. Its derivative by the spike s[n] is 1: the
    gradient that reaches the spike is dL/dt, in 1/ms, which is what ``rv.rules.EventProp`` goes on from. Other rules take
    it for a derivative by the spike's size: use ``FirstSpike`` with them.

    s [T, B, C] output spikes; ``dt`` of the network; ``temperature``, how much earlier is clearly earlier.
    Source: Wunderlich & Pehl, Scientific Reports 2021.

    >>> loss = rv.losses.TimeToFirstSpike(dt=0.1*ms, temperature=2*ms)
    """

    dt: Any = 1.0
    temperature: Any = 1.0

    def __post_init__(self) -> None:
        for name in ("dt", "temperature"):
            object.__setattr__(self, name, milliseconds(getattr(self, name), "TimeToFirstSpike", name))

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        return cross_entropy(-self.times(out, lengths) / self.temperature, target)

    def times(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """t [B, C] in ms."""
        s = series(out, self, lengths)
        fired = s.detach() > 0
        first = fired.int().argmax(0)
        own = s.gather(0, first.unsqueeze(0)).squeeze(0)
        moved = (first + 1).to(s.dtype) * self.dt + (own - own.detach())
        steps = moved.new_full((s.shape[1],), s.shape[0]) if lengths is None else lengths.to(moved)
        end = (steps * self.dt).unsqueeze(1).expand_as(moved)
        return torch.where(fired.any(0), moved, end)

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The class [B] that fires first."""
        return self.times(out, lengths).argmin(1)
