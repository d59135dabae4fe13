"""Operations that run again in every window of a series: set up in the first, their gradients handed over at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.provider import Session, Sessions
from ranvier.kernels.tasks import ScanResult
from ranvier.network.plan.built import unit_of
from ranvier.network.run.fused import fused_task

if TYPE_CHECKING:
    from ranvier.network.plan.plan import Unit
    from ranvier.network.run.runner import Runner
    from ranvier.network.run.window import Window

__all__ = ["Again"]

_Key = tuple[tuple[str, ...], int, int, bool]


@dataclass(frozen=True)
class _Course:
    """A session with the names of the parts that feed it, and of those inside whose spikes are in flight."""

    session: Session
    sources: tuple[str, ...]
    past: tuple[str | None, ...]


class Again:
    """The fused operations of one runner, for as long as no parameter changes and no gradient crosses a window."""

    def __init__(self) -> None:
        #: by populations, steps, batch and whether a gradient is wanted; None where they cannot be set up once
        self.courses: dict[_Key, _Course | None] = {}

    def run(self, runner: Runner, unit: Unit, window: Window) -> Mapping[str, ScanResult] | None:
        """A window of populations; None where it must be set up anew each time."""
        first = next(iter(window.variables[unit.members[0]].values()), None)
        if first is None or not window.count:
            return None
        key = (unit.members, window.count, first.shape[0], torch.is_grad_enabled())
        if key not in self.courses:
            for other in [k for k in self.courses if k[0] == key[0]]:  # windows of another length are over
                self._end(other)
            self.courses[key] = _course(runner, unit, window)
        course = self.courses[key]
        if course is None:
            return None
        sources = [window.emissions[n] for n in course.sources]
        variables = {n: runner.cells[n].given(window.variables[n], window.count) for n in unit.members}
        past = [None if n is None else window.history[n] for n in course.past]
        found = course.session.run(sources, variables, past)
        if found is None:  # graded spikes: what came before is still to be handed over
            self._end(key)
            self.courses[key] = None
        return found

    def finish(self) -> None:
        """Hand over the gradients of all windows."""
        for key in list(self.courses):
            self._end(key)

    def _end(self, key: _Key) -> None:
        course = self.courses.pop(key)
        if course is not None:
            course.session.finish()


def _course(runner: Runner, unit: Unit, window: Window) -> _Course | None:
    """The session; all that changes from window to window are spikes that arrive as they are, and states."""
    runs: Sessions = unit_of(runner.plan, unit)  # pyright: ignore[reportAssignmentType]  (its provider offered to repeat)
    session = runs.open(fused_task(runner, unit, window))
    if session is None:
        return None
    arriving = [p for n in unit.members for p in runner.arrivals.onto[n]]
    past = tuple(p.pre if p.latency else None for p in arriving if p.pre in unit.members)
    return _Course(session, tuple(p.pre for p in arriving if p.name in unit.feeds), past)
