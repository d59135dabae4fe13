"""Spikes that are drawn for all steps at once: the same list from any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.kernels.cpu.draw.steps import step_spikes
from ranvier.values import CountLaw


@pytest.fixture
def torch_threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("chance", [0.001, 0.2])
def test_threads_change_no_spike(torch_threads, chance: float) -> None:
    cells, steps = 1000, 2100
    found = []
    for threads in (1, 2, 3):
        torch_threads(threads)
        found.append(step_spikes(CountLaw.single(np.array([[chance]])), (1, 2, 3), 7, steps, cells))
    one = found[0]
    assert one.cell.numel() == pytest.approx(chance * cells * steps, rel=0.1)
    assert one.bounds.numel() == steps + 1
    for other in found[1:]:
        assert torch.equal(one.cell, other.cell)
        assert torch.equal(one.bounds, other.bounds)
