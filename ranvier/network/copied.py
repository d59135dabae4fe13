"""A copy of a network, to be changed in place."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from ranvier.connectivity.computed import make_plain
from ranvier.network.order import GraphError

if TYPE_CHECKING:
    from ranvier.network.network import Network

__all__ = ["copied"]


def copied(net: Network) -> Network:
    """A deep copy.

    Raises
    ------
    GraphError
        Where torch cannot copy a module after a call with gradient, because it holds a weight computed from others.
    """
    try:
        return copy.deepcopy(net)
    except RuntimeError as error:
        for name, module in net.named_modules():
            remedy = next((call for n in ("weight", "bias") if (call := make_plain(module, n))), "")
            if remedy:
                raise GraphError(
                    f"{name} computes a parameter from others, which torch cannot copy after a call with gradient: make it plain first, as in "
                    f"{remedy}."
                ) from error
        raise
