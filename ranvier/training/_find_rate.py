"""A learning rate from a short training whose rate rises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ranvier.connectivity.copied import copied
from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training._fit import Epoch
from ranvier.training._train import train
from ranvier.values import is_whole

__all__ = ["RateTest", "find_rate"]

#: the test ends where the smooth loss is this many times its lowest
_RISE = 4.0
_FEWEST = 5


@dataclass(frozen=True)
class RateTest:
    """The loss of every batch, at a rate that rises from batch to batch, and the rate ``best`` to begin with."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def smooth(self) -> tuple[float, ...]:
        """Losses, each averaged with those before: 0.8 of the mean so far, 0.2 of its own; corrected at the start."""
        return tuple(_smooth(self.losses))

    @property
    def best(self) -> float:
        """The rate at which the smooth loss falls fastest with the logarithm of the rate."""
        smooth = self.smooth
        slopes = [b - a for a, b in zip(smooth[:-2], smooth[2:], strict=True)]
        return self.rates[1 + min(range(len(slopes)), key=slopes.__getitem__)]

    def __repr__(self) -> str:
        return (
            f"RateTest(best {self.best:.2g}, {len(self.rates)} rates from {self.rates[0]:.2g} to {self.rates[-1]:.2g})"
        )


def find_rate(
    net: Network, data: Any, *, low: float = 1e-5, high: float = 1.0, batches: int = 60, **options: Any
) -> RateTest:
    """Train a copy of a network while the learning rate rises from ``low`` to ``high``; its losses say where to begin.

    The test ends early where the smooth loss is four times its lowest, or the loss is not finite. ``net`` does not change.

    Parameters
    ----------
    net, data
        As for :func:`ranvier.train`.
    low, high
        The first and the last rate; rates between them grow by one factor.
    batches
        How many rates, one for each batch.
    options
        Further arguments of :func:`ranvier.train`: loss, rule, batch_size, optimizer, scale, clip, seed, ….

    Raises
    ------
    TrainingError
        For rates that do not rise, fewer than 5 batches, or an option that the test sets itself.

    Source: Smith, WACV 2017 (cyclical learning rates).

    >>> test = rv.training.find_rate(net, data, batches=20)
    >>> fit = rv.train(net, data, epochs=3, lr=test.best)
    """
    if not 0 < low < high < math.inf:
        raise TrainingError(f"find_rate: low={low!r} and high={high!r} must be positive, low below high.")
    if not is_whole(batches, _FEWEST):
        raise TrainingError(f"find_rate: batches={batches!r} must be a whole number of at least {_FEWEST}.")
    own = ("epochs", "lr", "schedule", "batches_per_epoch", "callbacks", "checkpoint", "early_stopping", "accumulate")
    taken = [name for name in own if name in options]
    if taken:
        raise TrainingError(f"find_rate sets {taken[0]}= itself: leave it out.")
    factor = (high / low) ** (1 / (batches - 1))
    losses: list[float] = []

    def look(epoch: Epoch, _: Network) -> bool:
        losses.append(epoch.train.loss)
        smooth = _smooth(losses)
        return len(smooth) > _FEWEST and smooth[-1] > _RISE * min(smooth) > 0

    how = {"progress": False, "metric": "loss", **options}
    try:
        train(
            copied(net), data, epochs=batches, lr=low, schedule=lambda done: factor**done, batches_per_epoch=1,
            callbacks=[look], **how,
        )  # fmt: skip
    except TrainingError:
        if len(losses) < _FEWEST:
            raise  # else the loss is not finite any more, which ends the test
    return RateTest(tuple(low * factor**k for k in range(len(losses))), tuple(losses))


def _smooth(losses: Sequence[float]) -> list[float]:
    out, mean = [], 0.0
    for k, loss in enumerate(losses, 1):
        mean = 0.8 * mean + 0.2 * loss
        out.append(mean / (1 - 0.8**k))
    return out
