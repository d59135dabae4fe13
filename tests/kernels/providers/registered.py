"""A provider that is known as long as a test lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ranvier import kernels
from ranvier.kernels import registry

__all__ = ["alone", "registered"]


@contextmanager
def registered(provider: kernels.Provider) -> Iterator[None]:
    """Register behind all others; withdraw at the end."""
    kernels.register(provider)
    try:
        yield
    finally:
        kernels.withdraw(provider.name)


@contextmanager
def alone(provider: kernels.Provider) -> Iterator[None]:
    """Register in place of all others, which come back at the end."""
    others = registry.providers()
    with registered(provider):
        for other in others:
            kernels.withdraw(other.name)
        try:
            yield
        finally:
            for other in others:
                kernels.register(other)
