"""A provider that is known as long as a test lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ranvier import kernels

__all__ = ["registered"]


@contextmanager
def registered(provider: kernels.Provider) -> Iterator[None]:
    """Register behind all others; withdraw at the end."""
    kernels.register(provider)
    try:
        yield
    finally:
        kernels.withdraw(provider.name)
