"""User hooks on parts of a network: such parts run separately, so that torch calls the hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

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
    found: list[str] = []
    for table in (graph.populations, graph.projections):
        if has_hook(cast(nn.Module, table)):
            raise _never("a table of parts", "put it on a part, such as net['lif1']")
    for n, p in graph.populations.items():
        norm = p.membrane_norm
        if norm is not None and has_hook(norm):
            raise _never(f"the norm of {n!r}", f"put it on net.{n}, and read net.{n}.membrane_norm inside it")
        if has_hook(p):
            found.append(n)
    for n, p in graph.projections.items():
        if has_hook(p) or _inside(p):
            if has_hook(p.chain):
                raise _never(
                    f"the list of transforms of {n!r}",
                    f"put it on one of them, or on net.projections[{n!r}] for all together",
                )
            if p.plasticity is not None:
                raise GraphError(
                    f"projection {n!r} is plastic, so its hook would never be called: remove the hook, and record the "
                    f"variables of the synapses instead."
                )
            found.append(n)
    return frozenset(found)


def _never(place: str, remedy: str) -> GraphError:
    return GraphError(f"a hook on {place} is never called, because a network never calls that module itself: {remedy}.")


def _inside(module: nn.Module) -> bool:
    """Whether anything inside a module has a hook."""
    for m in module._modules.values():
        if m is None:
            continue
        if has_hook(m) or (m._modules and _inside(m)):
            return True
    return False
