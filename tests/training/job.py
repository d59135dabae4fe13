"""A small training that can be killed: a task, and ``python -m tests.training.job FOLDER DIE_AT WAIT SEED``."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import torch
from torch import nn

import ranvier as rv
from ranvier.units import ms

Data = tuple[torch.Tensor, torch.Tensor]


def make_task(samples: int, seed: int = 0, steps: int = 15) -> Data:
    """Three classes: which third of 12 channels fires early. x [S, T, 12], y [S]."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (samples,), generator=generator)
    rate = torch.full((samples, steps, 12), 0.05)
    for k in range(3):
        rate[y == k, : steps // 2, 4 * k : 4 * k + 4] = 0.5
    return (torch.rand(rate.shape, generator=generator) < rate).float(), y


class Deadly(torch.utils.data.Dataset[Data]):
    """The task, sample after sample; the process dies as sample number ``die_at`` is read."""

    def __init__(self, die_at: int, wait: float) -> None:
        self.x, self.y = make_task(60)
        self.die_at, self.wait, self.count = die_at, wait, 0

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, k: int) -> Data:
        self.count += 1
        if self.count == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.wait)
        return self.x[k], self.y[k]


def job(folder: Path, die_at: int = 0, wait: float = 0.0, seed: int = 0) -> str:
    """Train with dropout, a norm, clipping, a schedule and a checkpoint, save, and return all numbers of the record."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    first = (nn.Dropout(0.1), rv.Linear(12, 20), rv.LIF(20, tau=rv.Learn(8 * ms)))
    second = (nn.Linear(20, 16), nn.BatchNorm1d(16), rv.LIF(16))
    net = rv.Sequential(*first, *second, rv.Linear(16, 3), rv.LeakyReadout(3), dt=1 * ms)
    fit = rv.train(
        net, Deadly(die_at, wait), make_task(30, seed=1), epochs=6, lr=1e-2, batch_size=16, schedule="cosine", clip=1.0,
        optimizer="adamw", checkpoint=folder / "checkpoint", progress=False,
    )  # fmt: skip
    rv.save(net, folder / "model")
    numbers = [(e.epoch, e.train, e.valid, e.rates, e.gradient_norm, e.learning_rate) for e in fit.history]
    return f"{numbers} {fit.stopped}"


if __name__ == "__main__":
    job(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
