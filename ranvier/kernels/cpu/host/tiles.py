"""Split a range of independent rows between threads.

Every row's result depends on that row alone and is computed in one fixed order, so the split (which follows the number
of threads) never changes a bit of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.pool import run_tiles

__all__ = ["run_routine", "run_spans", "spans"]

_TILES_PER_THREAD = 4


def spans(count: int, least: int = 1) -> list[tuple[int, int]]:
    """Cut ``range(count)`` into a few nearly equal ``(start, stop)`` pieces per thread, of at least ``least``."""
    threads = torch.get_num_threads()
    pieces = 1 if threads == 1 else max(1, min(threads * _TILES_PER_THREAD, count // max(1, least)))
    return [(count * i // pieces, count * (i + 1) // pieces) for i in range(pieces)]


def run_routine(routine: Routine, count: int, least: int = 1, **given: Any) -> None:
    """Run ``routine`` for the rows ``start`` to ``stop`` of each piece of ``range(count)``."""
    pieces = spans(count, least)
    if len(pieces) == 1:
        routine.run(start=0, stop=count, **given)
    else:
        routine.over(pieces, **given)


def run_spans(task: Callable[[int, int], None], count: int, least: int = 1) -> None:
    """Call ``task(start, stop)`` for each piece of ``range(count)``, on as many threads as torch uses."""
    pieces = spans(count, least)
    run_tiles(lambda i: task(*pieces[i]), len(pieces))
