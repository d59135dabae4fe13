"""Products of a network whose operands are not spikes: a spike-driven network must have none."""

from __future__ import annotations

from typing import Any

from torch import nn

from ranvier.blocks._product import FloatProducts
from ranvier.blocks._watch import Watch
from ranvier.errors import ShapeError
from ranvier.measure.walk import walk

__all__ = ["float_products"]


def float_products(net: nn.Module, x: Any, *more: Any, **how: Any) -> FloatProducts:
    """List every product on a batch that is more than a sum of weights at spikes.

    A copy of ``net`` in evaluation mode runs ``net(x, *more, **how)``. A product of data with weights (a matrix, a convolution, single
    synapses, a norm that is not folded into weights) is listed if the data are not spikes. A product of data with data (attention, a gate)
    is listed if neither operand is spikes. Spikes are 0 and 1. Whole numbers are listed separately as counts, and constant factors as scales,
    which weights or thresholds can take over.

    In a network, the function examines what enters each projection and what its transforms compute. It examines products of inputs in cells
    without states, such as the joins ``"and"`` and ``"iand"``, but not the equations by which cells with states advance. In other modules it
    examines every operation of torch, and lists it unless it is known only to add, compare, choose or move numbers. The list holds what this
    batch shows: give a batch on which all cells fire.

    Parameters
    ----------
    net
        A network or layer, or any module that may contain some.
    x, more, how
        The arguments of its call: x [T, B, …] for a network.

    Raises
    ------
    ShapeError
        Where ``net`` is not a module.

    >>> net = rv.Sequential(rv.Linear(20, 30), rv.LIF(30), rv.Linear(30, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> found = rv.blocks.float_products(net, (torch.rand(10, 4, 20) < 0.3).float())
    >>> found.floats
    ()
    """
    if not isinstance(net, nn.Module):
        raise ShapeError(
            f"float_products takes a module, got {type(net).__name__}: give rv.Sequential, or any torch.nn.Module."
        )
    return walk(net, Watch(), x, *more, **how).products()
