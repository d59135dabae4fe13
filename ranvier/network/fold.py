"""Batch norms become part of the weights beside them, so that none of them is run, exported or put on a chip."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ranvier.connectivity.affine import FoldError
from ranvier.connectivity.copied import copied
from ranvier.network.network import Network
from ranvier.network.order import GraphError
from ranvier.network.parts.population import Relay
from ranvier.network.parts.projection import Projection
from ranvier.network.precision import in_float32
from ranvier.network.shapes import shapes_known

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["fold_norms"]


def fold_norms(net: Network) -> Network:
    """A copy of ``net`` whose batch norms are folded into the ``Linear`` or convolution beside them.

    With g = gain/sqrt(var + eps) and t = bias - g*mean per channel, by the running statistics, a norm behind the weights
    gives W' = g*W, b' = g*b + t. A norm that follows no weights is folded into those behind it: W' = W*g, b' = W*t + b, in
    convolutions only without padding by zeros, which the norm would not shift. Delays stay as they are. The copy computes
    what ``net.eval()`` computes, and ``net`` itself stays as it is. Frozen weights stay frozen, and a bias that the copy
    adds is learnt where its weights are.

    Instance norms with running statistics are folded too. Layer, group and all other instance norms compute statistics
    from each sample, which no weight can hold: they stay in the copy, and so do norms inside a module that holds others, such as
    ``torch.nn.Sequential``. ``rv.step_graph`` refuses those.

    The norm on the membrane of a population (:func:`ranvier.MembraneNorm`) becomes two parameters of its cell, which its
    threshold reads.

    A norm counts channels along the first axis of a sample and ``Linear`` along the last. Both are the same for a sample of
    one axis only, so the copy gives the population behind such a pair a size and refuses inputs with further axes.

    Raises
    ------
    GraphError
        Where a norm stands beside something else, has no running statistics, or its weights are used twice; where signs would be lost;
        where a norm and the ``Linear`` before it act on different axes.

    >>> chip = rv.fold_norms(net)
    """
    if not isinstance(net, Network):
        raise GraphError(f"fold_norms takes a network, got {type(net).__name__}: give rv.Network or rv.Sequential.")
    in_float32(net.graph, "rv.fold_norms")
    folded = copied(net).eval()
    uses = [id(q) for p in folded.projections.values() for m in p.chain for q in m.parameters()]
    for population in folded.populations.values():
        population.fold_norm()
    matrices = list[tuple[Projection, int]]()
    for name, p in list(folded.projections.items()):
        try:
            chain, absorbed = p.chain.folded(uses)
        except FoldError as error:
            raise GraphError(f"projection {name!r}: {error}") from None
        if absorbed:
            made = folded.projections[name] = p.replaced(chain).eval()
            matrices += [(made, k) for k in sorted(absorbed) if made.chain.transforms[k].channels_last]
    if matrices:
        shapes = shapes_known(folded.graph, {n: s for n, s in folded.inputs.items() if s is not None})
        for p, k in matrices:
            row = _arriving_row(folded.graph, p, k, shapes.get(p.pre))
            if p.post in folded.relays:
                folded.relays[p.post] = Relay(row)
            else:
                folded.populations[p.post].shape = row
    return folded


def _arriving_row(graph: Graph, p: Projection, k: int, pre: tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape of the population behind transform ``k``, a matrix that took over a norm, for samples of one axis."""
    outputs = len(p.chain.transforms[k].effective_weight())
    shape, arriving = graph.shape_of(p.post), p.output_shape((outputs,), slice(k + 1, None))
    before = None if pre is None else p.output_shape(pre, slice(k + 1))
    if (before is not None and len(before) > 1) or (shape not in (None, arriving) and math.prod(arriving) > 1):
        raise GraphError(
            f"projection {p.name!r}: {p.chain.transforms[k].kind} acts on the last axis of samples of several axes, and the norm "
            f"behind it on the first: flatten the samples before it, or keep the norm."
        )
    return arriving if shape is None else shape
