"""Do delays help? One network four ways on three real tasks, seed after seed, with spikes and energy counted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import TensorDataset

from ranvier.data import Augmented
from ranvier.errors import RanvierError
from ranvier.network import Network, rounded_delays
from ranvier.recipes.parts import output
from ranvier.recipes.parts.delay_networks import KINDS, network, optimizer
from ranvier.recipes.parts.delay_table import Row, table
from ranvier.recipes.parts.delay_tasks import TASKS, Task
from ranvier.recipes.parts.linear_model import linear_model
from ranvier.recipes.parts.machine import one_thread
from ranvier.training import losses, train

__all__ = ["run"]

Tensor = torch.Tensor


def run(task: str = "fsdd", out: Path = Path("out"), seeds: int = 5, kinds: Sequence[str] = KINDS) -> Path:
    """Train and test every kind of network on every fold of a task, and write out/delays_<task>.md.

    Rows are added to out/delays_<task>.jsonl one by one; a later call goes on after those that are there.

    Parameters
    ----------
    task
        ``"fsdd"``, ``"braille_touch"`` or ``"nmnist_small"``; the data must be where ``rv.data.load`` finds them.
    out
        Folder for results, and for spikes that are computed once.
    seeds
        How many initial weights, delays and orders of the samples.
    kinds
        Some of the kinds.

    Returns the path of the table.

    Raises
    ------
    RanvierError
        Where there is no such task or kind.

    Examples
    --------
    >>> outcome = rv.recipes.delays.run("braille_touch", seeds=1, kinds=["no delays"])
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if task not in TASKS or unknown or seeds < 1:
        raise RanvierError(
            f"task={task!r}, kinds={unknown}, seeds={seeds}: give a task of {tuple(TASKS)}, kinds of {KINDS}, a seed or more"
        )
    folder = output.prepare(out)
    chosen = TASKS[task](folder)
    record = folder / f"delays_{task}.jsonl"
    done = _read(record)
    with one_thread():
        for row in _missing(chosen, seeds, kinds, done):
            with open(record, "a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + os.linesep)
            done.append(row)
    return output.write(folder / f"delays_{task}.md", table(done, len(chosen.folds)))


def _missing(task: Task, seeds: int, kinds: Sequence[str], done: Sequence[Row]) -> Iterator[Row]:
    have = {(row.kind, row.fold, row.seed) for row in done}
    for fold in range(len(task.folds)):
        if ("linear model", fold, 0) not in have:
            model = linear_model(task.features, task.y.numpy(), task.folds[fold])
            yield Row("linear model", fold, 0, model.valid, model.test, model.test, 0, 0.0, 0.0, 0.0)
    for seed in range(seeds):
        for fold in range(len(task.folds)):
            for kind in kinds:
                if (kind, fold, seed) not in have:
                    yield _train(task, kind, fold, seed)


def _train(task: Task, kind: str, fold: int, seed: int) -> Row:
    parts, x, y = task.folds[fold], task.x, task.y
    net, loss = network(kind, task.shape, seed), losses.MeanMembrane(scale=task.scale)
    learn = Augmented(TensorDataset(x[parts.train], y[parts.train]), *task.changes)
    fit = train(
        net, learn, (x[parts.valid], y[parts.valid]), epochs=task.epochs, loss=loss, lr=task.lr, batch_size=task.batch_size,
        optimizer=optimizer(net, task.lr, task.decay, task.delay_rate), schedule="cosine", seed=seed, progress=False,
    )  # fmt: skip
    shown, truth = x[parts.test].transpose(0, 1), y[parts.test]
    chip = rounded_delays(net) if kind == "learned delays" else net
    real, _ = _score(net, loss, shown, truth)
    whole, fired = _score(chip, loss, shown, truth)
    count = sum(p.numel() for p in net.parameters() if p.requires_grad)
    given = float(shown.sum((0, 2)).mean())
    fan_out = task.shape.classes + (task.shape.hidden if kind == "recurrent" else 0)
    return Row(
        kind, fold, seed, fit.best_score, real, whole, count, given, fired, given * task.shape.hidden + fired * fan_out
    )


def _score(net: Network, loss: Any, shown: Tensor, truth: Tensor) -> tuple[float, float]:
    """Accuracy, and spikes of the hidden cells per sample."""
    with torch.no_grad():
        seen = net.observe(shown, record={"lif1": ["spikes"], "readout1": ["v"]})
    right = loss.predict(seen["readout1"]["v"]) == truth
    return float(right.float().mean()), float(seen["lif1"]["spikes"].sum((0, 2)).mean())


def _read(record: Path) -> list[Row]:
    if not record.is_file():
        return []
    return [Row(**json.loads(line)) for line in record.read_text(encoding="utf-8").splitlines() if line.strip()]
