"""A loss on which output cell fires first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import TrainingError
from ranvier.network import silence_after
from ranvier.training.losses.loss import Loss, cross_entropy, series

__all__ = ["FirstSpike"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class FirstSpike(Loss):
    """Cross-entropy of softmax(-L/temperature): the class whose cell fires first.

    L = sum over t of prod over u <= t of (1 - s[u]) counts the steps before the first spike (T where there is none).
    Read with spike probabilities s it is the mean waiting time, which makes it differentiable: a silent cell learns
    from every step, an active one from its first spike and the steps before.

    s [T, B, C] output spikes; L [steps]; ``temperature`` [steps], how much earlier is clearly earlier.
    Source: Mostafa, IEEE TNNLS 2018 (cross-entropy on first spike times); the waiting time is the discrete-time
    survival sum of Cox, J. R. Stat. Soc. B 1972.

    >>> fit = rv.train(net, data, epochs=10, loss=rv.losses.FirstSpike(temperature=2.0))
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise TrainingError(f"FirstSpike: temperature={self.temperature} must be a positive number of steps.")

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        return cross_entropy(-self.latency(out, lengths) / self.temperature, target)

    def latency(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """L [B, C]: steps before the first spike."""
        waiting = torch.cumprod(1 - series(out, self, lengths), dim=0)
        return (waiting if lengths is None else silence_after(waiting, lengths)).sum(0)

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The class [B] that fires first."""
        return self.latency(out, lengths).argmin(1)
