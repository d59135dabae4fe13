"""Norms become part of the weights before them: what is run, exported or put on a chip has none."""

from __future__ import annotations

import copy

from ranvier.connectivity.affine import FoldError
from ranvier.network._graph import GraphError
from ranvier.network._network import Network

__all__ = ["fold_norms"]


def fold_norms(net: Network) -> Network:
    """A copy of ``net`` whose batch norms are folded into the ``Linear`` or convolution right before them.

    W' = g*W, b' = g*(b - mean) + bias with g = gain/sqrt(var + eps) per output, by the running statistics; delays stay
    as they are. The copy computes what ``net.eval()`` computes, and ``net`` itself stays as it is.

    Raises
    ------
    GraphError
        Where a norm follows something else, has no running statistics, or shares its weights; where signs would be lost.

    >>> chip = rv.fold_norms(net)
    """
    folded = copy.deepcopy(net).eval()
    uses = [id(q) for p in folded.projections.values() for m in p.chain for q in m.parameters()]
    for name, p in list(folded.projections.items()):
        try:
            chain = p.chain.folded(uses)
        except FoldError as error:
            raise GraphError(f"projection {name!r}: {error}") from None
        if len(chain) < len(p.chain):
            folded.projections[name] = p.replaced(chain)
    return folded
