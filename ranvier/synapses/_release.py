"""Unreliable synapses."""

from __future__ import annotations

from typing import Any

from ranvier.synapses._plasticity import Plasticity
from ranvier.synapses.ranges import require

__all__ = ["StochasticRelease"]


def StochasticRelease(p: Any = 0.5) -> Plasticity:
    """Each spike is transmitted at each synapse with probability ``p``, independently.

    w is delivered with probability p, else nothing. The draw depends on the network's seed, the state's stream, the
    synapse and the step alone: on no cut and no provider.

    Parameters
    ----------
    p
        Probability of release [1]; one number, or one per synapse (an array or a distribution).

    Raises
    ------
    EquationError
        For a probability outside 0 to 1.

    Source: Stevens & Wang, Nature 1994.

    >>> names = net.connect("exc", "inh", rv.FixedProbability(0.1), to="I", weight=0.1*nA, plasticity=rv.StochasticRelease(0.3))
    """
    require("StochasticRelease", 0, 1, p=p)
    return Plasticity(on_pre="sent = where(rand <= p, sent, 0*sent)", name="StochasticRelease", p=p)
