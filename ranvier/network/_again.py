"""Operations that run again in every window of a series: set up in the first, their gradients handed over at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ranvier.kernels._task import ScanResult
from ranvier.kernels.cpu import LoopSeries

if TYPE_CHECKING:
    from ranvier.network._runner import Runner
    from ranvier.network._window import Window

__all__ = ["Again"]

_Key = tuple[tuple[str, ...], int, int, bool]


class Again:
    """The fused operations of one runner, for as long as no parameter changes and no gradient crosses a window."""

    def __init__(self) -> None:
        self.made: dict[_Key, LoopSeries] = {}
        self.refused: set[_Key] = set()

    def run(self, runner: Runner, names: Sequence[str], length: int, window: Window) -> dict[str, ScanResult] | None:
        """A window of populations; None where it must be set up anew each time."""
        batch = next(iter(window.variables[names[0]].values())).shape[0] if window.variables[names[0]] else 0
        key = (tuple(names), window.count, batch, torch.is_grad_enabled())
        if not batch or not window.count or key in self.refused or not _lasts(runner, names, window):
            return None
        if key not in self.made:
            task = runner.loop(names, length, window)
            if not LoopSeries.suits(task):
                self.refused.add(key)
                return None
            self.made[key] = LoopSeries(task)
        sources = [window.emissions[p.pre] for p in runner.feeding(names, window)]
        inside = [p for n in names for p in runner.incoming[n] if p.pre in names]
        past = [window.history[p.pre] if p.latency else None for p in inside]
        found = self.made[key].run(sources, {n: window.variables[n] for n in names}, past)
        if found is None:
            self.refused.add(key)
        return found

    def finish(self) -> None:
        """Hand over the gradients of all windows."""
        for made in self.made.values():
            made.finish()


def _lasts(runner: Runner, names: Sequence[str], window: Window) -> bool:
    """Whether all that changes from window to window are spikes that arrive as they are, and states."""
    fed = [p.name for p in runner.feeding(names, window)]
    arriving = [p for n in names for p in runner.incoming[n]]
    return all(
        (p.pre in names or p.name in fed) and p.name not in runner.drives and not p.plasticity for p in arriving
    ) and not any("t" in s.streams or s.system.noises for s in (runner.steps[n] for n in names))
