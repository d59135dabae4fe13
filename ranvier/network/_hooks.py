"""Hooks that a user has registered on parts of a network: such parts run by themselves, so that the hooks are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn.modules import module as torch_module

from ranvier.network._graph import GraphError

if TYPE_CHECKING:
    from ranvier.network._network import Network

__all__ = ["has_hook", "hooked_parts"]


def has_hook(module: nn.Module) -> bool:
    """Whether a forward or backward hook is registered on a module itself."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )


def hooked_parts(net: Network) -> frozenset[str]:
    """Populations with a hook, and projections with one on them or on a transform inside; all where a hook is global.

    Raises
    ------
    GraphError
        For a plastic projection, whose synapses no call of a module carries.
    """
    everything = torch_module._has_any_global_hook()
    found = [n for n, p in net.populations.items() if everything or has_hook(p)]
    for n, p in net.projections.items():
        if has_hook(p) or any(has_hook(m) for m in p.chain.modules()):
            if p.plasticity is not None:
                raise GraphError(
                    f"projection {n!r} is plastic, so nothing would call the hook on it: remove the hook, and record the "
                    f"variables of the synapses instead."
                )
            found.append(n)
        elif everything and p.plasticity is None:
            found.append(n)
    return frozenset(found)
