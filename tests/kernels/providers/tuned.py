"""The cpu provider with sizes of a test's own, known as long as the test lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.kernels.cpu.provider import Cpu
from tests.kernels.providers.registered import registered

__all__ = ["threaded", "tuned"]


@contextmanager
def tuned(tuning: Tuning) -> Iterator[str]:
    """Register the provider; gives its name, for ``provider=``."""
    provider = Cpu("tuned", tuning)
    with registered(provider):
        yield provider.name


@contextmanager
def threaded(threads: int) -> Iterator[str]:
    """A provider that gives every circuit so many threads, whatever its size; gives its name."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with tuned(Tuning(idle=threads, thread_cells=1, threaded_call=0)) as name:
            yield name
    finally:
        torch.set_num_threads(before)
