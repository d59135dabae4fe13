"""Processes that torch.distributed joins, on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.distributed import Processes
from ranvier.errors import DimensionError, ProcessError
from ranvier.units import ms, mV, second
from tests.distributed.started import started
from tests.network.processes.circuits import RECORD, plastic, same_state

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_processes_run_as_one_and_end_together(count: int, tmp_path: Path) -> None:
    ends = started("tests.distributed.job", count, tmp_path)
    one = plastic().run(10 * ms, stream=3, record=RECORD).state
    for rank, (status, errors) in enumerate(ends):
        assert status == (3 if rank == 1 else 0), errors
        found = rv.load_state(tmp_path / f"{count}-{rank}.safetensors")
        same_state(one, found)
        for n, x in one.tensors().items():
            assert torch.equal(x, found.tensors()[n]), n
        if rank != 1:
            seeds, death = (tmp_path / f"said-{rank}.txt").read_text().splitlines()
            assert "the step, the seed or the dtype of the network differs between process 0 and process 1" in seeds
            assert f"process {rank} of {count} cannot reach the others" in death


def test_a_script_alone_is_the_only_process() -> None:
    processes = rv.distributed.join(limit=60 * second)
    assert (processes.rank, processes.count) == (0, 1)
    net = plastic(processes)
    assert net.graph.processes is None
    assert rv.whole_state(net, state := net.initial_state()) is state


@pytest.mark.parametrize("limit", [0 * second, -1 * ms, float("inf") * second])
def test_a_limit_is_a_positive_time(limit: object) -> None:
    with pytest.raises(ProcessError, match="positive time"):
        rv.distributed.join(limit=limit)


def test_a_limit_in_another_unit_is_refused() -> None:
    with pytest.raises(DimensionError, match="give a time"):
        rv.distributed.join(limit=3 * mV)


@pytest.mark.parametrize(("count", "cells"), [(1, 100), (2, 100), (3, 1000), (4, 64), (4, 65), (7, 10_000), (2, 0)])
def test_every_cell_belongs_to_one_process(count: int, cells: int) -> None:
    for place in range(3):
        ranges = Processes(0, count).ranges(place, cells)
        taken = sorted(r for r in ranges if r[1] > r[0])
        assert [cell for low, high in taken for cell in range(low, high)] == list(range(cells))
        assert all(low % 64 == 0 for low, _ in ranges)
        sizes = [high - low for low, high in ranges]
        assert max(sizes) - min(sizes) <= 128


def test_small_populations_are_spread_over_the_processes() -> None:
    owners = {Processes(0, 4).ranges(place, 10).index((0, 10)) for place in range(4)}
    assert owners == {0, 1, 2, 3}
