"""Regularisers on how much cells fire."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training.regularizers._regularizer import Regularizer, own_steps

__all__ = ["RateBounds", "SpikeCost"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class _OnSpikes(Regularizer):
    def variable(self, net: Network, population: str) -> str | None:
        """The spikes, of a population that can fire."""
        return "spikes" if net.populations[population].cell.fires else None


@dataclass(frozen=True)
class SpikeCost(_OnSpikes):
    """A price on every spike: weight * mean over samples and cells of r**power, r = mean over t of s[t].

    r [spikes per step] of one cell in one sample. ``power=1`` prices all spikes alike, ``power=2`` those of busy cells
    more. Source: Zenke & Vogels, Neural Computation 2021 (L1 and L2 on spike counts).

    >>> fit = rv.train(net, data, epochs=10, regularizers=[rv.regularizers.SpikeCost(0.1)])
    """

    power: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.power not in (1, 2):
            raise TrainingError(f"SpikeCost: power={self.power!r} must be 1 or 2.")

    @property
    def per_step(self) -> bool:
        """True for ``power=1``."""
        return self.power == 1

    def penalty(self, net: Network, population: str, signal: Tensor, lengths: Tensor | None) -> Tensor:
        """The mean price of a cell in a sample."""
        steps = own_steps(signal, lengths).reshape(-1, *(1 for _ in signal.shape[2:]))
        return (signal.sum(0) / steps).pow(self.power).mean()


@dataclass(frozen=True)
class RateBounds(_OnSpikes):
    """Keep firing rates in a range: weight * mean of max(0, low - r)**2 + max(0, r - high)**2.

    r [spikes per step] is the mean over samples and time: of each cell (``per="cell"``: no cell dies, none is always
    on), or of all cells together (``per="population"``: how they share it is free). Source: Cramer et al., IEEE TNNLS
    2020 and Zenke & Vogels, Neural Computation 2021 (lower bound per neuron, upper bound per population).

    >>> fit = rv.train(net, data, epochs=10, regularizers=[rv.regularizers.RateBounds(10.0, low=0.01, high=0.2)])
    """

    low: float = 0.0
    high: float = 1.0
    per: str = "cell"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.low < self.high <= 1:
            raise TrainingError(
                f"RateBounds: low={self.low} and high={self.high} are spikes per step: choose 0 <= low < high <= 1."
            )
        if self.per not in ("cell", "population"):
            raise TrainingError(
                f"RateBounds: per={self.per!r} is unknown; bounds belong to each 'cell' or 'population'."
            )

    def penalty(self, net: Network, population: str, signal: Tensor, lengths: Tensor | None) -> Tensor:
        """The mean squared excess of the rates."""
        rate = signal.sum((0, 1)) / own_steps(signal, lengths).sum()
        if self.per == "population":
            rate = rate.mean()
        return ((self.low - rate).clamp(min=0).square() + (rate - self.high).clamp(min=0).square()).mean()
