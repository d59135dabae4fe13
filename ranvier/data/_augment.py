"""Training samples a little different each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from ranvier.data._samples import Samples
from ranvier.errors import RanvierError, ShapeError

__all__ = ["Augmented", "Blend", "ChannelJitter", "ChannelShift", "Crop", "TimeMask", "TimeShift"]

Tensor = torch.Tensor


def _whole(low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``, both included, from torch's generator."""
    return int(torch.randint(low, high + 1, ()))


def _moved(x: Tensor, by: int, axis: int) -> Tensor:
    """``x`` moved along ``axis``; what leaves is lost, what enters is 0."""
    if not by:
        return x
    out, size = torch.zeros_like(x), x.shape[axis]
    kept = max(0, size - abs(by))
    out.narrow(axis, max(by, 0) if kept else 0, kept).copy_(x.narrow(axis, max(-by, 0) if kept else 0, kept))
    return out


@dataclass(frozen=True)
class ChannelJitter:
    """Every event of x [T, N] moves to channel n + round(N(0, ``spread``²)); those that leave the edge are lost.

    Source: Cramer et al., IEEE TNNLS 2020, whose noise is of this kind.

    >>> x = rv.data.ChannelJitter(3)(torch.ones(100, 70))
    """

    spread: float

    def __call__(self, x: Tensor) -> Tensor:
        """x [T, N] of counts."""
        if x.ndim != 2:
            raise ShapeError(f"x has shape {tuple(x.shape)}; ChannelJitter takes [T, N]")
        where = x.nonzero()
        count = x[where[:, 0], where[:, 1]]
        channel = where[:, 1] + (torch.randn(len(where)) * self.spread).round().long()
        kept = (channel >= 0) & (channel < x.shape[1])
        return torch.zeros_like(x).index_put_((where[kept, 0], channel[kept]), count[kept], accumulate=True)


@dataclass(frozen=True)
class ChannelShift:
    """All channels (the last axis) move together by up to ``most`` either way: another voice, another place.

    >>> x = rv.data.ChannelShift(5)(torch.ones(100, 70))
    """

    most: int

    def __call__(self, x: Tensor) -> Tensor:
        """x [T, …, N]."""
        return _moved(x, _whole(-self.most, self.most), x.ndim - 1)


@dataclass(frozen=True)
class TimeShift:
    """The whole sample begins up to ``most`` steps earlier or later.

    >>> x = rv.data.TimeShift(10)(torch.ones(100, 70))
    """

    most: int

    def __call__(self, x: Tensor) -> Tensor:
        """x [T, …]."""
        return _moved(x, _whole(-self.most, self.most), 0)


@dataclass(frozen=True)
class TimeMask:
    """A stretch of 0 to ``most`` steps is silenced.

    Source: Park et al., SpecAugment, Interspeech 2019.

    >>> x = rv.data.TimeMask(10)(torch.ones(100, 70))
    """

    most: int

    def __call__(self, x: Tensor) -> Tensor:
        """x [T, …]."""
        length = _whole(0, min(self.most, len(x)))
        start = _whole(0, len(x) - length)
        out = x.clone()
        out[start : start + length] = 0
        return out


@dataclass(frozen=True)
class Crop:
    """A random stretch of ``steps`` steps.

    >>> rv.data.Crop(50)(torch.ones(100, 70)).shape
    torch.Size([50, 70])
    """

    steps: int

    def __call__(self, x: Tensor) -> Tensor:
        """x [T, …] with T of at least ``steps``."""
        if len(x) < self.steps:
            raise ShapeError(f"x has {len(x)} steps; Crop(steps={self.steps}) needs as many")
        start = _whole(0, len(x) - self.steps)
        return x[start : start + self.steps]


class Augmented(Dataset[tuple[Any, Tensor]]):
    """``samples`` through ``changes`` one after another, drawn anew each time from torch's generator.

    Examples
    --------
    >>> samples = torch.utils.data.TensorDataset(torch.rand(8, 50, 20), torch.arange(8))
    >>> train = rv.data.Augmented(samples, rv.data.ChannelJitter(3), rv.data.TimeMask(10))
    """

    def __init__(self, samples: Dataset[Any], *changes: Callable[[Tensor], Tensor]) -> None:
        self.samples, self.changes = samples, changes

    def __len__(self) -> int:
        return len(self.samples)  # pyright: ignore[reportArgumentType]

    def __getitem__(self, i: int) -> tuple[Any, Tensor]:
        x, y = self.samples[i]
        for change in self.changes:
            x = change(x)
        return x, y


class Blend(Dataset[tuple[Any, Tensor]]):
    """With probability ``share`` a sample is mixed with another of its class: each element from either, evenly.

    Source: Nowotny, Turner & Knight, Loss shaping enhances exact gradient learning with EventProp, 2024.

    >>> target = np.array([0, 1, 0, 1])
    >>> samples = rv.data.Samples(lambda i: torch.full((10, 3), float(i)), np.arange(4), target)
    >>> x, y = rv.data.Blend(samples, share=0.3)[0]
    """

    def __init__(self, samples: Samples, share: float = 0.5) -> None:
        if not 0 <= share <= 1:
            raise RanvierError(f"share={share}: give a probability")
        self.samples, self.share = samples, share
        self.alike: dict[int, Sequence[int]] = {
            int(label): np.flatnonzero(samples.target == label).tolist() for label in np.unique(samples.target)
        }

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int) -> tuple[Any, Tensor]:
        x, y = self.samples[i]
        if float(torch.rand(())) >= self.share:
            return x, y
        others = self.alike[int(y)]
        other, _ = self.samples[others[_whole(0, len(others) - 1)]]
        return torch.where(torch.rand(x.shape) < 0.5, x, other), y
