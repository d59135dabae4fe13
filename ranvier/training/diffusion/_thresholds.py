"""A network with other thresholds, without training."""

from __future__ import annotations

import math

import torch

from ranvier.connectivity.copied import copied
from ranvier.errors import TrainingError
from ranvier.network import Network

__all__ = ["scaled_thresholds"]


def scaled_thresholds(net: Network, factor: float, *, threshold: str = "V_th") -> Network:
    """A copy of ``net`` in which the thresholds of all cells that fire are multiplied by ``factor``.

    With a factor below 1 cells fire more, above 1 less. Threshold guidance chooses the factor of a trained denoiser by the quality
    of its samples; nothing is trained, and ``net`` stays as it is.

    Parameters
    ----------
    factor
        Above 0.
    threshold
        The parameter of the cells that holds the threshold.

    Raises
    ------
    TrainingError
        Where ``net`` is not a network, the factor is not above 0, or no cell that fires has such a parameter.

    Source: Cao et al., WACV 2024 (threshold guidance).

    >>> net = rv.Sequential(rv.Linear(20, 30), rv.LIF(30), rv.Linear(30, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> eager = rv.training.scaled_thresholds(net, 0.99)
    """
    if not isinstance(net, Network):
        raise TrainingError(
            f"scaled_thresholds takes a network, got {type(net).__name__}: give rv.Sequential or rv.Network."
        )
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < math.inf:
        raise TrainingError(f"scaled_thresholds: factor={factor!r} must be a number above 0.")
    made = copied(net)
    found = [p for p in made.populations.values() if p.cell.fires and threshold in p.cell.parameters]
    if not found:
        raise TrainingError(
            f"scaled_thresholds: no cell that fires has a parameter {threshold!r}: name that of your cells with threshold=…."
        )
    values = {
        id(value): value for value in (getattr(p, threshold) for p in found)
    }  # populations of one cell share what is learnt
    with torch.no_grad():
        for value in values.values():
            value.mul_(factor)
    return made
