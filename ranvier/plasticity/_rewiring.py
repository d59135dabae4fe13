"""Structural plasticity: weak synapses are given up and as many grow elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.connectivity import ConnectivityError, Synapses
from ranvier.errors import DimensionError, StateError
from ranvier.network import GraphError, State
from ranvier.network.plastic.members import members_of, values_of
from ranvier.network.plastic.synapses import initial_synapses
from ranvier.network.state.check import check_state
from ranvier.units import as_quantity
from ranvier.values import flag, key_of, uniforms

if TYPE_CHECKING:
    from ranvier.network import Network

__all__ = ["Rewiring"]


@dataclass(frozen=True)
class Rewiring:
    """Replaces the weak synapses of a plastic projection by new ones between cells that had none.

    Every synapse with |w| < ``below`` is pruned, and for each a new one is grown between two cells drawn at random among
    the pairs without a synapse; it starts with ``weight``, fresh variables and the delay of the one it replaces. The
    number of synapses stays; the others keep weight, variables and delay. What is drawn depends on the network's seed, the
    projection and the step alone.

    Parameters
    ----------
    below
        Weight below which a synapse is pruned, in the unit of the weight.
    weight
        What a new synapse starts with, in the same unit.
    autapses
        Whether a cell may grow a synapse onto itself.

    Raises
    ------
    ConnectivityError
        When called for a projection with fewer free pairs than synapses to replace.
    GraphError
        When called for one that is not there or not plastic.

    Source: Bellec, Kappel, Maass & Legenstein, ICLR 2018 (the constant number and the random regrowth of DEEP R); a model of
    the phenomenon: Butz & van Ooyen, PLoS Computational Biology 2013.

    >>> rule = rv.plasticity.STDP(w_max=0.2)
    >>> (name,) = net.connect("exc", "exc", rv.FixedProbability(0.1), to="g_e", weight=0.1, plasticity=rule)
    >>> rewire, state = rv.plasticity.Rewiring(below=0.01, weight=0.1), None
    >>> for _ in range(3):
    ...     run = net.run(100*ms, state)
    ...     state = rewire(net, run.state, name)
    """

    below: Any
    weight: Any
    autapses: bool = False

    def __post_init__(self) -> None:
        flag(self.autapses, "Rewiring: autapses")

    def __call__(self, net: Network, state: State, name: str) -> State:
        """Rewire the projection ``name`` of ``net`` in place; returns the state to go on from."""
        if name not in net.projections:
            plastic = [n for n, p in net.projections.items() if p.plasticity]
            raise GraphError(f"there is no projection {name!r}; plastic are {', '.join(plastic) or 'none'}.")
        projection = net.projections[name]
        sparse, bound = projection.synapses, projection.bound
        if sparse.delay is not None:
            raise ConnectivityError(f"{name}: synapses with learnable delays cannot be replaced; fix them first.")
        values = state.synapses.get(name, {})
        if values and values["w"].shape[0] != 1:
            raise StateError(
                f"{name}: {values['w'].shape[0]} samples would each prune other synapses; rewire a batch of one."
            )
        state = check_state(net.graph, state, 1)
        dimension = bound.system.dimensions["w"]
        below, start = (self._number(n, v, dimension) for n, v in (("below", self.below), ("weight", self.weight)))
        weak = (values["w"][0].abs() < below).numpy()
        pre, post = sparse.pre.numpy().copy(), sparse.post.numpy()
        key = key_of(net.seed, f"{name}.rewiring")
        barred = projection.pre == projection.post and not self.autapses
        pre[weak], post[weak] = _grow(pre, post, sparse.sizes, int(weak.sum()), barred, key, state.step, name)
        found = Synapses.of(pre, post, sparse.sizes)
        order, fresh = torch.from_numpy(found.order), torch.from_numpy(weak)
        weights = sparse.weight.detach().expand(len(sparse)).clone()
        weights[fresh] = start
        p = projection.replaced([sparse.replaced(found, weights)])
        kept = ~fresh[order]
        for n, domain in bound.shared.items():
            before, now = members_of(projection, domain)[order], members_of(p, domain)
            if values_of(p, n) != values_of(projection, n) or not torch.equal(before[kept], now[kept]):
                raise GraphError(
                    f"{name}: the members of {domain!r} change with the synapses, so {n!r} cannot be kept: rewire rules whose "
                    f"domains follow from cells alone."
                )
        net._add(p)
        new = initial_synapses(p, 1, net.seed, state.stream)
        after = {n: torch.where(fresh[order], new[n], v[:, order]) for n, v in values.items() if n not in bound.shared}
        after = {n: after.get(n, v) for n, v in values.items()}
        return replace(state, synapses={**state.synapses, name: after})

    def _number(self, name: str, value: Any, dimension: Any) -> float:
        quantity = as_quantity(value)
        if quantity.dimension != dimension:
            raise DimensionError(
                f"Rewiring: {name}={value!r} has dimension {quantity.dimension}; the weight has {dimension}."
            )
        number = np.asarray(quantity.value, np.float64)
        if number.shape != () or not np.isfinite(number) or (name == "below" and number < 0):
            raise DimensionError(
                f"Rewiring: {name}={value!r} must be one finite number{' of 0 or more' if name == 'below' else ''}."
            )
        return float(number)


def _grow(
    pre: np.ndarray, post: np.ndarray, sizes: tuple[int, int], count: int, barred: bool, key: tuple[int, int], step: int,
    name: str,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """``count`` pairs, all different, none of them taken: drawn until there are enough."""
    taken = np.unique(pre * sizes[1] + post)
    room = sizes[0] * sizes[1] - taken.size
    if barred:
        room -= sizes[0] - int((taken // sizes[1] == taken % sizes[1]).sum())
    if room < count:
        raise ConnectivityError(
            f"{name}: {count} synapses are to be replaced, but only {room} pairs of cells are free: connect more sparsely."
        )
    places, drawn = np.empty(0, np.int64), 0
    while places.size < count:
        u = uniforms(key, 2 * count + 64, step=step, start=drawn)
        drawn += u.size
        found = (u * (sizes[0] * sizes[1])).astype(np.int64)
        found = found[~np.isin(found, taken)]
        if barred:
            found = found[found // sizes[1] != found % sizes[1]]
        places = np.concatenate([places, found])
        places = places[np.sort(np.unique(places, return_index=True)[1])]
    return places[:count] // sizes[1], places[:count] % sizes[1]
