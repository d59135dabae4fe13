"""The cpu provider with sizes of a test's own, known as long as the test lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.kernels.cpu.provider import Cpu
from tests.kernels.providers.registered import registered

__all__ = ["tuned"]


@contextmanager
def tuned(tuning: Tuning) -> Iterator[str]:
    """Register the provider; gives its name, for ``provider=``."""
    provider = Cpu("tuned", tuning)
    with registered(provider):
        yield provider.name
