"""How many threads share a circuit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ranvier.kernels.cpu.circuit import team
from ranvier.kernels.cpu.circuit.rows import Rows
from ranvier.kernels.cpu.host.barrier import can_meet
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.kernels.tasks import CircuitProjection

TWO_IDLE = Tuning(idle=2)
pytestmark = pytest.mark.skipif(not can_meet(), reason="threads of this system cannot wait for one another")


def task(count: int, steps: int, *wires: CircuitProjection) -> Any:
    return SimpleNamespace(
        populations=[SimpleNamespace(cells=count)], projections=wires, plastic=[], graded=[], steps=steps, exchange=None
    )


@pytest.mark.parametrize(
    ("size", "torch_has", "idle", "expected"),
    [(4_000, 4, 4, 1), (20_000, 4, 4, 1), (40_000, 4, 4, 2), (900_000, 4, 4, 4), (900_000, 1, 4, 1), (900_000, 4, 2, 2),
     (900_000, 4, 0, 1), (900_000, 4, -20, 1)],
)  # fmt: skip
def test_never_more_than_idle_cores_or_worth(
    torch_threads, size: int, torch_has: int, idle: int, expected: int
) -> None:
    torch_threads(torch_has)
    assert team.threads_for(task(size, 10_000), None, Tuning(idle=idle)) == expected


def test_many_synapses_are_work_too(torch_threads) -> None:
    torch_threads(2)
    prepared = {Rows: SimpleNamespace(cut=lambda borders: [])}
    synapses: Any = SimpleNamespace(synapses=30_000_000, columns=77_000, prepared=prepared)
    wire = CircuitProjection("cells", "cells", "x", synapses, torch.ones(1), 1)
    assert team.threads_for(task(77_000, 200, wire), None, TWO_IDLE) == 2
    assert team.team_of([wire], [], 2, 16).threads == 2


def test_a_short_call_is_not_worth_threads(torch_threads) -> None:
    torch_threads(2)
    found = [team.threads_for(task(400_000, steps), None, TWO_IDLE) for steps in (1, 50, 1000)]
    assert found == [1, 1, 2]


@pytest.mark.parametrize(
    ("eager", "synapses", "steps", "expected"),
    [(False, 1_000_000, 1_000, 1), (False, 1_000_000, 10_000, 2), (False, 100_000, 10_000, 1), (True, 100_000, 1_000, 2)],
)  # fmt: skip
def test_plastic_synapses_are_more_work(torch_threads, eager: bool, synapses: int, steps: int, expected: int) -> None:
    torch_threads(2)
    some: Any = SimpleNamespace(
        pattern=SimpleNamespace(synapses=synapses), rule=SimpleNamespace(eager=eager, steady=False)
    )
    assert team.worth(1_000, 0, steps, Tuning(idle=2), [some]) == expected


def test_the_number_of_idle_cores_is_sensible() -> None:
    assert -10_000 < team.idle_cores() < 10_000


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("padded", [16, 64, 80, 4000, 40_016])
def test_ranges_cover_all_cells_once(threads: int, padded: int) -> None:
    ranges = team.Team(threads).ranges(padded)
    assert len(ranges) == threads
    covered = [k for low, high in ranges for k in range(low, high)]
    assert covered == list(range(padded))
    assert all(low % 32 == 0 or low == padded for low, _ in ranges)
