"""Steps that are computed again on the way back: with the same numbers, and without counting them twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import torch
from torch.utils.checkpoint import checkpoint

from ranvier.errors import StateError

if TYPE_CHECKING:
    from torch import nn

    from ranvier.network.graph import Graph

__all__ = ["recomputed"]

Made = TypeVar("Made")


def recomputed(graph: Graph, run: Callable[..., Made], *given: object) -> Made:
    """What ``run(*given)`` makes. Its graph is not kept: the backward pass runs it again.

    Running statistics of norms are those of the first time. Where a parameter has changed in between, the backward pass raises a
    ``StateError``, for the gradient would be that of another run.
    """
    owners = (*graph.populations.values(), *graph.projections.values())
    before = [(q, q._version) for owner in owners for q in owner.parameters()]
    first = True

    def once_more(*given: object) -> Made:
        nonlocal first
        if first:
            first = False
            return run(*given)
        if any(q._version != version for q, version in before):
            raise StateError(
                "parameters of the network changed between a run and its backward pass, which computes the steps again: call backward "
                "before the optimizer's step or any other change."
            )
        with _kept(graph):
            return run(*given)

    return checkpoint(once_more, *given, use_reentrant=False, preserve_rng_state=True)  # type: ignore[return-value]


@contextmanager
def _kept(graph: Graph) -> Iterator[None]:
    """A context after which the running statistics of norms are as before."""
    found: list[nn.Module] = [p for p in graph.populations.values() if p.normalises]
    found += [t.module for p in graph.projections.values() for t in p.chain.transforms if t.normalises]
    held = [(buffer, buffer.clone()) for module in found for buffer in module.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in held:
                buffer.copy_(value)
