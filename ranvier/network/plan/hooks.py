"""User hooks on parts of a network: such parts run separately, so that torch calls the hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ranvier.connectivity.hooks import any_global_hook, has_hook
from ranvier.network.order import GraphError

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["has_hook", "hooked_parts"]


def hooked_parts(graph: Graph) -> frozenset[str]:
    """Populations with a hook, and projections with one on them or on a transform inside; all where a hook is global.

    Raises
    ------
    GraphError
        For a plastic projection, whose synapses run outside module calls.
    """
    if any_global_hook():
        return frozenset((*graph.populations, *(n for n, p in graph.projections.items() if p.plasticity is None)))
    found = [n for n, p in graph.populations.items() if has_hook(p)]
    for n, p in graph.projections.items():
        if has_hook(p) or _inside(p):
            if p.plasticity is not None:
                raise GraphError(
                    f"projection {n!r} is plastic, so its hook would never be called: remove the hook, and record the "
                    f"variables of the synapses instead."
                )
            found.append(n)
    return frozenset(found)


def _inside(module: nn.Module) -> bool:
    """Whether anything inside a module has a hook."""
    for m in module._modules.values():
        if m is None:
            continue
        if has_hook(m) or (m._modules and _inside(m)):
            return True
    return False
