"""Thresholds from data: how large the activations of each layer become."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, cast

import numpy as np
import torch
from torch import fx

from ranvier.conversion.watch import Watch
from ranvier.errors import ConversionError
from ranvier.values import is_whole

__all__ = ["Activations", "Choice", "batches_of", "check_choice", "check_steps", "observed", "threshold_of"]

Tensor = torch.Tensor
#: activations of a layer that are kept; of more, every second, fourth, … one
_KEPT = 1 << 21
#: of these, how many are compared with what spikes can tell
_COMPARED = 100_000
#: "max", a percentile, or "least_error"
Choice = str | float
#: samples of a tensor that run at once
_BATCH = 128


def batches_of(data: Any) -> Iterator[Tensor]:
    """Inputs [B, …] of a tensor, or of an iterable of tensors or of (input, target) pairs.

    Raises
    ------
    ConversionError
        Where there are none, or they are no numbers.
    """
    if isinstance(data, Tensor):
        data = data.split(_BATCH)
    if not isinstance(data, Iterable):
        raise ConversionError(f"data={type(data).__name__}: give inputs as a tensor [B, …], or an iterable of batches.")
    count = 0
    for batch in data:
        x = batch[0] if isinstance(batch, tuple | list) else batch
        if not isinstance(x, Tensor) or not x.is_floating_point() or x.ndim < 2:
            what = f"{tuple(x.shape)} of {x.dtype}" if isinstance(x, Tensor) else type(x).__name__
            raise ConversionError(f"data holds {what}; give floating-point tensors [B, …].")
        if not torch.isfinite(x).all():
            raise ConversionError("data holds NaN or infinite numbers.")
        count += len(x)
        yield x
    if not count:
        raise ConversionError("data holds no sample: thresholds are taken from activations on data.")


@torch.no_grad()
def observed(model: fx.GraphModule, names: Iterable[str], data: Any) -> Iterator[dict[str, Tensor]]:
    """The values of the layers ``names``, batch after batch.

    Raises
    ------
    ConversionError
        Where a batch does not fit the network, or a layer gives NaN or infinite numbers.
    """
    watch = Watch(model, set(names))
    for x in batches_of(data):
        try:
            watch.run(x)
        except (RuntimeError, TypeError, ValueError) as error:
            raise ConversionError(f"data of shape {tuple(x.shape)} does not fit the network: {error}") from error
        for name, value in watch.values.items():
            if not torch.isfinite(value).all():
                raise ConversionError(f"{name} gives NaN or infinite numbers on the data.")
        yield watch.values


class Activations:
    """Activations of one layer: the largest, and an even sample of the positive ones."""

    def __init__(self) -> None:
        self.largest, self.stride, self.count = 0.0, 1, 0
        self._parts: list[np.ndarray] = []
        self._held = 0

    def add(self, value: Tensor) -> None:
        """Take a batch."""
        flat = value.detach().flatten().float().cpu().numpy()
        self.largest = max(self.largest, float(flat.max(initial=0.0)))
        self._parts.append(flat[-self.count % self.stride :: self.stride].copy())
        self.count += len(flat)
        self._held += len(self._parts[-1])
        while self._held > _KEPT:
            whole = np.concatenate(self._parts)[::2]
            self._parts, self._held, self.stride = [whole], len(whole), 2 * self.stride

    @property
    def sample(self) -> np.ndarray:
        """Every ``stride``-th activation."""
        return np.concatenate(self._parts) if self._parts else np.empty(0, np.float32)


def threshold_of(seen: Activations, choice: Choice, steps: int | None) -> float:
    """The threshold of a layer; 0 where it was never active."""
    if seen.largest <= 0 or choice == "max":
        return seen.largest
    if choice == "least_error":
        return _least_error(seen, cast("int", steps))
    return float(np.percentile(seen.sample, float(choice))) or seen.largest


def _least_error(seen: Activations, steps: int) -> float:
    """The threshold with the least squared error of activations that are rounded to multiples of threshold/steps and clipped."""
    values = seen.sample[seen.sample > 0].astype(np.float64)
    values = values[:: max(1, len(values) // _COMPARED)]
    best = (math.inf, seen.largest)
    for part in np.linspace(0.02, 1.0, 99):
        top = part * seen.largest
        rounded = np.clip(np.floor(values * (steps / top) + 0.5), 0, steps) * (top / steps)
        best = min(best, (float(((values - rounded) ** 2).mean()), top))
    return best[1]


def check_steps(steps: Any) -> None:
    """Refuse what is no positive whole number of steps.

    Raises
    ------
    ConversionError
        Naming the value.
    """
    if not is_whole(steps):
        raise ConversionError(f"steps={steps!r} must be a positive whole number.")


def check_choice(choice: Any, steps: Any) -> None:
    """Refuse a threshold or a number of steps that means nothing; None leaves the steps open.

    Raises
    ------
    ConversionError
        Naming the value.
    """
    if steps is not None:
        check_steps(steps)
    if choice == "least_error":
        if steps is None:
            raise ConversionError("threshold='least_error' depends on the number of steps: give steps=.")
        return
    number = isinstance(choice, float | int) and not isinstance(choice, bool)
    if choice != "max" and not (number and 0 < choice <= 100):
        raise ConversionError(
            f"threshold={choice!r}: give 'max', a percentile above 0 and up to 100, or 'least_error'."
        )
