"""Scans of few numbers, whose kernels are found once, have the bits of those that look for everything anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.kernels.cpu import run_scan
from ranvier.kernels.cpu.scan import run
from ranvier.kernels.cpu.scan.small import SmallScan, small_scan
from ranvier.kernels.tasks import Scan
from ranvier.units import ms

NAMES = ["ALIF", "LIF", "AdEx", "CurrentLIF", "HodgkinHuxley", "LeakyReadout", "frozen", "nonlinear", "counter"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("per_cell", [False, True])
@pytest.mark.parametrize(("reset", "shape"), [("surrogate", (2, 32)), ("detached", (3, 5)), ("surrogate", (1, 17))])
def test_it_has_the_bits_of_any_scan(
    make_case: Callable, name: str, dtype: torch.dtype, per_cell: bool, reset: str, shape: tuple[int, ...]
) -> None:
    kicks = {"CurrentLIF": ("I",), "frozen": ("g",)}.get(name, ())
    _equal_bits(make_case(name, 23, shape, per_cell=per_cell, kicks=kicks, reset=reset), dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_few_steps_of_many_cells_have_the_bits_of_tiles(make_case: Callable, dtype: torch.dtype) -> None:
    _equal_bits(make_case("LIF", 3, (3, 5000), per_cell=True), dtype)


def _equal_bits(case: Any, dtype: torch.dtype) -> None:
    served: list[SmallScan | None] = []

    def look(task: Scan) -> SmallScan | None:
        served.append(small_scan(task))
        return served[-1]

    with mock.patch.object(run, "small_scan", look):
        found = [case.run(run_scan, dtype) for _ in range(2)]
    with mock.patch.object(run, "small_scan", return_value=None):
        expected = case.run(run_scan, dtype)
    assert served[0] is served[1]
    assert served[0] is not None
    for one in found:
        for ours, theirs in zip(one, expected, strict=True):
            assert ours.keys() == theirs.keys()
            for n in ours:
                assert torch.equal(ours[n], theirs[n]), n


def test_a_number_that_changes_in_place_is_seen(make_case: Callable) -> None:
    case = make_case("LIF", 9, (2, 32)).but(learn=())
    before = case.run(run_scan, torch.float64)[0]
    for n, value in case.population.named_buffers():
        if n in ("tau", "V_th"):
            value.data.mul_(0.5)
    after = case.run(run_scan, torch.float64)[0]
    with mock.patch.object(run, "small_scan", return_value=None):
        expected = case.run(run_scan, torch.float64)[0]
    assert all(torch.equal(after[n], expected[n]) for n in after)
    assert any(not torch.equal(after[n], before[n]) for n in after)


@pytest.mark.parametrize("learn", [True, False])
def test_a_number_of_each_cell_that_changes_before_the_way_back_is_refused(learn: bool) -> None:
    """In float64 the kernels read the numbers of the cells where they lie, and the way back reads them again."""
    a = np.full(32, 0.9)
    cell = rv.Cell(
        "v' = a*v + x : 1\nx : 1 (input)",
        threshold="v > 1",
        reset="v = 0",
        size=32,
        name="own",
        a=rv.Learn(a) if learn else a,
    )
    net = rv.Sequential(cell, dt=1 * ms, dtype=torch.float64)
    out, _ = net(torch.full((8, 1, 32), 0.4, dtype=torch.float64, requires_grad=True))
    own = net.populations["own1"]
    with torch.no_grad():
        (own.get_parameter("a") if learn else own.get_buffer("a")).mul_(0.1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()
