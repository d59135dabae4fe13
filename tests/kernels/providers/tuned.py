"""The cpu provider with sizes of a test's own, known as long as the test lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from ranvier.kernels.cpu import Trials
from ranvier.kernels.cpu.circuit import layout
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.kernels.cpu.provider import Cpu
from tests.kernels.providers.registered import registered

__all__ = ["teams_taken", "threaded", "tuned"]


def teams_taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads of each circuit that is opened from now on."""
    found: list[int] = []
    team_of = layout.team_of

    def noted(*given: Any, **named: Any) -> Any:
        team = team_of(*given, **named)
        found.append(team.threads)
        return team

    monkeypatch.setattr(layout, "team_of", noted)
    return found


@contextmanager
def tuned(tuning: Tuning, trials: Trials | None = None) -> Iterator[str]:
    """Register the provider, with these ``trials`` of numbers of threads; gives its name, for ``provider=``."""
    provider = Cpu("tuned", tuning, trials)
    with registered(provider):
        yield provider.name


@contextmanager
def threaded(threads: int, **sizes: int) -> Iterator[str]:
    """A provider that gives every circuit so many threads, whatever its size, and has other ``sizes`` too; gives its name."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with tuned(Tuning(idle=threads, thread_cells=1, threaded_call=0, copied=0, trials=0, **sizes)) as name:
            yield name
    finally:
        torch.set_num_threads(before)
