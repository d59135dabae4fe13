"""Regularisers on the membrane of hidden cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training.regularizers._regularizer import Regularizer, own_steps

__all__ = ["CentredMembrane", "MembraneBounds", "ResidualMembrane"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class _OnMembranes(Regularizer):
    @property
    def per_step(self) -> bool:
        """True: a mean over steps."""
        return True


@dataclass(frozen=True)
class MembraneBounds(_OnMembranes):
    """Keep membranes in a range: weight * mean of max(0, low - v)**2 + max(0, v - high)**2.

    v is the membrane after each step, in the base unit of the cell (mV, or 1), of every cell that has a variable v and
    fires; the mean is over cells and each sample's own steps. A membrane far below threshold gets no surrogate gradient:
    a lower bound keeps it in reach. Source: Guo et al., CVPR 2022 (RecDis-SNN: rectifying the membrane distribution).

    >>> fit = rv.train(net, data, epochs=10, regularizers=[rv.regularizers.MembraneBounds(0.1, low=-1.0, high=1.0)])
    """

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, bound in (("low", self.low), ("high", self.high)):
            if not isinstance(bound, int | float):
                raise TrainingError(
                    f"MembraneBounds: {name}={bound!r} must be a number in the base unit of v: -70 stands for -70*mV."
                )
        if not self.low < self.high:
            raise TrainingError(f"MembraneBounds: low={self.low} is not below high={self.high}; swap or widen them.")

    def variable(self, net: Network, population: str) -> str | None:
        """v, of a population that can fire."""
        cell = net.populations[population].cell
        return "v" if cell.fires and "v" in cell.system.states else None

    def penalty(self, net: Network, population: str, signal: Tensor, lengths: Tensor | None) -> Tensor:
        """The mean squared excess of the membranes."""
        excess = (self.low - signal).clamp(min=0).square() + (signal - self.high).clamp(min=0).square()
        return _mean(excess, signal, lengths, outside=max(self.low, 0.0) ** 2 + max(-self.high, 0.0) ** 2)


@dataclass(frozen=True)
class ResidualMembrane(_OnMembranes):
    """RMP-loss: weight * mean of (u - level*s)**2/level**2, how far a membrane is from the spike it is rounded to.

    u is the membrane before the reset, and s the spike, through which no gradient passes. The mean is over cells, samples and
    each sample's own steps. The loss leaves out cells with a norm on the membrane. With ``level=1`` and ``rv.LIF(V_th=0.5)`` it
    is the loss of the paper.

    Parameters
    ----------
    weight, populations
        As for every :class:`Regularizer`. The weight of the paper grows with the epochs: train in two parts for that.
    level
        What a spike stands for, in the unit of v; None takes V_th of each cell.

    Raises
    ------
    TrainingError
        For a level that is not a positive number, and where no population has such a membrane.

    Source: Guo et al., ICCV 2023 (RMP-Loss).

    >>> fit = rv.train(net, data, epochs=10, regularizers=[rv.regularizers.ResidualMembrane(0.1)])
    """

    level: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.level is not None and not (isinstance(self.level, int | float) and 0 < self.level < math.inf):
            raise TrainingError(f"ResidualMembrane: level={self.level!r} must be a positive number, or None for V_th.")

    def variable(self, net: Network, population: str) -> tuple[str, ...] | None:
        """v before the reset and the spikes, of a population that fires."""
        return (*found, "spikes") if (found := _before(net, population, self.level is None)) else None

    def penalty(self, net: Network, population: str, signal: Any, lengths: Tensor | None) -> Tensor:
        """The mean squared residual in units of the level."""
        u, spikes = signal
        level = _threshold(net, population, u) if self.level is None else self.level
        return _mean(((u - level * spikes.detach()) / level).square(), u, lengths)


@dataclass(frozen=True)
class CentredMembrane(Regularizer):
    """IM-loss: weight * (mean of u/V_th - share)**2, which moves the mean membrane to the threshold.

    u is the membrane before the reset, and the mean is over cells, samples and each sample's own steps. If membranes lie
    symmetrically around their mean, and the mean is V_th, half of them fire, and a spike carries the most information, one bit.
    The loss makes cells busy. It leaves out cells with a norm on the membrane.

    Parameters
    ----------
    weight, populations
        As for every :class:`Regularizer`.
    share
        Where the mean belongs, in units of V_th, above 0 and at most 1. The authors also use 1/T.

    Raises
    ------
    TrainingError
        For another share, and where no population has such a membrane.

    Source: Guo et al., NeurIPS 2022 (IM-Loss: information maximization).

    >>> fit = rv.train(net, data, epochs=10, regularizers=[rv.regularizers.CentredMembrane(0.1)])
    """

    share: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.share, int | float) or not 0 < self.share <= 1:
            raise TrainingError(f"CentredMembrane: share={self.share!r} of the threshold must lie in (0, 1].")

    def variable(self, net: Network, population: str) -> tuple[str, ...] | None:
        """v before the reset, of a population that fires and has a threshold V_th."""
        return _before(net, population, True)

    def penalty(self, net: Network, population: str, signal: Any, lengths: Tensor | None) -> Tensor:
        """The squared distance of the mean membrane from the threshold, in thresholds."""
        (u,) = signal
        threshold = _threshold(net, population, u)
        return (_mean(u / threshold, u, lengths) - self.share).square()


def _before(net: Network, population: str, threshold: bool) -> tuple[str] | None:
    """v before the reset, where a population fires by its v as it is; it has a ``threshold`` V_th if asked."""
    cell = net.populations[population].cell
    norm = cell.membrane_norm
    plain = cell.fires and "v_before" in cell.system.before and (norm is None or norm.threshold == "V_th")
    levels = not threshold or ("V_th" in cell.parameters and cell.system.dimensions["V_th"].is_none)
    return ("v_before",) if plain and levels else None


def _threshold(net: Network, population: str, like: Tensor) -> Tensor:
    return net.populations[population].value("V_th").detach().to(like)


def _mean(x: Tensor, signal: Tensor, lengths: Tensor | None, outside: float = 0.0) -> Tensor:
    """The mean over cells and own steps of ``x`` [T, B, …], which is ``outside`` in every other step."""
    cells = x[0, 0].numel() if x.numel() else 1
    own = own_steps(signal, lengths).sum()
    return (x - outside).sum() / (own * cells) + outside
