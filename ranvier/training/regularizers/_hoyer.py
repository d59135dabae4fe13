"""Few membranes near the threshold, and all others far below it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ranvier.network import Network
from ranvier.training.regularizers._membrane import _before, _OnMembranes, _threshold
from ranvier.training.regularizers._regularizer import own_steps

__all__ = ["HoyerSparsity"]


@dataclass(frozen=True)
class HoyerSparsity(_OnMembranes):
    """Hoyer regularisation: weight * mean of (sum z)**2/sum z**2 over the cells, z = u/V_th between 0 and 1.

    u is the membrane before the reset. The quotient is 1 where one cell of a population has all, the number of cells where all are
    equal, and 0 where no membrane is above 0. Its slope is negative above sum z**2/sum z, the Hoyer extremum, and positive
    below, so membranes are driven apart there. The mean is over samples and each sample's own steps. Cells with a norm on the
    membrane are left out, but for :func:`ranvier.HoyerThreshold`, which fires at the extremum.

    Parameters
    ----------
    weight, populations
        As for every :class:`Regularizer`. The penalty grows with the number of cells: choose a smaller weight for larger layers.

    Raises
    ------
    TrainingError
        Where no population has such a membrane.

    Source: Datta, Liu & Beerel, 2022, arXiv:2212.10170 (Hoyer regularizer is all you need for ultra low-latency SNNs).

    >>> fit = rv.train(net, data, epochs=1, regularizers=[rv.regularizers.HoyerSparsity(1e-4)])
    """

    def variable(self, net: Network, population: str) -> tuple[str, ...] | None:
        """v before the reset, of a population that fires and has a threshold V_th."""
        return _before(net, population, True)

    def penalty(self, net: Network, population: str, signal: tuple[Tensor, ...], lengths: Tensor | None) -> Tensor:
        """The mean quotient."""
        (u,) = signal
        z = (u / _threshold(net, population, u)).clamp(0, 1).flatten(2)
        found = z.sum(2).square() / z.square().sum(2).clamp(min=1e-12)
        return found.sum() / own_steps(u, lengths).sum()
