"""The delay recipe, on a task where order in time is all there is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ranvier.connectivity import delay_parameters
from ranvier.encoding import Cochlea
from ranvier.errors import RanvierError
from ranvier.recipes import delays
from ranvier.recipes.parts import delay_tasks, spoken_digits
from ranvier.recipes.parts.delay_networks import KINDS, Shape, network
from ranvier.recipes.parts.delay_table import Row, table
from ranvier.recipes.parts.delay_tasks import Task
from ranvier.recipes.parts.linear_model import linear_model
from ranvier.recipes.parts.split import Split

SHAPE = Shape(inputs=4, classes=2, hidden=16, dt=10.0, tau=10.0, tau_out=100.0, longest=100.0, gain=4.0)


def order_task(folder: Path, samples: int = 120, steps: int = 12) -> Task:
    """Two channels fire 60 ms apart: the class says which comes first. Counts say nothing."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(samples) % 2
    start = torch.randint(0, 5, (samples,), generator=generator)
    x = torch.zeros(samples, steps, 4)
    every = torch.arange(samples)
    x[every, start, y] = 1
    x[every, start + 6, 1 - y] = 1
    fold = Split(np.arange(0, 80), np.arange(80, 100), np.arange(100, samples))
    return Task("order", x, y, (fold,), SHAPE, bins=1, epochs=12, lr=2e-2, delay_rate=3.0, batch_size=20)


def test_kinds_share_all_but_what_they_are_named_for() -> None:
    nets = {kind: network(kind, SHAPE, 3) for kind in KINDS}
    count = {kind: sum(p.numel() for p in net.parameters() if p.requires_grad) for kind, net in nets.items()}
    plain = count["no delays"]
    assert count == {
        "no delays": plain, "fixed random delays": plain, "learned delays": plain + 4 * 16, "recurrent": plain + 16 * 16
    }  # fmt: skip
    assert [len(list(delay_parameters(net))) for net in nets.values()] == [0, 0, 1, 0]
    first = [net.state_dict()["projections.linear1.chain.0.weight"] for net in nets.values()]
    assert all(w.shape == first[0].shape for w in first)


def test_order_is_learned_where_counts_say_nothing_and_a_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(delay_tasks.TASKS, "order", order_task)
    kinds = ("no delays", "learned delays")
    path = delays.run("order", tmp_path, seeds=1, kinds=kinds)
    rows = {row["kind"]: row for row in map(json.loads, (tmp_path / "delays_order.jsonl").read_text().splitlines())}
    assert rows["linear model"]["test"] <= 0.7  # counts are the same for both classes
    assert rows["learned delays"]["test"] >= 0.9
    fired, given = (rows["learned delays"][name] for name in ("fired", "given"))
    assert given == 2
    assert rows["learned delays"]["operations"] == pytest.approx(16 * given + 2 * fired)
    monkeypatch.setattr(delays, "_train", lambda *_: pytest.fail("trained again"))
    assert delays.run("order", tmp_path, seeds=1, kinds=kinds).read_text() == path.read_text()


def test_the_table_means_folds_then_seeds() -> None:
    rows = [Row("a", f, s, 0.0, 0.5 + 0.1 * f + 0.01 * s, 0.5, 10, 1.0, 2.0, 1000.0) for f in (0, 1) for s in (0, 1)]
    lines = table([*rows, Row("a", 0, 2, 0, 0, 0, 0, 0, 0, 0)], folds=2).splitlines()
    assert lines[2] == "| a | 0.00 ± 0.00 | 55.50 ± 0.71 | 50.00 ± 0.00 | 10 | 1 | 2 | 1,000 | 0.9 nJ |"
    assert len(lines) == 3


def test_what_cannot_be(tmp_path: Path) -> None:
    for arguments in ({"task": "mnist"}, {"kinds": ("delays",)}, {"seeds": 0}):
        with pytest.raises(RanvierError, match="give a task of"):
            delays.run(**{"out": tmp_path, **arguments})


def test_words_are_heard_once_and_in_any_portions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spoken_digits, "EAR", Cochlea(channels=4, lowest=200, highest=3900, rate=12000))
    monkeypatch.setattr(spoken_digits, "_STEPS", 60)
    monkeypatch.setattr(spoken_digits, "_TOGETHER", 1)
    clips = [np.random.default_rng(k).standard_normal(400).astype(np.float32) for k in range(3)]
    whole = spoken_digits.heard(tmp_path / "spikes.npz", clips)
    later = spoken_digits.hear(clips[1:], first=1)
    np.testing.assert_array_equal(whole.time[whole.sample >= 1], later.time)
    again = spoken_digits.heard(tmp_path / "spikes.npz", [])
    counts = again.binned(3, 20)
    assert counts.shape == (3, 3, 4)
    assert counts.sum() == len(whole.time) > 0
    assert torch.equal(counts[2, 1], again.binned(3, 10)[2, 2:4].sum(0))


def test_the_linear_model_takes_the_preparation_that_validates_best() -> None:
    generator = np.random.default_rng(0)
    target = np.arange(300) % 3
    features = np.eye(3)[target] * 3 + generator.standard_normal((300, 3))
    parts = Split(np.arange(100), np.arange(100, 200), np.arange(200, 300))
    found = linear_model(features, target, parts)
    assert found.valid > 0.85
    assert found.test > 0.85
