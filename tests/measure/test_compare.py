"""Comparisons of networks: exact tests, intervals that cover, accuracy against steps, and what is refused."""

from __future__ import annotations

from math import comb
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError
from ranvier.inference.intervals import bootstrap, interval
from ranvier.units import ms

Tensor = torch.Tensor


def answers(classes: Tensor, count: int = 3):
    """A decider that gives these classes, one for each sample; samples say in x which number they have."""
    return lambda x: torch.nn.functional.one_hot(classes[x[0, :, 0].long()], count).float().expand(len(x), -1, -1)


def samples(y: Tensor, steps: int = 4) -> tuple[Tensor, Tensor]:
    return torch.arange(len(y)).float().reshape(-1, 1, 1).expand(len(y), steps, 1), y


def wrong_at(y: Tensor, *places: int) -> Tensor:
    out = y.clone()
    out[list(places)] = (out[list(places)] + 1) % 3
    return out


def test_mcnemar_counts_samples_on_which_both_differ() -> None:
    y = torch.arange(40) % 3
    first, second = wrong_at(y, 0, 1), wrong_at(y, 0, *range(2, 11))
    found = rv.measure.compare(answers(first), answers(second), samples(y), batch_size=7)
    assert found.only == (9.0, 1.0)
    assert found.samples == 40
    assert found.accuracy == (38 / 40, 30 / 40)
    assert found.difference == pytest.approx(0.2)
    assert found.p == pytest.approx(2 * (comb(10, 0) + comb(10, 1)) / 2**10)
    low, high = found.difference_interval
    assert 0 < low < 0.2 < high
    assert "McNemar" in str(found)


def test_equal_networks_differ_by_nothing() -> None:
    y = torch.arange(30) % 3
    found = rv.measure.compare(answers(wrong_at(y, 3)), answers(wrong_at(y, 3)), samples(y))
    assert found.difference_interval == (0.0, 0.0)
    assert found.p == 1.0


def test_networks_of_several_seeds_are_the_unit() -> None:
    y = torch.arange(60) % 3
    good = [answers(wrong_at(y, k)) for k in range(4)]
    bad = [answers(wrong_at(y, *range(k, k + 20))) for k in range(4)]
    found = rv.measure.compare(good, bad, samples(y))
    assert found.networks == (4, 4)
    assert found.p == pytest.approx(2 / comb(8, 4))
    assert found.difference_interval[0] > 0
    mixed = rv.measure.compare([good[0], bad[0]], [good[1], bad[1]], samples(y))
    assert mixed.difference_interval[0] < 0 < mixed.difference_interval[1]
    assert mixed.p == 1.0
    assert "permutation" in str(mixed)


def test_a_paired_interval_is_narrower_than_each_accuracy() -> None:
    torch.manual_seed(0)
    y = torch.arange(200) % 3
    hard = torch.randperm(200)[:80].tolist()
    found = rv.measure.compare(answers(wrong_at(y, *hard)), answers(wrong_at(y, *hard[:76])), samples(y))
    width = lambda ends: ends[1] - ends[0]  # noqa: E731
    assert width(found.difference_interval) < 0.5 * width(found.intervals[0])


def test_intervals_cover_the_truth() -> None:
    draw, hits = np.random.default_rng(1), 0
    for k in range(200):
        low, high = interval(bootstrap((draw.random((1, 100)) < 0.7).astype(float), draws=300, seed=k))
        hits += int(low <= 0.7 <= high)
    assert 180 <= hits <= 200


def test_networks_widen_an_interval() -> None:
    draw = np.random.default_rng(2)
    alike = np.repeat((draw.random((1, 200)) < 0.8).astype(float), 3, 0)
    apart = np.stack([(draw.random(200) < p).astype(float) for p in (0.6, 0.8, 0.99)])
    spans = [float(np.subtract(*interval(bootstrap(values))[::-1])) for values in (alike, apart)]
    assert spans[1] > 1.5 * spans[0]


def test_accuracy_rises_with_steps() -> None:
    y = torch.arange(30) % 3

    def late(x: Tensor) -> Tensor:  # sample k has its class from step k % 5 on
        k = x[0, :, 0].long()
        fired = torch.arange(len(x))[:, None] >= k % 5
        return torch.nn.functional.one_hot(torch.where(fired, y[k], (y[k] + 1) % 3), 3).float()

    curve = rv.measure.accuracy_over_steps(late, samples(y, 6), readout="last")
    assert curve.steps == (1, 2, 3, 4, 5, 6)
    assert curve.accuracy == pytest.approx((0.2, 0.4, 0.6, 0.8, 1.0, 1.0))
    assert all(a <= b <= c for a, b, c in zip(curve.low, curve.accuracy, curve.high, strict=True))
    coarse = rv.measure.accuracy_over_steps([late, late], samples(y, 6), readout="last", every=4)
    assert coarse.steps == (4, 6)
    assert coarse.networks == 2
    assert "2 networks" in str(coarse)


def test_saved_networks_and_modules_are_compared(tmp_path: Path) -> None:
    x, y = (torch.rand(20, 6, 8, generator=torch.Generator().manual_seed(3)) < 0.5).float(), torch.arange(20) % 3
    net = rv.Sequential(rv.Linear(8, 3), rv.LeakyReadout(3), dt=1 * ms, seed=1)
    rv.save(net, tmp_path / "one")
    found = rv.measure.compare(tmp_path / "one", net, (x, y))
    assert found.only == (0.0, 0.0)
    plain = torch.nn.Linear(8, 3).train()
    found = rv.measure.compare(net, lambda x: plain(x.mean(0)), (x, y))
    assert found.samples == 20
    module = torch.nn.Sequential(torch.nn.Linear(8, 3), torch.nn.Dropout(0.5)).train()
    one, other = (rv.measure.compare(module, module, (x, y)) for _ in range(2))
    assert one == other
    assert module.training


Y = torch.arange(6) % 3
GOOD = answers(Y)
WRONG = {
    "no network": (lambda: rv.measure.compare(3, GOOD, samples(Y)), RanvierError, "decides nothing"),
    "a class": (lambda: rv.measure.compare(GOOD, rv.Sequential, samples(Y)), RanvierError, "decides nothing"),
    "an empty list": (lambda: rv.measure.compare(GOOD, [], samples(Y)), RanvierError, "second is empty"),
    "few draws": (lambda: rv.measure.compare(GOOD, GOOD, samples(Y), draws=3), RanvierError, "draws=3"),
    "an unknown read-out": (lambda: rv.measure.compare(GOOD, GOOD, samples(Y), readout="max"), RanvierError, "readout='max'"),
    "targets that are no classes": (lambda: rv.measure.compare(GOOD, GOOD, samples(Y.float())), RanvierError, "whole numbers"),
    "a target beyond": (lambda: rv.measure.compare(GOOD, GOOD, samples(Y + 1)), RanvierError, "target 3 is no class of 3"),
    "a target below": (lambda: rv.measure.compare(GOOD, GOOD, samples(Y - 1)), RanvierError, "target -1"),
    "one class": (lambda: rv.measure.compare(GOOD, lambda x: x, samples(Y)), ShapeError, "two classes"),
    "no tensor": (lambda: rv.measure.compare(GOOD, lambda x: None, samples(Y)), ShapeError, "NoneType"),
    "outputs of other samples": (lambda: rv.measure.compare(GOOD, lambda x: torch.zeros(4, 2, 3), samples(Y)), ShapeError, "outputs for 2"),
    "no steps": (lambda: rv.measure.accuracy_over_steps(lambda x: torch.zeros(6, 3), samples(Y)), ShapeError, "no steps"),
    "every 0": (lambda: rv.measure.accuracy_over_steps(GOOD, samples(Y), every=0), RanvierError, "every=0"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_named(mistake: str) -> None:
    call, kind, said = WRONG[mistake]
    with pytest.raises(kind, match=said):
        call()
