"""How many values a projection has of each variable of its rule, and which member of a domain each synapse belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ranvier.dynamics.plasticity import Pairs
from ranvier.network.order import GraphError

if TYPE_CHECKING:
    from ranvier.dynamics.plasticity import Domain
    from ranvier.network.parts.projection import Projection

__all__ = ["members_of", "values_of"]


def values_of(projection: Projection, variable: str) -> int:
    """One for each synapse, or for each member of the domain of the variable."""
    domain = projection.bound.shared.get(variable)
    return len(projection.synapses) if domain is None else _found(projection, domain)[0]


def members_of(projection: Projection, domain: Domain) -> torch.Tensor:
    """Int64 [synapses].

    Raises
    ------
    GraphError
        Where the domain gives no member for each synapse.
    """
    return _found(projection, domain)[1]


def _found(projection: Projection, domain: Domain) -> tuple[int, torch.Tensor]:
    """Size and members, kept with the projection."""
    kept = projection.domains
    if domain not in kept:
        kept[domain] = _asked(projection, domain)
    return kept[domain]


def _asked(projection: Projection, domain: Domain) -> tuple[int, torch.Tensor]:
    sparse = projection.synapses
    pairs = Pairs(sparse.pre.numpy(), sparse.post.numpy(), sparse.sizes)
    size, member = domain.size(pairs), np.asarray(domain.member(pairs))
    where = f"projection {projection.name!r}: {domain!r}"
    if not isinstance(size, int | np.integer) or size < 1:
        raise GraphError(f"{where} has {size!r} members: size must give a whole number, 1 or more.")
    if member.shape != (len(sparse),) or not np.issubdtype(member.dtype, np.integer):
        raise GraphError(
            f"{where} gives members of shape {member.shape} and type {member.dtype} for {len(sparse)} synapses: member must "
            f"give a whole number for each."
        )
    if member.size and (member.min() < 0 or member.max() >= size):
        wrong = member.min() if member.min() < 0 else member.max()
        raise GraphError(f"{where} puts a synapse into member {wrong}, but there are 0 to {size - 1}.")
    return int(size), torch.from_numpy(member.astype(np.int64))
