"""The page of decoders of a hand's velocity: its split, its scores, its pruning, what it counts."""

from __future__ import annotations

import pytest
import torch

import benchmarks.training.motor_cortex as bench


def test_the_parts_follow_each_other_and_do_not_touch() -> None:
    counts = torch.arange(1000.0)[:, None]
    parts = bench.split(counts, torch.randn(1000, 2))
    (train, _), (valid, _), (test, _) = parts.values()
    assert (train.max(), valid.min(), valid.max(), test.min(), test.max()) == (679, 700, 779, 800, 999)


def test_r2_is_one_for_the_truth_and_zero_for_the_mean() -> None:
    truth = torch.randn(50, 1, 2, dtype=torch.float64)
    assert bench.r2(truth, truth) == 1
    assert bench.r2(truth.mean(0, keepdim=True).expand_as(truth), truth) == pytest.approx(0, abs=1e-12)


def test_lags_reach_back_and_never_forward() -> None:
    found = bench.lagged(torch.arange(1.0, 21)[:, None, None])
    assert found.shape == (20, 1, bench.LAGS)
    assert found[12, 0].tolist() == [13 - lag for lag in range(bench.LAGS)]
    assert found[0, 0].tolist() == [1] + [0] * (bench.LAGS - 1)


def test_unary_counts_as_many_spikes_as_there_are_levels() -> None:
    assert bench.unary(torch.tensor([[0.0, 1, 2, 7]])).view(bench.LEVELS, 4).sum(0).tolist() == [0, 1, 2, 3]


def test_the_mask_keeps_the_greatest_weights_within_the_budget() -> None:
    kept = bench.mask(torch.tensor([[3.0, -4], [0.1, 2]]), torch.tensor([0.5, 1.0]), 1.6)
    assert kept.tolist() == [[1, 1], [0, 0]]


def test_the_linear_filter_finds_a_linear_law_and_costs_its_weights() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(40, 1, 3, generator=draw) + 2
    y = x @ torch.tensor([[0.5, 0.3], [2, -0.7], [0.2, 3]]) + 1
    row = bench.judge(bench.ridge((x, y), 1e-9), (x, y))
    assert row["r2"] > 0.999
    assert (row["dense"], row["macs"], row["acs"], row["element_macs"]) == (6, 6, 0, 6)
    assert row["fp32_nj"] == pytest.approx(6 * 4.6e-3)
