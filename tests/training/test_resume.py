"""A training that was killed ends as one that was not, to the last bit; checkpoints of others are refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.errors import FileFormatError, TrainingError
from ranvier.units import ms

Make = Callable[..., rv.Sequential]
Task = Callable[..., tuple[torch.Tensor, torch.Tensor]]
quiet = partial(rv.train, progress=False)

SCRIPT = """
import os, signal, sys, time
import torch
torch.set_num_threads(1)
import ranvier as rv
from torch import nn
from ranvier.units import ms
from tests.training.conftest import make_task

class Slow(torch.utils.data.Dataset):
    count = 0
    def __init__(self, data): self.x, self.y = data
    def __len__(self): return len(self.y)
    def __getitem__(self, k):
        Slow.count += 1
        if Slow.count == int(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(float(sys.argv[3]))
        return self.x[k], self.y[k]

torch.manual_seed(int(sys.argv[4]))
net = rv.Sequential(nn.Dropout(0.1), rv.Linear(12, 20), rv.LIF(20, tau=rv.Learn(8*ms)), nn.Linear(20, 16), nn.BatchNorm1d(16),
    rv.LIF(16), rv.Linear(16, 3), rv.LeakyReadout(3), dt=1*ms)
fit = rv.train(net, Slow(make_task(60)), make_task(30, seed=1), epochs=6, lr=1e-2, batch_size=16, schedule="cosine", clip=1.0,
    optimizer="adamw", checkpoint=sys.argv[1] + "/checkpoint", progress=False)
rv.save(net, sys.argv[1] + "/model")
with open(sys.argv[1] + "/history.txt", "w") as file:
    file.write(repr([(e.epoch, e.train, e.valid, e.rates, e.gradient_norm, e.learning_rate) for e in fit.history]) + fit.stopped)
"""
ROOT = Path(__file__).resolve().parents[2]


def _start(folder: Path, die_at: int = 0, wait: float = 0.0, seed: int = 0) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    arguments = [sys.executable, "-c", SCRIPT, str(folder), str(die_at), str(wait), str(seed)]
    return subprocess.Popen(arguments, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def _result(folder: Path) -> tuple[str, str, bytes]:
    model = folder / "model"
    weights = next(model.glob("*.safetensors")).read_bytes()
    return (folder / "history.txt").read_text(), (model / "network.json").read_text(), weights


def test_killed_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    """Killed by itself in the middle of epoch 3, and from outside at a moment of its own; the new start has other weights."""
    whole, within, outside = (tmp_path / n for n in ("whole", "within", "outside"))
    processes = [_start(whole), _start(within, die_at=150), _start(outside, wait=0.002)]
    checkpoint = outside / "checkpoint" / "training.json"
    limit = time.monotonic() + 60
    while time.monotonic() < limit and not (
        checkpoint.exists() and len(json.loads(checkpoint.read_text())["history"]) >= 2
    ):
        time.sleep(0.01)
    processes[2].send_signal(signal.SIGKILL)
    codes = [process.wait(60) for process in processes]
    assert codes == [0, -signal.SIGKILL, -signal.SIGKILL]
    assert len(json.loads((within / "checkpoint" / "training.json").read_text())["history"]) == 2
    assert [p.wait(60) for p in (_start(within, seed=7), _start(outside, seed=8))] == [0, 0]
    assert _result(within) == _result(whole)
    assert _result(outside) == _result(whole)


class TestSameProcess:
    def test_more_epochs_go_on_from_the_last(self, net: Make, task: Task, tmp_path: Path) -> None:
        whole, parts = net(), net()
        expected = quiet(whole, task(40), task(20, seed=1), epochs=5, lr=1e-2)
        quiet(parts, task(40), task(20, seed=1), epochs=2, lr=1e-2, checkpoint=tmp_path / "c")
        other = net(seed=9)
        fit = quiet(other, task(40), task(20, seed=1), epochs=5, lr=1e-2, checkpoint=tmp_path / "c")
        assert [(e.train, e.valid) for e in fit.history] == [(e.train, e.valid) for e in expected.history]
        assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), other.parameters(), strict=True))

    def test_a_finished_training_is_not_repeated(self, net: Make, task: Task, tmp_path: Path) -> None:
        calls: list[int] = []
        arguments: dict[str, Any] = {
            "epochs": 2,
            "checkpoint": tmp_path / "c",
            "callbacks": [lambda e, _: calls.append(e.epoch)],
        }
        first = quiet(net(), task(20), **arguments)
        again = net(seed=4)
        assert quiet(again, task(20), **arguments) == first
        assert calls == [1, 2]

    def test_early_stopping_is_remembered(self, net: Make, task: Task, tmp_path: Path) -> None:
        arguments: dict[str, Any] = {"lr": 1e-9, "optimizer": "sgd", "checkpoint": tmp_path / "c", "early_stopping": 2}
        first = quiet(net(), task(20), task(20, seed=1), epochs=20, **arguments)
        assert quiet(net(), task(20), task(20, seed=1), epochs=20, **arguments) == first
        longer = quiet(net(), task(20), task(20, seed=1), epochs=20, **{**arguments, "early_stopping": 4})
        assert len(longer.history) == len(first.history) + 2

    def test_an_interruption_says_where_it_stands(self, net: Make, task: Task, tmp_path: Path) -> None:
        def interrupt(epoch: rv.training.Epoch, _: object) -> None:
            if epoch.epoch == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as caught:
            quiet(net(), task(20), epochs=4, checkpoint=tmp_path / "c", callbacks=[interrupt])
        assert "the same call goes on" in caught.value.__notes__[0]


class TestRefused:
    @pytest.fixture
    def folder(self, net: Make, task: Task, tmp_path: Path) -> Path:
        quiet(net(), task(20), epochs=2, checkpoint=tmp_path / "c")
        return tmp_path / "c"

    def test_another_network(self, folder: Path, task: Task) -> None:
        other = rv.Sequential(rv.Linear(12, 21), rv.LIF(21), rv.Linear(21, 3), rv.LeakyReadout(3), dt=1 * ms)
        before = [p.detach().clone() for p in other.parameters()]
        with pytest.raises(TrainingError, match="belongs to another network"):
            quiet(other, task(20), epochs=2, checkpoint=folder)
        assert all(torch.equal(a, b) for a, b in zip(before, other.parameters(), strict=True))

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"seed": 1}, "made with seed=0, now it is 1"),
            ({"batch_size": 5}, "batch_size=64, now it is 5"),
            ({"lr": 0.5}, "optimizer="),
            ({"clip": 1.0}, "clip=None"),
            ({"loss": rv.losses.MeanMembrane()}, "loss='MaxOverTime"),
            ({"rule": rv.rules.BPTT(window=5)}, "rule='BPTT"),
            ({"epochs": 1}, "has 2 epochs already"),
        ],
    )
    def test_other_settings(self, folder: Path, net: Make, task: Task, changed: dict[str, Any], message: str) -> None:
        with pytest.raises(TrainingError, match=message):
            quiet(net(), task(20), **{"epochs": 2, "checkpoint": folder, **changed})

    def test_other_data(self, folder: Path, net: Make, task: Task) -> None:
        with pytest.raises(TrainingError, match="train_samples=20, now it is 21"):
            quiet(net(), task(21), epochs=2, checkpoint=folder)

    @pytest.mark.parametrize("spoil", ["json", "tensors", "history", "optimizer", "model"])
    def test_a_damaged_checkpoint_changes_nothing(self, folder: Path, net: Make, task: Task, spoil: str) -> None:
        path = folder / "training.json"
        description = json.loads(path.read_text())
        if spoil == "json":
            path.write_text(path.read_text()[:-100])
        elif spoil == "tensors":
            next(folder.glob("*.safetensors")).write_bytes(b"x")
        elif spoil == "history":
            path.write_text(json.dumps({**description, "history": [{"epoch": -1}]}))
        elif spoil == "optimizer":
            path.write_text(json.dumps({**description, "optimizer": {"77": {}}}))
        else:
            from safetensors.torch import load_file

            from ranvier.network._saving import write_pair
            from ranvier.training._checkpoint import _TRAINING

            tensors = load_file(next(folder.glob("*.safetensors")))
            tensors["model/projections.linear1.chain.0.bias"] = torch.zeros(3)
            write_pair(folder, _TRAINING, {k: v for k, v in description.items() if k != "tensors"}, tensors)
        made = net(seed=3)
        before = [p.detach().clone() for p in made.parameters()]
        with pytest.raises(FileFormatError):
            quiet(made, task(20), epochs=3, checkpoint=folder)
        assert all(torch.equal(a, b) for a, b in zip(before, made.parameters(), strict=True))
