"""Synchrony of pairs of cells as what a network is read by."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.blocks._parts import check_sizes
from ranvier.connectivity import Linear
from ranvier.errors import ShapeError
from ranvier.network import Branches
from ranvier.neurons import Cell
from ranvier.units import ms
from ranvier.values import Learn, LogNormal

__all__ = ["synchrony"]


def synchrony(
    cells: int, pairs: int, *, tau: Any = None, trace: Any = 2 * ms, generator: torch.Generator | None = None
) -> Branches:
    """The synchrony of pairs of cells up to now, for each pair p = (i, j): a part of ``rv.Sequential``.

    z[t] = exp(-dt/trace)*z[t - 1] + x[t] are traces of the spikes x [T, B, cells]
    S_p[t] = sum over s <= t of exp(-(t - s)*dt/tau_p)*z_i[s]*z_j[s] / sqrt(sum over s <= t of exp(-(t - s)*dt/tau_p))

    Gives S [T, B, pairs], step by step: each pair keeps two traces and two sums, so that a stream of any length runs. Pairs are drawn
    once, each at most once; a cell may be its own partner. The choice is saved with the network.

    Parameters
    ----------
    cells
        Number of cells that are read.
    pairs
        Number of pairs, at most cells*(cells + 1)/2.
    tau
        How long synchrony is remembered [ms]; None: learnt for each pair, drawn from a log-normal distribution around 5 ms.
    trace
        Time constant of the traces [ms].
    generator
        Draws the pairs; None takes torch's own.

    Raises
    ------
    ShapeError
        Where a number is not positive, or there are fewer pairs of cells than asked for.

    Source: Darlow et al., 2025 (Continuous Thought Machines, arXiv:2505.05522). The source takes activations in place of traces of spikes.

    >>> cells = rv.Recurrent(rv.LIF(64), rv.Linear(64, 64, bias=False))
    >>> net = rv.Sequential(rv.Linear(2, 64), cells, rv.blocks.synchrony(64, 48), rv.Linear(48, 2), dt=1*ms)
    >>> out, state = net(torch.rand(20, 4, 2).round())
    """
    check_sizes("synchrony", cells=cells, pairs=pairs)
    first, second = torch.tril_indices(cells, cells)
    if pairs > len(first):
        raise ShapeError(
            f"synchrony: {cells} cells have {len(first)} pairs, got pairs={pairs}: give fewer, or more cells."
        )
    drawn = torch.randperm(len(first), generator=generator)[:pairs]
    sums = Cell(
        """
        p = exp(-dt/trace)*left + a : 1
        q = exp(-dt/trace)*right + b : 1
        left' = p : 1
        right' = q : 1
        paired' = exp(-dt/tau)*paired + p*q : 1
        weight' = exp(-dt/tau)*weight + 1 : 1
        S = paired/sqrt(weight) : 1
        a : 1 (input)
        b : 1 (input)
        """,
        emit="S", name="synchrony", size=pairs, trace=trace,
        tau=Learn(LogNormal(5 * ms, 1.0), min=0.1 * ms) if tau is None else tau,
    )  # fmt: skip
    return Branches(sums, a=[_chosen(cells, first[drawn])], b=[_chosen(cells, second[drawn])])


def _chosen(cells: int, which: torch.Tensor) -> Linear:
    """A map of some cells to as many places, not learnt."""
    pick = Linear(cells, len(which), bias=False)
    pick.weight.requires_grad_(False).copy_(torch.nn.functional.one_hot(which, cells))
    return pick
