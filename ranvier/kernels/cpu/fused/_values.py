"""The values that an operation which is set up once keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from ranvier.kernels.provider import Kept
from ranvier.kernels.tasks import Fused

__all__ = ["kept_of", "leaves"]

Tensor = torch.Tensor


def kept_of(task: Fused, past: Mapping[str, Tensor]) -> list[Kept]:
    """States of populations in order, then spikes in flight."""
    out = []
    for n, scan in task.members.items():
        out += [Kept(n, v, tuple(scan.shape), scan.dtype) for v in scan.step.states]
        out += [Kept(n, v, tuple(scan.shape), torch.int32) for v in scan.step.counters]
    return out + [Kept(n, None, tuple(h.shape), h.dtype, spikes=True) for n, h in past.items()]


def leaves(tensors: Iterable[Tensor]) -> list[Tensor]:
    """The parameters from which tensors were computed, as their graphs say."""
    found: dict[int, Tensor] = {}
    seen, waiting = set(), []
    for t in tensors:
        if t.grad_fn is not None:
            waiting.append(t.grad_fn)
        elif t.requires_grad:
            found[id(t)] = t
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            found[id(leaf)] = leaf
        waiting += [after for after, _ in node.next_functions if after is not None]
    return list(found.values())
