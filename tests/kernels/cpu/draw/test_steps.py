"""Spikes that are drawn for all steps at once: the same list from any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from ranvier.kernels.cpu.draw.steps import room_of, step_counts, step_spikes
from ranvier.values import CountLaw


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


MEANS = np.array([0.0, 1e-9, 0.01, 0.3, 4.0])


@pytest.mark.parametrize("steps", ["steady", "one by one"])
@pytest.mark.parametrize("cells", ["alike", "each"])
@pytest.mark.parametrize("kind", ["single", "poisson"])
def test_all_spikes_have_room_at_once(kind: str, cells: str, steps: str) -> None:
    """Means from 0 to 4 for each cell or each step, or the largest for all."""
    count, n, start, stop = 500, 400, 100, 350
    mean = np.full((1, 1), MEANS[-1]) if (cells, steps) == ("alike", "steady") else np.zeros((1, 1))
    mean = mean + (MEANS[np.arange(count) % 5] if cells == "each" else 0.0)
    mean = mean + (MEANS[np.arange(n) % 5, None] if steps == "one by one" else 0.0)
    law = CountLaw.single(np.minimum(mean, 0.9)) if kind == "single" else CountLaw.poisson(mean)
    whole = step_spikes(law, (1, 2, 3), 7, n, count).bounds
    found, room = int(whole[stop] - whole[start]), room_of(law, start, stop, count)
    assert found > 20_000
    assert found <= room < 1.1 * found


LAWS = {
    "p = 1e-6": ([1e-6], stats.bernoulli(1e-6)),
    "p = 0.0015": ([0.0015], stats.bernoulli(0.0015)),
    "p = 0.3": ([0.3], stats.bernoulli(0.3)),
    "p = 1 - 1e-6": ([1 - 1e-6], stats.bernoulli(1 - 1e-6)),
    "100 trains of 0.001": (None, stats.binom(100, 0.001)),
    "100 trains of 0.4": (None, stats.binom(100, 0.4)),
    "Poisson of mean 5": (None, stats.poisson(5)),
}


@pytest.mark.parametrize("name", LAWS)
def test_counts_of_millions_follow_the_law(name: str) -> None:
    """Chi-square over all counts, those of one cell in ten, and the pairs of counts in neighbouring cells and steps."""
    chance, law = LAWS[name]
    steps, cells = 2000, 5000
    below = law.cdf(np.arange(102))[None, :, None]
    made = CountLaw.of(below) if chance is None else CountLaw.single(np.array([chance]))
    found = step_counts(made, (11, 12, 13), 7, steps, cells, 1, torch.float32)[:, 0].astype(np.int64)
    for part in (found, found[:, ::10], found[::10]):
        _fits(np.bincount(part.reshape(-1), minlength=103), law.pmf(np.arange(103)))
    few = np.minimum(found, 3)
    chances = np.append(law.pmf(np.arange(3)), law.sf(2))
    for one, other in ((few[:, 1:], few[:, :-1]), (few[1:], few[:-1]), (few[:, 64:], few[:, :-64])):
        _fits(np.bincount((4 * one + other).reshape(-1), minlength=16), np.outer(chances, chances).reshape(-1))


def _fits(seen: np.ndarray, chances: np.ndarray) -> None:
    """Chi-square, with what is expected fewer than five times taken together."""
    expected = chances * seen.sum()
    often = expected >= 5
    seen, expected = (np.append(x[often], x[~often].sum()) for x in (seen, expected))
    assert seen[-1] <= expected[-1] + 5 * np.sqrt(expected[-1]) + 3
    if often.sum() > 1:
        scale = seen[:-1].sum() / expected[:-1].sum()
        assert stats.chisquare(seen[:-1], expected[:-1] * scale).pvalue > 1e-4
