"""The memory of cells, states and recordings, compared with free memory before they are made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ranvier import limits

if TYPE_CHECKING:
    import numpy as np

    from ranvier.network.graph import Graph
    from ranvier.network.parts.population import Population
    from ranvier.network.recording import Wanted

__all__ = ["check_cells", "check_run", "check_state_size", "check_steps", "check_traces"]

#: smaller requests are not checked: short runs come in thousands
_SMALL = 1 << 24
#: bytes per cell of a simulation beside its variables: lists of spikes and input, over the steps of a block
_PER_CELL = 32
#: copies of each variable while a block is computed
_COPIES = 3


def check_cells(name: str, count: int, variables: int, width: int) -> None:
    """Check that the variables of ``count`` cells, of ``width`` bytes each, fit into memory.

    Raises
    ------
    MemoryLimitError
        With both numbers, before anything is drawn.
    """
    _need(count * variables * width, f"population {name!r} of {count:,} cells", "make it smaller")


def check_state_size(
    graph: Graph, batch: int, shapes: Mapping[str, tuple[int, ...]], depths: Mapping[str, int]
) -> None:
    """Check that a state for ``batch`` samples fits: variables, and a history as long as the longest delay.

    Raises
    ------
    MemoryLimitError
        With both numbers.
    """
    width = graph.dtype.itemsize
    cells = sum(math.prod(shapes[n]) * _variables(p) for n, p in graph.populations.items())
    size = sum(math.prod(shapes[n]) * _bytes(p, width) for n, p in graph.populations.items())
    _need(
        batch * size,
        f"a state of {cells:,} variables for a batch of {batch}",
        "use fewer cells or a smaller batch",
    )
    for n, depth in depths.items():
        _need(
            depth * batch * math.prod(shapes[n]) * width,
            f"the history of {n!r}, {depth:,} steps of {math.prod(shapes[n]):,} cells for a batch of {batch},",
            "shorten its delays (max= of learnable ones), or use a larger dt",
        )


def check_run(graph: Graph) -> None:
    """Check that a simulation of these cells fits into memory.

    Raises
    ------
    MemoryLimitError
        With both numbers.
    """
    cells = size = 0
    for p in graph.populations.values():
        count = math.prod(p.shape or ())
        cells, size = cells + count, size + count * _bytes(p, graph.dtype.itemsize)
    needed = cells * _PER_CELL + _COPIES * size
    _need(needed, f"simulating {cells:,} cells", "use fewer cells")


def check_steps(graph: Graph, steps: int) -> None:
    """Check that the lists of spikes of so many steps at once fit into memory, and the signals of sources.

    Raises
    ------
    MemoryLimitError
        With both numbers.
    """
    signals = sum(math.prod(s.shape) for s in graph.sources.values() if not (s.single or s.drawn_in_steps))
    size = 8 * len(graph.populations) + graph.dtype.itemsize * signals
    _need(steps * size, f"{steps:,} steps at once", "take fewer steps at a time, or simulate with net.run(…)")


def check_traces(
    sizes: Mapping[str, int], wanted: Mapping[str, Wanted], kind: Callable[[str, str], np.dtype], steps: int
) -> None:
    """Check that the variables recorded in memory over ``steps`` steps fit; ``kind`` gives the dtype of each.

    Raises
    ------
    MemoryLimitError
        With both numbers.
    """
    for n, w in wanted.items():
        for v, trace in w.traces.items():
            cells = sizes[n] if trace.cells is None else len(trace.cells)
            samples = steps // trace.stride
            _need(
                samples * cells * kind(n, v).itemsize,
                f"recording {v!r} of {n!r}, {samples:,} samples of {cells:,} values,",
                "stream it to a folder (to='…'), record at intervals (every=), or fewer cells (rv.Sample)",
            )


def _variables(population: Population) -> int:
    system = population.cell.system
    return max(1, len(system.states) + bool(system.refractory))


def _bytes(population: Population, width: int) -> int:
    """Of the variables of a cell in a network whose numbers have ``width`` bytes; times are float64."""
    return _variables(population) * width + len(population.cell.system.times) * (8 - width)


def _need(count: int, what: str, remedy: str) -> None:
    """:func:`ranvier.limits.need` for large requests; it asks the system."""
    if count > _SMALL:
        limits.need(count, what, remedy)
