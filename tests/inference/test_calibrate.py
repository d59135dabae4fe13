"""The threshold: chosen on validation samples, with what it promises, and never on samples that test it."""

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.inference import (
    DecodedConfidence,
    EarlyExit,
    Entropy,
    GapCutoff,
    LearnedCutoff,
    Margin,
    MaxSoftmax,
    harm_bound,
    oracle,
)
from ranvier.inference.choice import choose, stops
from ranvier.units import ms


def task(samples, seed, noise=0.35):
    """Spikes whose rate says the class, [S, 12, 8]; four classes, each with two cells."""
    draw = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (samples,), generator=draw)
    rate = torch.full((samples, 8), noise)
    rate[torch.arange(samples), 2 * y] = rate[torch.arange(samples), 2 * y + 1] = 0.6
    return (torch.rand(samples, 12, 8, generator=draw) < rate.unsqueeze(1)).float(), y


def counting():
    """A read-out that counts the spikes of each class."""
    net = rv.Sequential(rv.Linear(8, 4, bias=False), dt=1 * ms)
    with torch.no_grad():
        next(net.parameters()).copy_(torch.eye(4).repeat_interleave(2, 1))
    return net


@pytest.mark.parametrize(
    "rule",
    [MaxSoftmax(), Entropy(), Margin(), DecodedConfidence(), GapCutoff(), LearnedCutoff()],
    ids=lambda r: type(r).__name__,
)
def test_every_rule_saves_steps_and_keeps_the_loss(rule):
    early = EarlyExit(counting(), rule, readout="sum")
    found = early.calibrate(task(600, 1), loss=0.01)
    assert found.accuracy >= found.accuracy_whole - 0.01
    assert found.steps < 11
    seen = early.evaluate(task(600, 2), rounds=1)
    assert seen.lost < 0.05
    assert 0 < seen.saved_interval[0] < seen.saved < seen.saved_interval[1] < 1
    assert seen.lost_interval[0] <= seen.lost <= seen.lost_interval[1]
    assert seen.accuracy_oracle >= max(seen.accuracy, seen.accuracy_whole)
    assert seen.steps_oracle < seen.steps
    assert seen.steps == pytest.approx(12 * (1 - seen.saved))
    assert "steps saved" in str(seen)


def test_the_guarantee_holds_in_the_share_of_draws_that_it_names():
    """Of 100 draws of 400 samples, at most a few choose a threshold that harms more than allowed in the population."""
    draw = torch.Generator().manual_seed(0)
    size = 10_000
    ease = torch.rand(size, generator=draw)
    sure = torch.stack([ease + 0.3 * torch.randn(size, generator=draw), torch.ones(size)])
    right = torch.stack([torch.rand(size, generator=draw) < 0.5 + 0.5 * ease, torch.rand(size, generator=draw) < 0.95])
    tried = torch.linspace(2, -1, 30).tolist()
    broken, unguarded = 0, 0
    for _ in range(100):
        some = torch.randint(size, (400,), generator=draw)
        found = choose(sure[:, some], right[:, some], torch.tensor([1, 2]), tried, 0.05, 0.9)
        assert found.bound <= 0.05
        plain = choose(sure[:, some], right[:, some], torch.tensor([1, 2]), tried, 0.05, None)
        assert plain.threshold <= found.threshold
        now, other = (right.gather(0, stops(sure, one.threshold).unsqueeze(0))[0] for one in (found, plain))
        broken += float((right[-1] & ~now).double().mean()) > 0.05
        unguarded += float((right[-1] & ~other).double().mean()) > 0.05
    assert broken <= 100 * 0.1 + 2 * np.sqrt(100 * 0.1 * 0.9) < unguarded


def test_the_bound_is_that_of_clopper_and_pearson():
    """P(at most k of n | bound) = 1 - level, summed out."""
    from scipy.stats import binom

    for k, n, level in ((0, 50, 0.95), (3, 50, 0.9), (49, 50, 0.99)):
        assert binom.cdf(k, n, harm_bound(k, n, level)) == pytest.approx(1 - level, abs=1e-9)
    assert harm_bound(50, 50) == 1.0


def test_what_chose_the_threshold_does_not_test_it():
    valid, test = task(200, 1), task(200, 2)
    early = EarlyExit(counting(), MaxSoftmax(), readout="sum")
    early.calibrate(valid)
    with pytest.raises(rv.errors.RanvierError, match=r"calibrate has seen already.*looks better than it is"):
        early.evaluate(valid)
    mixed = torch.cat([test[0], valid[0][:3]]), torch.cat([test[1], valid[1][:3]])
    with pytest.raises(rv.errors.RanvierError, match="3 of 203"):
        early.evaluate(mixed, batch_size=50)
    early.evaluate(test, rounds=1)
    with pytest.raises(rv.errors.RanvierError, match=r"evaluate has seen already.*Calibrate on a validation set"):
        early.calibrate(test)


def test_the_oracle_stops_where_a_class_is_first_right():
    read = torch.rand(5, 40, 3, generator=torch.Generator().manual_seed(1))
    y = torch.arange(40) % 3
    right, place = oracle(read, y)
    for b in range(40):
        good = [k for k in range(5) if int(read[k, b].argmax()) == y[b]]
        assert bool(right[b]) == bool(good)
        assert int(place[b]) == (good[0] if good else 0)


def test_decoded_confidence_finds_the_scale_of_logits():
    """Classes drawn from softmax(read): alpha is 1 up to the grid of candidates."""
    draw = torch.Generator().manual_seed(2)
    read = 3 * torch.randn(1, 20_000, 4, generator=draw)
    y = torch.multinomial(read[0].softmax(1), 1, generator=draw)[:, 0]
    rule = DecodedConfidence().fit(read, y, torch.tensor([1]))
    assert 0.7 < rule.alpha < 1.5
    assert rule.error(read, y) < 0.02 < DecodedConfidence(alpha=4.0).error(read, y)


def test_gap_cutoff_is_its_definition():
    draw = torch.Generator().manual_seed(3)
    read, y = torch.randn(3, 50, 4, generator=draw), torch.arange(50) % 4
    rule = GapCutoff().fit(read, y, torch.tensor([1, 2, 3]))
    good = read.argmax(2) == y
    for k in range(3):
        gaps = Margin().confidence(read[k], 1)
        stays = good[k:].all(0)
        for g in (float(gaps.median()), float(gaps.max()), 0.3):
            shares = [(1 + int(stays[gaps >= b].sum())) / (2 + int((gaps >= b).sum())) for b in gaps[gaps <= g]]
            asked = torch.tensor([[g, 0.0, -1.0, -1.0]])
            assert float(rule.confidence(asked, k + 1)) == pytest.approx(max(shares, default=0.0), abs=1e-6)


def test_learned_cutoff_ranks_by_what_waiting_would_change():
    draw = torch.Generator().manual_seed(4)
    easy = torch.rand(2000, generator=draw) < 0.5
    y = torch.randint(3, (2000,), generator=draw)
    last = 4 * torch.nn.functional.one_hot(y, 3).float()
    first = torch.where(easy[:, None], last, 0.3 * torch.randn(2000, 3, generator=draw))
    rule = LearnedCutoff().fit(torch.stack([first, last]), y, torch.tensor([1, 2]))
    sure = rule.confidence(first, 1)
    assert float(sure[easy].mean()) > 0.9 > 0.6 > float(sure[~easy].mean())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e, x, y: e.calibrate((x, y), loss=1.5), "loss=1.5 is a share"),
        (lambda e, x, y: e.calibrate((x, y), guarantee=95), "guarantee=95"),
        (lambda e, x, y: e.calibrate((x, y), loss=0.005, guarantee=0.95), "598 samples to choose by"),
        (lambda e, x, y: e.calibrate((x, y), loss=0, guarantee=0.95), "Allow a loss above 0"),
        (lambda e, x, y: e.calibrate((x, y + 9)), "no class of 4 outputs"),
        (lambda e, x, y: e.calibrate((x, y.float())), "whole numbers"),
        (lambda e, x, y: e.calibrate((x, y[:5])), "one target per sample"),
        (lambda e, x, y: e.calibrate((x,)), "a class for each sample"),
        (lambda e, x, y: e.calibrate((x, y, torch.full((len(y),), 5))), "lengths"),
        (lambda e, x, y: e.calibrate(x), "give a pair"),
        (lambda e, x, y: e.evaluate((x, y), rounds=0), "rounds=0"),
    ],
)
def test_mistakes(call, words):
    x, y = task(60, 5)
    with pytest.raises(rv.errors.RanvierError, match=words):
        call(EarlyExit(counting(), MaxSoftmax(), readout="sum", threshold=1.0), x, y)


def test_a_rule_that_gives_no_number_for_each_sample():
    class Wrong(rv.inference.StopRule):
        """One number for all."""

        def confidence(self, read, step):
            return read.sum()

    with pytest.raises(rv.errors.ShapeError, match=r"Wrong.confidence gives \(\)"):
        EarlyExit(counting(), Wrong()).calibrate(task(20, 1))
