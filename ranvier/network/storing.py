"""Stored weights: a copy of a network that holds no float copy of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.connectivity.copied import copied
from ranvier.network.network import Network
from ranvier.network.precision import in_float32
from ranvier.storages import Storage, StorageError

if TYPE_CHECKING:
    from ranvier.network.parts.projection import Projection

__all__ = ["store_weights"]


def store_weights(net: Network, storage: Storage | None = None) -> Network:
    """A copy of ``net`` whose weights are stored numbers alone, as ``rv.save`` and memory then hold them.

    The copy computes what ``net`` does with the storages of its weights. Stored numbers are buffers, not parameters:
    nothing learns them, because most steps of an optimizer are smaller than a step of a storage and would be lost. Biases,
    delays and values of cells still learn. ``net`` itself stays as it is.

    Parameters
    ----------
    storage
        For the weights of transforms and synapses that have no storage of their own; None: those stay floats.

    Raises
    ------
    StorageError
        Where a storage cannot hold a weight; and, with ``storage``, for plastic synapses, whose weights change in the state, and
        for matrices and convolutions of torch, which keep floats.

    >>> small = rv.store_weights(net, rv.storages.Int8())
    """
    if not isinstance(net, Network):
        raise StorageError(
            f"store_weights takes a network, got {type(net).__name__}: give rv.Network or rv.Sequential."
        )
    if storage is not None and not isinstance(storage, Storage):
        raise StorageError(f"storage={storage!r} is no storage: give rv.storages.Int8() or another of rv.storages.")
    in_float32(net.graph, "rv.store_weights")
    stored = copied(net)
    for p in stored.projections.values():
        _store(p, storage)
    stored.graph.memo.plans.clear()
    return stored


def _store(p: Projection, storage: Storage | None) -> None:
    if p.plasticity is not None:
        if storage is not None:
            raise StorageError(f"projection {p.name!r} is plastic: its weights change in the state, as floats.")
        return
    for transform in p.chain.transforms:
        try:
            transform.store(storage)
        except StorageError as error:
            raise StorageError(f"projection {p.name!r}: {error}") from None
