"""Initial weights with which lateral inhibition balances its input."""

from __future__ import annotations

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.network.parts.projection import Projection
from ranvier.network.run.outputs import emission_of
from ranvier.network.run.windows import take_inputs
from ranvier.training._buffers import same_buffers
from ranvier.training.batches import Signal

__all__ = ["balance"]

Tensor = torch.Tensor


def balance(net: Network, x: Signal) -> list[str]:
    """Draw the weights of every :class:`~ranvier.LateralInhibition` for its input on a batch, in the order of the network (E-I Init).

    Excitatory and inhibitory weights are exponential with scale sqrt(Var/(d*(E[x**2] + Var))), where x are the d inputs of a cell; ``mix`` is
    1/I, and ``share`` is sqrt(E[x**2] + Var)/(E[x]*sqrt(d)). Excitation alone then has variance 1. The sum that arrives at a cell has mean 0 over draws of the
    weights, and a variance near E[x**2]/(E[x**2] + Var), from 1/2 to 1, since the common part of excitation and inhibition cancels.

    Parameters
    ----------
    net
        Changed in place; draws follow torch's generator.
    x
        A batch like those of training, [T, B, …], or several by name.

    Returns the names of the projections that were drawn.

    Raises
    ------
    TrainingError
        Where the network has no such map.
    ShapeError
        Where an input is silent or constant, and where torch computes a weight of the map from others.

    Source: Liu, Ding & Yu, ICLR 2026 (E-I Init).

    >>> one, two = rv.Linear(20, 32, bias=False, sign=1), rv.Linear(20, 8, bias=False, sign=1)
    >>> cells = rv.Sequential(rv.LateralInhibition(one, two), rv.LIF(32), rv.Linear(32, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> names = rv.training.balance(cells, torch.rand(50, 8, 20).round())
    """
    done = []
    order = [name for part in net.plan().parts for name in part.members]
    with torch.no_grad(), same_buffers(net):
        for p in (p for name in order for p in net.projections.values() if p.post == name):
            for k, transform in enumerate(p.chain.transforms):
                if transform.balances:
                    transform.start_from(_entering(net, p, k, x))
                    done.append(p.name)
    if not done:
        raise TrainingError("balance: the network has no rv.LateralInhibition, so nothing was drawn.")
    return done


def _entering(net: Network, p: Projection, place: int, x: Signal) -> Tensor:
    """What enters the map at ``place`` of the chain of ``p`` [rows, …], without its delay."""
    rows = take_inputs(net.graph, x)[0].get(p.pre)
    if rows is None:
        signal = emission_of(p.pre, net.populations)
        rows = net.observe(x, record={p.pre: [signal]})[p.pre][signal]
    rows = rows.flatten(0, 1)
    for transform in p.chain.transforms[:place]:
        rows = transform.module(rows)
    return rows
