"""Regularisers on the membrane of hidden cells."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training.regularizers._regularizer import Regularizer, own_steps

__all__ = ["MembraneBounds", "ResidualMembrane"]

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
    """RMP-loss: weight * mean of (u - V_th*s)**2/V_th**2, how far a membrane is from the spike it is rounded to.

    u is the membrane before the reset and s the spike. With the reset ``v -= V_th`` the difference is what the reset
    leaves, v, which is recorded; cells with another reset, or a norm on the membrane, are refused. V_th in the unit of v; the mean is over cells
    and each sample's own steps. Source: Guo et al., ICCV 2023 (RMP-Loss), whose factor grows with the epochs: train in
    two parts for that.

    >>> fit = rv.train(net, data, epochs=10, regularizers=[rv.regularizers.ResidualMembrane(0.1)])
    """

    def variable(self, net: Network, population: str) -> str | None:
        """v, of a population that fires and then subtracts its threshold."""
        cell = net.populations[population].cell
        resets = next((dict(e.assignments) for e in cell.system.events if e.name == "spike"), {})
        subtracts = resets.keys() == {"v"} and resets["v"] == sp.Symbol("v") - sp.Symbol("V_th")
        return "v" if subtracts and "V_th" in cell.parameters and cell.membrane_norm is None else None

    def penalty(self, net: Network, population: str, signal: Tensor, lengths: Tensor | None) -> Tensor:
        """The mean squared residual in thresholds."""
        threshold = net.populations[population].values()["V_th"].detach().to(signal)
        return _mean((signal / threshold).square(), signal, lengths)


def _mean(x: Tensor, signal: Tensor, lengths: Tensor | None, outside: float = 0.0) -> Tensor:
    """The mean over cells and own steps of ``x`` [T, B, …], which is ``outside`` in every other step."""
    cells = x[0, 0].numel() if x.numel() else 1
    own = own_steps(signal, lengths).sum()
    return (x - outside).sum() / (own * cells) + outside
