"""Running statistics that a look at a network must not move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ranvier.network import Network

__all__ = ["same_buffers"]


@contextmanager
def same_buffers(net: Network) -> Iterator[None]:
    """The running means of norms are put back after the body."""
    norms = [module for module in net.modules() if hasattr(module, "running_mean")]
    before = [(buffer, buffer.clone()) for norm in norms for buffer in norm.buffers()]
    try:
        yield
    finally:
        for buffer, value in before:
            buffer.copy_(value)
