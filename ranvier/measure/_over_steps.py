"""Accuracy against the number of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ranvier.errors import RanvierError
from ranvier.inference import Readout
from ranvier.inference.intervals import bootstrap, interval
from ranvier.measure._outcomes import Decider, decided, outcomes
from ranvier.text_table import text_table
from ranvier.values import is_whole

__all__ = ["AccuracyOverSteps", "accuracy_over_steps"]


@dataclass(frozen=True)
class AccuracyOverSteps:
    """Accuracy after each number of ``steps`` [K], with the ends ``low`` and ``high`` of its 95 % interval."""

    steps: tuple[int, ...]
    accuracy: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    samples: int
    networks: int

    def __str__(self) -> str:
        each = zip(self.steps, self.accuracy, self.low, self.high, strict=True)
        rows = [
            ["steps", "accuracy", "95 % interval"],
            *([str(t), f"{a:.2%}", f"{b:.2%} to {c:.2%}"] for t, a, b, c in each),
        ]
        return f"{text_table(rows, right=(0, 1, 2))}\n{self.samples} samples, {self.networks} networks"


def accuracy_over_steps(
    net: Decider | Sequence[Decider], test_set: Any, *, readout: Readout = "mean", every: int = 1, batch_size: int = 256,
    draws: int = 2000, seed: int = 0,
) -> AccuracyOverSteps:  # fmt: skip
    """The accuracy of a running read-out after 1, 2, … steps, with intervals.

    Intervals are a bootstrap over samples, and over networks where there are several. The steps of one curve share the samples of a draw.

    Parameters
    ----------
    net
        A network, the folder of a saved one, or a list of such, one for each seed; outputs are [T, B, C].
    test_set
        (x [S, T, …], y [S]), or what else ``rv.train`` takes.
    readout
        ``"mean"``, ``"sum"`` or ``"last"`` of the outputs so far.
    every
        Read out after every so many steps, and after the last one.
    draws, seed
        Of the bootstrap.

    Raises
    ------
    RanvierError
        For what decides nothing, targets that are no classes, another read-out, ``every`` below 1, and fewer than 100 draws.
    ShapeError
        For outputs without steps.

    >>> net = rv.Sequential(rv.Linear(20, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> curve = rv.measure.accuracy_over_steps(net, (torch.zeros(8, 5, 20), torch.arange(8) % 3), every=2)
    >>> curve.steps
    (2, 4, 5)
    """
    for name, value, least in (("every", every, 1), ("draws", draws, 100)):
        if not is_whole(value, least):
            raise RanvierError(f"{name}={value!r} must be a whole number of at least {least}.")
    right, total = outcomes(decided(net, "net"), test_set, readout, every, batch_size)
    low, high = interval(bootstrap(right, draws=draws, seed=seed))
    steps = tuple(min(first + every, total) for first in range(0, total, every))
    mean = right.mean((0, 1))
    return AccuracyOverSteps(
        steps, tuple(mean.tolist()), tuple(low.tolist()), tuple(high.tolist()), right.shape[1], len(right)
    )
