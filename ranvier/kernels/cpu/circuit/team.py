"""The threads of a circuit, and the cells of each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.cpu.circuit.fired import UNIT
from ranvier.kernels.cpu.circuit.rows import rows_of
from ranvier.kernels.cpu.host.barrier import can_meet
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.cpu.plastic.shares import divided
from ranvier.kernels.pool import inside_tile
from ranvier.kernels.tasks import RowSource

if TYPE_CHECKING:
    from ranvier.kernels.tasks import Circuit, CircuitProjection, Exchange, GradedProjection, PlasticProjection

__all__ = [
    "Team",
    "events",
    "idle_cores",
    "likely",
    "shared_team",
    "team_of",
    "threads_for",
    "threads_of",
    "whole_vectors",
    "worth",
]


@dataclass(frozen=True)
class Team:
    """``threads`` threads, each with as many cells of every population; one thread where other processes have other cells.

    ``own`` are the cells of populations of which this process has but some.
    """

    threads: int
    own: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def ranges(self, padded: int, block: int = 0, name: str = "") -> list[tuple[int, int]]:
        """First and last cell of each thread, of ``padded`` cells in blocks of ``block``, in the population ``name``."""
        if name in self.own:
            return [self.own[name]]
        block = block or UNIT
        each = -(-padded // (block * self.threads)) * block
        return [(min(k * each, padded), min((k + 1) * each, padded)) for k in range(self.threads)]

    def borders(self, padded: int, block: int = 0) -> tuple[int, ...]:
        """Where one thread's cells end and the next one's begin."""
        if self.threads == 1:
            return ()
        return tuple(low for low, _ in self.ranges(padded, block)[1:])


def threads_for(task: Circuit, threads: int | None, tuning: Tuning = TUNING) -> int:
    """As many threads as asked for; None: by the size of the circuit and of the call, never more than torch allows or cores
    are idle, and one where other threads run other samples.

    Where processes share the circuit, each has one. Threads that meet at every step are slower than one where another program
    takes turns with them.
    """
    if task.exchange is not None:
        return 1
    if threads is None:
        threads = _worth(task, tuning)
        if threads > 1 and inside_tile():
            return 1
        if threads > 1:
            threads = min(threads, idle_cores() if tuning.idle is None else tuning.idle)
    return max(threads, 1)


def likely(task: Circuit, tuning: Tuning = TUNING) -> bool:
    """Whether a circuit is so large that its first calls take several threads."""
    return _worth(task, replace(tuning, thread_cells=tuning.likely_cells)) > 1


def team_of(
    projections: Sequence[CircuitProjection], plastic: Sequence[PlasticProjection], threads: int, width: int
) -> Team:  # fmt: skip
    """A team of so many threads; of one where the circuit cannot be shared."""
    if threads <= 1 or not can_meet():
        return Team(1)
    team = Team(threads)
    if not all(divided(q, team.borders(whole_vectors(q.pattern.columns, width))) for q in plastic):
        return Team(1)
    for p in (q.stored for q in projections if q.stored is not None):  # rows whose targets do not ascend cannot be cut
        if rows_of(p).cut(team.borders(whole_vectors(p.columns, width))) is None:
            return Team(1)
    return team


def shared_team(task: Circuit, exchange: Exchange, width: int) -> Team:
    """One thread with the cells of this process, in whole vectors."""
    own: dict[str, tuple[int, int]] = {}
    for p in task.populations:
        found = exchange.own(p.name)
        if found is not None:
            low, high = found
            own[p.name] = (low, whole_vectors(high, width)) if high > low else (0, 0)
    return Team(1, own)


def _worth(task: Circuit, tuning: Tuning) -> int:
    """The number of threads that a call of ``task`` can use, by its size."""
    stored = sum(events(q, tuning) for q in task.projections)
    return worth(sum(p.cells for p in task.populations), stored, task.steps, tuning, task.plastic, task.graded)


def events(q: CircuitProjection, tuning: Tuning) -> int:
    """Stored synapses that cost as much as those of a projection."""
    match q.pattern:
        case RowSource() as source:
            return int(tuning.drawn * source.expected)
        case stored:
            return stored.synapses


def worth(
    cells: int, synapses: int, steps: int, tuning: Tuning, plastic: Sequence[PlasticProjection] = (),
    graded: Sequence[GradedProjection] = (),
) -> int:  # fmt: skip
    """Threads that pay for a call of so many steps where all cores are idle; never more than torch allows."""
    moving = [q for q in plastic if not q.rule.steady]
    copied = sum(q.pattern.synapses for q in moving)
    plain = synapses + sum(q.pattern.synapses * (tuning.eager if q.rule.eager else tuning.lazy) for q in moving)
    plain += tuning.graded * sum(q.pattern.synapses for q in (*graded, *(q for q in plastic if q.rule.steady)))
    return threads_of(cells + plain // 100, copied, steps, tuning)


def threads_of(work: int, copied: int, steps: int, tuning: Tuning) -> int:
    """The same for a step that costs as much as ``work`` cells, and so many plastic synapses ``copied`` in each call."""
    if work * steps < tuning.threaded_call + tuning.copied * copied:
        return 1
    return max(1, min(torch.get_num_threads(), work // tuning.thread_cells))


def whole_vectors(cells: int, width: int) -> int:
    """Room for ``cells`` in whole vectors."""
    return -(-cells // width) * width


def idle_cores() -> int:
    """Cores that are idle at this moment, and the one that runs this."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        running = int(Path("/proc/loadavg").read_text().split()[3].split("/")[0])
    except (OSError, ValueError, IndexError):
        return allowed
    return allowed - running + 1
