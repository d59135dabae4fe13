"""The recipes of delays: kinds that differ in delays alone, baselines with the same changes, folds that share nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ranvier.connectivity import delay_parameters
from ranvier.encoding import Cochlea
from ranvier.errors import RanvierError
from ranvier.recipes import spoken_digits as recipe
from ranvier.recipes.form import Case
from ranvier.recipes.parts import spoken_digits
from ranvier.recipes.parts.delay_networks import KINDS, Shape, network
from ranvier.recipes.parts.delay_task import Task, measured
from ranvier.recipes.parts.linear_model import linear_model
from ranvier.recipes.parts.log_mel import log_mel
from ranvier.recipes.parts.split import Split

SHAPE = Shape(inputs=4, classes=2, hidden=16, dt=10.0, tau=10.0, tau_out=100.0, longest=100.0, gain=4.0)


def order_task(samples: int = 120, steps: int = 12) -> Task:
    """Two channels fire 60 ms apart: the class says which comes first. Counts say nothing."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(samples) % 2
    start = torch.randint(0, 5, (samples,), generator=generator)
    x = torch.zeros(samples, steps, 4)
    every = torch.arange(samples)
    x[every, start, y] = 1
    x[every, start + 6, 1 - y] = 1
    fold = Split(np.arange(0, 80), np.arange(80, 100), np.arange(100, samples))
    plain = {"linear model": (x, 1)}
    return Task(x, y, {"1": fold}, SHAPE, plain, epochs=12, lr=2e-2, delay_rate=3.0, batch_size=20)


def test_kinds_share_all_but_what_they_are_named_for() -> None:
    nets = {kind: network(kind, SHAPE, 3) for kind in KINDS}
    count = {kind: sum(p.numel() for p in net.parameters() if p.requires_grad) for kind, net in nets.items()}
    plain = count["no delays"]
    assert count == {
        "no delays": plain, "fixed random delays": plain, "learned delays": plain + 4 * 16, "recurrent": plain + 16 * 16
    }  # fmt: skip
    assert [len(list(delay_parameters(net))) for net in nets.values()] == [0, 0, 1, 0]
    first = [net.state_dict()["linear1.weight"] for net in nets.values()]
    assert all(w.shape == first[0].shape for w in first)


def test_order_is_learned_where_counts_say_nothing(tmp_path: Path) -> None:
    task = order_task()
    found = {a: measured(task, Case(a, 0, "1", None, tmp_path)) for a in ("linear model", "learned delays")}
    assert found["linear model"]["accuracy"] <= 0.7  # counts are the same for both classes
    assert found["learned delays"]["accuracy"] >= 0.9
    fired = found["learned delays"]["hidden spikes"]
    assert found["learned delays"]["operations"] == pytest.approx(16 * 2 + 2 * fired)


def test_baselines_learn_from_the_same_changes(tmp_path: Path) -> None:
    """Test samples lie one channel further: only a model that saw moved samples knows them."""
    y = torch.arange(120) % 2
    x = torch.zeros(120, 4, 8)
    x[torch.arange(120), 0, 4 * y + (torch.arange(120) >= 80)] = 3.0
    fold = Split(np.arange(0, 80), np.arange(80, 100), np.arange(100, 120))
    scores = []
    for changes in ((), (lambda z: z.roll(1, 1),)):
        task = Task(x, y, {"1": fold}, SHAPE, {"m": (x, 1)}, 1, 0.1, 0.1, 20, changes=changes)
        scores.append(measured(task, Case("m", 0, "1", None, tmp_path))["accuracy"])
    assert scores[0] == 0.5
    assert scores[1] == 1.0


def test_the_learning_rate_is_the_best_on_validation_samples(tmp_path: Path) -> None:
    task = order_task()
    found = measured(task, Case("learned delays", 1, "1", None, tmp_path))
    scores = {task.lr * key[2]: kept[1] for key, kept in task.kept.items() if key[:2] == ("learned delays", 0)}
    assert sorted(scores) == pytest.approx([2e-2 / 3, 2e-2, 6e-2])
    assert scores[found["learning rate"]] == max(scores.values())
    assert [key[1] for key in task.kept] == [0, 0, 0, 1]  # the network of seed 1 is trained once


def test_folds_of_speakers() -> None:
    speaker, own = np.array(list("aabbccdd")), np.ones(8, bool)
    parts = recipe.folds(speaker, own)
    assert [speaker[p.test].tolist() for p in parts.values()] == [["a"] * 2, ["b"] * 2, ["c"] * 2, ["d"] * 2]
    assert set(speaker[parts["d"].valid]) == {"a"}
    for p in parts.values():
        p.apart(speaker, "speaker")
    further = recipe.folds(np.array(list("aabbccxy")), np.array([1, 1, 1, 1, 1, 1, 0, 0], bool))
    assert list(further) == ["x", "y"]
    assert further["x"].train.tolist() == further["y"].train.tolist() == [2, 3, 4, 5]
    assert further["x"].test.tolist() == [6]
    with pytest.raises(RanvierError, match="the split leaks: speaker 'b' is in the set"):
        recipe.folds(np.array(list("aabbccxb")), np.array([1, 1, 1, 1, 1, 1, 0, 0], bool))


def test_words_are_heard_once_and_in_any_portions(tmp_path: Path) -> None:
    one = spoken_digits.Hearing(Cochlea(channels=4, lowest=200, highest=3900, rate=12000), steps=60, together=1)
    clips = [np.random.default_rng(k).standard_normal(400).astype(np.float32) for k in range(3)]
    whole = one.heard(tmp_path / "spikes.npz", clips)
    later = one.hear(clips[1:], first=1)
    np.testing.assert_array_equal(whole.time[whole.sample >= 1], later.time)
    again = one.heard(tmp_path / "spikes.npz", [])
    counts = again.binned(3, 20)
    assert counts.shape == (3, 3, 4)
    assert counts.sum() == len(whole.time) > 0
    assert torch.equal(counts[2, 1], again.binned(3, 10)[2, 2:4].sum(0))


def test_a_tone_lies_in_its_band() -> None:
    """mel(1000 Hz) = 1000: with 40 bands from 150 to 2146 mel the 17th is the nearest centre."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(4000) / 8000).astype(np.float32)
    spectra = log_mel([tone, tone[:50]], 40)
    low, high = (2595 * np.log10(1 + f / 700) for f in (100, 3900))
    centres = np.linspace(low, high, 42)[1:-1]
    assert spectra.shape == (2, 40, 40)
    assert int(spectra[0, 20].argmax()) == int(np.abs(centres - 2595 * np.log10(1 + 1000 / 700)).argmin())
    assert float(spectra.min()) == 0
    assert float(spectra.max()) == pytest.approx(8)
    assert bool((spectra[1, 1:] == 0).all())


def test_the_linear_model_takes_the_preparation_that_validates_best() -> None:
    generator = np.random.default_rng(0)
    target = np.arange(300) % 3
    features = np.eye(3)[target] * 3 + generator.standard_normal((300, 3))
    found = linear_model(*((features[a:b], target[a:b]) for a, b in ((0, 100), (100, 200), (200, 300))))
    assert found.valid > 0.85
    assert found.test > 0.85
