"""Tasks for learning rules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.recipes.parts.rule_tasks import IMAGES, PAIRS, binned, network, samples, with_currents


@pytest.mark.parametrize(("task", "count", "shape"), [(PAIRS, 400, (50, 20)), (IMAGES, 300, (8, 64))])
def test_parts_share_no_sample_and_fit_the_networks(task: str, count: int, shape: tuple[int, int]) -> None:
    parts = samples(task, 1, count)
    assert sum(len(y) for _, y in parts) == count
    assert all(x.shape[1:] == shape for x, _ in parts)
    x = parts[0][0][:4].transpose(0, 1)
    for net in (network(task, 1), with_currents(task, 1)):
        assert net(x)[0].shape == (shape[0], 4, 4 if task == PAIRS else 10)
    seen = [{sample.numpy().tobytes() for sample in x} for x, _ in parts]
    assert not seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2]


def test_neither_group_of_a_pair_tells_the_class() -> None:
    """Every group's times say which pattern it has; its pattern and the class are independent."""
    (x, y), _, _ = samples(PAIRS, 2, 4000)
    time = torch.arange(50.0)
    when = (x * time[None, :, None]).sum(1)  # each channel fires once
    assert torch.equal(x.sum(1), torch.ones(len(x), 20))
    worst = max(abs(float(np.corrcoef(when[:, k], y == c)[0, 1])) for k in range(20) for c in range(4))
    assert worst < 0.1


def test_bins_keep_every_spike() -> None:
    part = samples(PAIRS, 1, 40)[0]
    for width in (7, 10, 50):
        found, _ = binned(part, width)
        assert found.shape == (20, 20 * -(-50 // width))
        assert found.sum() == part[0].sum()
