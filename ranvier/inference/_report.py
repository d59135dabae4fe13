"""What stopping costs and saves on test samples, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import torch

from ranvier.inference._oracle import oracle
from ranvier.inference._readout import running
from ranvier.inference.intervals import bootstrap, interval
from ranvier.text_table import text_table

if TYPE_CHECKING:
    from ranvier.inference._early_exit import EarlyExit

__all__ = ["Report", "report"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Report:
    """Test samples with early exit, with all steps, and with an oracle.

    Attributes
    ----------
    samples, total
        Samples, and steps of a sequence.
    accuracy, accuracy_whole, accuracy_oracle
        With early exit, after all steps, of the oracle.
    steps, steps_oracle
        Mean number of steps.
    lost, lost_interval
        accuracy_whole - accuracy, and its 95 % interval: bootstrap over samples, each with and without stopping.
    saved, saved_interval
        The share of steps that is saved, 1 - steps/total, and its 95 % interval.
    harmed
        Share of samples that are right after all steps and wrong where they stop.
    seconds, seconds_whole
        Wall time for all samples, measured in turns.
    """

    samples: int
    total: int
    accuracy: float
    accuracy_whole: float
    accuracy_oracle: float
    steps: float
    steps_oracle: float
    lost: float
    lost_interval: tuple[float, float]
    saved: float
    saved_interval: tuple[float, float]
    harmed: float
    seconds: float
    seconds_whole: float

    def __str__(self) -> str:
        rows = [
            ["", "accuracy", "steps", "time"],
            ["all steps", f"{self.accuracy_whole:.2%}", f"{self.total}", f"{self.seconds_whole:.3f} s"],
            ["early exit", f"{self.accuracy:.2%}", f"{self.steps:.2f}", f"{self.seconds:.3f} s"],
            ["oracle", f"{self.accuracy_oracle:.2%}", f"{self.steps_oracle:.2f}", ""],
        ]
        (low, high), (least, most) = self.lost_interval, self.saved_interval
        said = (
            f"{self.samples} samples: {self.saved:.1%} of the steps saved ({least:.1%} to {most:.1%}), "
            f"{100 * self.lost:.2f} points lost ({100 * low:.2f} to {100 * high:.2f})"
        )
        return f"{text_table(rows, right=(1, 2, 3))}\n{said}"


def report(
    early: EarlyExit, whole: Callable[[Tensor], Tensor], batches: Sequence[tuple[Tensor, Tensor]], rounds: int
) -> Report:
    """Measure both ways on batches (x [T, B, …], y [B])."""
    right, right_whole, stopped, best, place, quick, slow = [], [], [], [], [], 0.0, 0.0
    for x, y in batches:
        out, made = whole(x), early(x)
        times = [(_timed(whole, x), _timed(early, x)) for _ in range(rounds)]
        slow, quick = slow + median(t for t, _ in times), quick + median(t for _, t in times)
        read = running(out, early.readout, early.every)
        found, at = oracle(read, y)
        right.append(made.classes == y)
        right_whole.append(read[-1].argmax(1) == y)
        stopped.append(made.steps)
        best.append(found)
        place.append(((at + 1) * early.every).clamp(max=len(x)))
    now, full, steps = (torch.cat(part).double().numpy() for part in (right, right_whole, stopped))
    total = len(batches[0][0])
    lost, saved = full - now, 1 - steps / total
    return Report(
        len(now), total, float(now.mean()), float(full.mean()), float(torch.cat(best).double().mean()), float(steps.mean()),
        float(torch.cat(place).double().mean()), float(lost.mean()), _interval(lost), float(saved.mean()), _interval(saved),
        float((full > now).mean()), quick, slow,
    )  # fmt: skip


def _timed(run: Callable[[Tensor], object], x: Tensor) -> float:
    start = perf_counter()
    run(x)
    return perf_counter() - start


def _interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a mean over samples."""
    low, high = interval(bootstrap(values[None]))
    return float(low), float(high)
