"""A training that was killed ends as one that was not, to the last bit; checkpoints of others are refused."""

from __future__ import annotations

import json
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
from ranvier.network.keys import Names
from ranvier.network.saving import read_pair, write_pair
from ranvier.training.checkpoint import TRAINING
from ranvier.units import Hz, ms
from tests.training.job import job

Make = Callable[..., rv.Sequential]
Task = Callable[..., tuple[torch.Tensor, torch.Tensor]]
quiet = partial(rv.train, progress=False)

ROOT = Path(__file__).resolve().parents[2]


def _start(folder: Path, die_at: int, wait: float) -> subprocess.Popen[bytes]:
    folder.mkdir()
    arguments = [sys.executable, "-m", "tests.training.job", str(folder), str(die_at), str(wait), "0"]
    return subprocess.Popen(arguments, cwd=ROOT)


def _epochs(folder: Path) -> int:
    path = folder / "checkpoint" / "training.json"
    return len(json.loads(path.read_text()).get("history", [])) if path.exists() else 0


def test_killed_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    """Killed by itself within epoch 3, and from outside at any moment; the new start has other weights."""
    whole, within, outside = (tmp_path / n for n in ("whole", "within", "outside"))
    processes = [_start(within, 166, 0.0), _start(outside, 0, 0.002)]
    numbers = job(whole)
    limit = time.monotonic() + 60
    while time.monotonic() < limit and _epochs(outside) < 2:
        time.sleep(0.01)
    processes[1].send_signal(signal.SIGKILL)
    assert [process.wait(60) for process in processes] == [-signal.SIGKILL, -signal.SIGKILL]
    assert _epochs(within) == 2
    assert 2 <= _epochs(outside) < 6
    weights = next((whole / "model").glob("*.safetensors"))
    for folder, seed in ((within, 7), (outside, 8)):
        assert job(folder, seed=seed) == numbers
        assert (folder / "model" / weights.name).read_bytes() == weights.read_bytes()


class TestSameProcess:
    def test_more_epochs_go_on_from_the_last(self, net: Make, task: Task, tmp_path: Path) -> None:
        whole, parts = net(), net()
        expected = quiet(whole, task(40), task(20, seed=1), epochs=5, lr=1e-2)
        quiet(parts, task(40), task(20, seed=1), epochs=2, lr=1e-2, checkpoint=tmp_path / "c")
        other = net(seed=9)
        fit = quiet(other, task(40), task(20, seed=1), epochs=5, lr=1e-2, checkpoint=tmp_path / "c")
        assert [(e.train, e.valid) for e in fit.history] == [(e.train, e.valid) for e in expected.history]
        assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), other.parameters(), strict=True))

    def test_a_checkpoint_with_paths_of_the_tree_is_read(self, net: Make, task: Task, tmp_path: Path) -> None:
        """As earlier checkpoints have them: projections.linear1.chain.0.weight for linear1.weight."""
        how: dict[str, Any] = {"lr": 1e-2, "average": 0.9, "scale": {"linear1.weight": 0.5}}
        whole, other = net(), net(seed=9)
        quiet(whole, task(40), task(20, seed=1), epochs=4, **how)
        quiet(net(), task(40), task(20, seed=1), epochs=2, checkpoint=tmp_path, **how)
        description, tensors = read_pair(tmp_path, TRAINING)
        names = Names(whole.populations, whole.projections)
        parts = [name.partition("/") for name in tensors]
        longer = [n if head in ("optimizer", "stream") else names.path(n) for head, _, n in parts]
        assert "projections.linear1.chain.0.weight" in longer
        renamed = {f"{head}/{n}": t for (head, _, _), n, t in zip(parts, longer, tensors.values(), strict=True)}
        description["scales"] = {names.path(n): s for n, s in description["scales"].items()}
        write_pair(tmp_path, TRAINING, description, renamed)
        quiet(other, task(40), task(20, seed=1), epochs=4, checkpoint=tmp_path, **how)
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
        assert "stands after epoch 1: the same call goes on" in caught.value.__notes__[0]


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
            ({"lr": 0.5}, r"optimizer.groups\[0\].lr=0.001, now it is 0.5"),
            ({"clip": 1.0}, "clip=None"),
            ({"loss": rv.losses.MeanMembrane()}, r"loss.class='MaxOverTime"),
            ({"rule": rv.rules.BPTT(window=5)}, "rule.window=None, now it is 5"),
            ({"epochs": 1}, "has 2 epochs already"),
        ],
    )
    def test_other_settings(self, folder: Path, net: Make, task: Task, changed: dict[str, Any], message: str) -> None:
        with pytest.raises(TrainingError, match=message):
            quiet(net(), task(20), **{"epochs": 2, "checkpoint": folder, **changed})

    @pytest.mark.parametrize("change", ["size", "values", "targets", "kind"])
    def test_other_data(self, folder: Path, net: Make, task: Task, change: str) -> None:
        x, y = task(21 if change == "size" else 20)
        x, y = (x.clone(), y.clone())
        if change == "values":
            x[7, 3, 2] += 1
        elif change == "targets":
            y[4] = (y[4] + 1) % 3
        data = torch.utils.data.TensorDataset(x, y) if change == "kind" else (x, y)
        with pytest.raises(TrainingError, match=r"made with train_set\.(parts\[[01]\]|kind)='.*now it is"):
            quiet(net(), data, epochs=2, checkpoint=folder)

    def test_what_numbers_depend_on_is_told_by_its_path(self, task: Task, tmp_path: Path) -> None:
        """Fixed values, surrogates, bounds, delays, events: whatever a saved network would hold."""

        def build(
            V_th: float = 1.0, width: float = 1.0, most: float = 50.0, start: float = 8.0, delay: float = 0.0
        ) -> rv.Sequential:
            torch.manual_seed(0)
            cell = rv.LIF(
                20, tau=rv.Learn(start * ms, max=most * ms), V_th=V_th, surrogate=rv.surrogates.Triangle(width)
            )
            first = rv.Linear(12, 20, delay=delay * ms)
            return rv.Sequential(first, cell, rv.Linear(20, 3), rv.LeakyReadout(3), dt=1 * ms)

        quiet(build(), task(8), epochs=1, checkpoint=tmp_path / "c")
        quiet(build(), task(8), epochs=1, checkpoint=tmp_path / "c")
        for changed, message in (
            ({"V_th": 0.3}, r"populations\.lif1\.cell\.values\.V_th\.value was 1\.0, now it is 0\.3"),
            ({"width": 2.0}, r"cell\.surrogate\.shape\.gamma was 1\.0, now it is 2\.0"),
            ({"most": 9.0}, r"values\.tau\.max was 50\.0, now it is 9\.0"),
            ({"start": 7.0}, r"values\.tau\.learn\.value was 8\.0, now it is 7\.0"),
            ({"delay": 2.0}, r"chain\[0\]\.latency was 0, now it is 2"),
        ):
            with pytest.raises(TrainingError, match=message):
                quiet(build(**changed), task(8), epochs=1, checkpoint=tmp_path / "c")

    def test_a_function_of_another_text_is_another_loss(self, net: Make, task: Task, tmp_path: Path) -> None:
        losses = [lambda out, y: out.mean() ** 2, lambda out, y: out.mean() ** 4]
        quiet(net(), task(8), epochs=1, loss=losses[0], checkpoint=tmp_path / "c")
        quiet(net(), task(8), epochs=2, loss=losses[0], checkpoint=tmp_path / "c")
        with pytest.raises(TrainingError, match=r"made with loss\.code="):
            quiet(net(), task(8), epochs=2, loss=losses[1], checkpoint=tmp_path / "c")

    def test_modules_of_a_user_are_told_by_their_settings(self, task: Task, tmp_path: Path) -> None:
        class Scaled(torch.nn.Module):
            def __init__(self, factor: float) -> None:
                super().__init__()
                self.factor = factor

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.factor * x

        def build(factor: float) -> rv.Sequential:
            torch.manual_seed(0)
            parts = (rv.Linear(12, 20), Scaled(factor), rv.LIF(20), rv.Linear(20, 3), rv.LeakyReadout(3))
            return rv.Sequential(*parts, dt=1 * ms)

        quiet(build(1.0), task(8), epochs=1, checkpoint=tmp_path / "c")
        quiet(build(1.0), task(8), epochs=2, checkpoint=tmp_path / "c")
        with pytest.raises(TrainingError, match=r"chain\[1\]\.factor was 1\.0, now it is 2\.0"):
            quiet(build(2.0), task(8), epochs=2, checkpoint=tmp_path / "c")

    def test_a_format_of_another_version_is_refused(self, folder: Path, net: Make, task: Task) -> None:
        path = folder / "training.json"
        text = path.read_text()
        path.write_text(text.replace('"version": 3', '"version": 1', 1))
        with pytest.raises(FileFormatError, match="has version 1 of the format, this program reads 3"):
            quiet(net(), task(20), epochs=3, checkpoint=folder)
        described = json.loads(text)
        described["settings"]["network"]["format"] = 0
        path.write_text(json.dumps(described))
        with pytest.raises(TrainingError, match="format was 0, now it is"):
            quiet(net(), task(20), epochs=3, checkpoint=folder)

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

            from ranvier.network.saving import write_pair
            from ranvier.training.checkpoint import TRAINING

            tensors = load_file(next(folder.glob("*.safetensors")))
            tensors["model/linear1.bias"] = torch.zeros(3)
            write_pair(folder, TRAINING, {k: v for k, v in description.items() if k != "tensors"}, tensors)
        made = net(seed=3)
        before = [p.detach().clone() for p in made.parameters()]
        with pytest.raises(FileFormatError):
            quiet(made, task(20), epochs=3, checkpoint=folder)
        assert all(torch.equal(a, b) for a, b in zip(before, made.parameters(), strict=True))


def test_noise_of_a_resumed_training_is_that_of_the_uninterrupted(tmp_path: Path) -> None:
    """Random sources and drawn starts: each batch of each epoch has its own, as a function of seed and epoch."""
    x = (torch.rand(12, 10, 6, generator=torch.Generator().manual_seed(1)) < 0.3).float()
    y = torch.arange(12) % 3

    def learnt(epochs: int, folder: Path, before: int) -> rv.Network:
        torch.manual_seed(0)
        net = rv.Network(dt=1 * ms, seed=1)
        net.input("input", 6)
        net.source("noise", rv.Poisson(100 * Hz, 5))
        net.population("cells", 5, rv.LIF(v=rv.Uniform(0, 1)))
        net.population("out", 3, rv.LeakyReadout(3), output=True)
        net.connect("input", "cells", rv.Linear(6, 5))
        net.connect("noise", "cells", rv.OneToOne(), weight=0.5)
        net.connect("cells", "out", rv.Linear(5, 3))
        torch.manual_seed(before)  # what was drawn before has no part in it
        quiet(net, (x, y), epochs=epochs, batch_size=5, checkpoint=folder, seed=4)
        return net

    learnt(1, tmp_path / "cut", 1)
    resumed, whole = learnt(3, tmp_path / "cut", 2), learnt(3, tmp_path / "whole", 3)
    for n, t in whole.state_dict().items():
        assert torch.equal(t, resumed.state_dict()[n]), n
