"""Fashion-MNIST with a small spiking network at five steps, and the same network brought down to one step."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ranvier.errors import RanvierError
from ranvier.network import Network
from ranvier.recipes.parts.fashion import (
    FOLDER,
    Flipped,
    Images,
    Setup,
    accuracy,
    linear_model,
    load,
    loss,
    network,
    repeated,
)
from ranvier.recipes.parts.fashion_page import page
from ranvier.recipes.parts.machine import device, one_thread, versions
from ranvier.recipes.parts.output import prepare, write
from ranvier.training import Stage, shrink_steps, train

__all__ = ["Result", "run"]


@dataclass(frozen=True)
class Result:
    """One number of steps of one seed: accuracies, spikes per test image, and time spent in training."""

    seed: int
    steps: int
    valid: float
    test: float
    spikes: float
    seconds: float
    processor_seconds: float | None


def run(
    out: Path = Path("out"), data: Path = FOLDER, seeds: tuple[int, ...] = (0,), epochs: int = Setup.epochs,
    stage_epochs: int = Setup.stage_epochs, last_epochs: int = Setup.last_epochs, threads: int = 1,
) -> Path:  # fmt: skip
    """Train at five steps, then at 4, 3, 2 and 1 (IIR), and write fashion_mnist.json and fashion_mnist.md.

    Parameters
    ----------
    out
        Folder for the results, and for a checkpoint after every epoch: the same call goes on where it was interrupted.
    data
        Folder with the four gzipped IDX files, as Debian's package dataset-fashion-mnist installs them.
    seeds
        Each has a validation set, initial weights and an order of samples of its own.
    epochs, stage_epochs, last_epochs
        Passes over the 50,000 training images at five steps, in each further stage, and in the last, at one step.
    threads
        Of torch's matrix library.

    The test set is scored once for each network, after all training. Returns the path of the page.

    Source of the method: Chowdhury, Rathi & Roy, 2021 (One timestep is all you need).

    >>> outcome = rv.recipes.fashion_mnist.run(out="out", seeds=(0,))
    """
    given = {"epochs": epochs, "stage_epochs": stage_epochs, "last_epochs": last_epochs}
    for name, value in (*given.items(), ("threads", threads)):
        if not isinstance(value, int) or value < 1:
            raise RanvierError(f"{name}={value!r} is out of range; give 1 or more")
    setup, folder = replace(Setup(), **given), prepare(out)
    results: list[Result] = []
    linear: list[tuple[float, float]] = []
    with one_thread():
        torch.set_num_threads(threads)
        for seed in seeds:
            images = load(data, seed)
            results += run_seed(images, setup, seed, folder / f"seed_{seed}")
            linear.append(linear_model(images, seed))
            _write(folder, setup, results, linear)
    return folder / "fashion_mnist.md"


def run_seed(images: Images, setup: Setup, seed: int, checkpoint: Path | None = None) -> list[Result]:
    """Train one network at every number of steps, then test each once."""
    net, spent = network(setup, seed), _Clock()
    how: dict[str, Any] = {
        "loss": loss(setup), "optimizer": partial(torch.optim.AdamW, weight_decay=setup.decay), "schedule": "cosine",
        "batch_size": setup.batch_size, "seed": seed,
    }  # fmt: skip

    def data(steps: int) -> tuple[Flipped, tuple[torch.Tensor, torch.Tensor]]:
        return Flipped(images.train, steps), repeated(images.valid, steps)

    full = None if checkpoint is None else checkpoint / f"steps_{setup.steps}"
    fit = train(net, *data(setup.steps), epochs=setup.epochs, lr=setup.lr, checkpoint=full, callbacks=[spent], **how)
    parent = Stage(setup.steps, fit, _copy(net, setup, seed))
    shorter = range(setup.steps - 1, 0, -1)
    spent_on = [setup.stage_epochs if steps > 1 else setup.last_epochs for steps in shorter]
    stages = [parent]
    if shorter:
        stages += shrink_steps(
            net, data, steps=shorter, epochs=spent_on, lr=setup.stage_lr, checkpoint=checkpoint, callbacks=[spent], **how
        )  # fmt: skip
    return [_result(stage, images, seed, spent) for stage in stages]


class _Clock:
    """Processor time of every epoch, found again by its wall-clock time: a callback."""

    def __init__(self) -> None:
        self.last = time.process_time()
        self.epochs: list[tuple[float, float]] = []

    def __call__(self, epoch: Any, net: Network) -> None:
        """Note what this epoch took."""
        now = time.process_time()
        self.epochs.append((epoch.seconds, now - self.last))
        self.last = now

    def of(self, seconds: Sequence[float]) -> float | None:
        """Processor time of the epochs that took ``seconds``; None where some ran in an earlier process."""
        known = dict(self.epochs)
        return sum(known[s] for s in seconds) if all(s in known for s in seconds) else None


def _copy(net: Network, setup: Setup, seed: int) -> Network:
    twin = network(setup, seed)
    twin.load_state_dict(net.state_dict())
    return twin


def _result(stage: Stage, images: Images, seed: int, spent: _Clock) -> Result:
    test, spikes = accuracy(stage.net, images.test, stage.steps)
    seconds = [epoch.seconds for epoch in stage.fit.history]
    return Result(seed, stage.steps, stage.fit.best_score, test, spikes, sum(seconds), spent.of(seconds))


def _write(folder: Path, setup: Setup, results: list[Result], linear: list[tuple[float, float]]) -> None:
    rows = [asdict(result) for result in results]
    machine = {"device": device(), "versions": versions()}
    plain = [{"valid": valid, "test": test} for valid, test in linear]
    text = json.dumps({"setup": asdict(setup), "results": rows, "linear": plain, "machine": machine}, indent=1)
    write(folder / "fashion_mnist.json", text + "\n")
    write(folder / "fashion_mnist.md", page(setup, rows, plain, machine))
