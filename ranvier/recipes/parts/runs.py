"""Runs of simulations as recipes use them."""

from __future__ import annotations

from ranvier.network import Network, Run

__all__ = ["finished", "synapses"]


def finished(run: Run) -> Run:
    """The run, where it was not interrupted.

    Raises
    ------
    KeyboardInterrupt
        Where it was: a recipe has no use for half a result.
    """
    if run.stopped:
        raise KeyboardInterrupt
    return run


def synapses(net: Network) -> int:
    """How many single synapses a network has."""
    return sum(len(p.synapses) for p in net.projections.values())
