"""Training samples that are dropped and mixed where a network finds them relevant."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import Dataset

from ranvier.errors import RanvierError, ShapeError
from ranvier.values import is_number

__all__ = ["GuidedDrop", "GuidedMix"]

Tensor = torch.Tensor


class GuidedDrop(Dataset[tuple[Tensor, Tensor]]):
    """With probability ``share`` a sample loses events where they are relevant: at a place of relevance r, each with probability r*u.

    u is drawn for each sample, evenly from ``low`` to ``high``. So the network must learn from what it did not look at.

    Parameters
    ----------
    samples
        A data set of (x [T, …], y).
    maps
        The relevance of every place, [S, …] from 0 to 1, such as ``rv.measure.relevance(net, x).saliency()``.
    share, low, high
        Probabilities.

    Source: Sun et al., EventRPG, ICLR 2024.

    >>> samples = torch.utils.data.TensorDataset(torch.rand(8, 10, 2, 6, 6).round(), torch.arange(8))
    >>> x, y = rv.data.GuidedDrop(samples, torch.rand(8, 2, 6, 6))[0]
    """

    def __init__(
        self, samples: Dataset[Any], maps: Tensor, *, share: float = 0.5, low: float = 0.5, high: float = 1.0
    ) -> None:
        self.samples, self.maps = samples, _maps(samples, maps)
        for name, value in (("share", share), ("low", low), ("high", high)):
            _probability(name, value)
        if low > high:
            raise RanvierError(f"low={low} is above high={high}: exchange them.")
        self.share, self.low, self.high = share, low, high

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        x, y = self.samples[i]
        _fits(x, self.maps)
        if float(torch.rand(())) >= self.share:
            return x, y
        chance = self.maps[i] * (self.low + (self.high - self.low) * float(torch.rand(())))
        return x * (torch.rand(x.shape) >= chance), y


class GuidedMix(Dataset[tuple[Tensor, Tensor]]):
    """With probability ``share`` a sample is the relevant box of itself and that of another one, where these overlap least.

    The box holds all places whose relevance, summed over channels, is at least its mean plus ``spread`` standard deviations. The box of the other
    sample is moved. Events outside of both boxes are lost. The target is a distribution [classes], in proportion to the areas of the boxes,
    which ``torch.nn.functional.cross_entropy`` takes.

    Parameters
    ----------
    samples
        A data set of (x [T, …, H, W], class).
    maps
        The relevance of every place, [S, …, H, W] from 0 to 1, such as ``rv.measure.relevance(net, x).saliency()``.
    classes
        How many there are.
    share
        The probability of a mix.
    spread
        Standard deviations, at least 0: the larger, the smaller the box.

    Source: Sun et al., EventRPG, ICLR 2024.

    >>> samples = torch.utils.data.TensorDataset(torch.rand(8, 10, 2, 6, 6).round(), torch.arange(8))
    >>> x, y = rv.data.GuidedMix(samples, torch.rand(8, 2, 6, 6), classes=8)[0]
    >>> x.shape, float(y.sum())
    (torch.Size([10, 2, 6, 6]), 1.0)
    """

    def __init__(
        self, samples: Dataset[Any], maps: Tensor, *, classes: int, share: float = 0.5, spread: float = 1.0
    ) -> None:
        self.samples, self.maps = samples, _maps(samples, maps)
        if self.maps.ndim < 3:
            raise ShapeError(f"maps have shape {tuple(self.maps.shape)}; GuidedMix cuts boxes, so give [S, …, H, W].")
        _probability("share", share)
        if not isinstance(classes, int) or classes < 2:
            raise RanvierError(f"classes={classes!r}: give the number of classes, at least 2.")
        if not 0 <= spread < float("inf"):
            raise RanvierError(f"spread={spread} must be a number of standard deviations, at least 0.")
        self.classes, self.share, self.spread = classes, share, spread

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        x, own = self._sample(i)
        if float(torch.rand(())) >= self.share:
            return x, own
        k = int(torch.randint(len(self), ()))
        other, second = self._sample(k)
        (top, left, high, wide), (y0, x0, h, w) = self._box(i), self._box(k)
        y1, x1 = self._place((top, left, high, wide), (h, w))
        out = torch.zeros_like(x)
        out[..., top : top + high, left : left + wide] = x[..., top : top + high, left : left + wide]
        onto = out[..., y1 : y1 + h, x1 : x1 + w]
        onto.copy_(torch.maximum(onto, other[..., y0 : y0 + h, x0 : x0 + w]))
        part = high * wide / (high * wide + h * w)
        return out, part * own + (1 - part) * second

    def _sample(self, i: int) -> tuple[Tensor, Tensor]:
        x, y = self.samples[i]
        _fits(x, self.maps)
        label = int(y)
        if not 0 <= label < self.classes:
            raise RanvierError(f"sample {i} has class {label}, but classes={self.classes}: classes count from 0.")
        return x, torch.eye(self.classes)[label]

    def _box(self, i: int) -> tuple[int, int, int, int]:
        """Top, left, height and width of what is relevant in sample ``i``."""
        flat = self.maps[i].reshape(-1, *self.maps.shape[-2:]).sum(0)
        level = torch.minimum(flat.mean() + self.spread * flat.std(), flat.max())
        rows, columns = ((flat >= level).any(axis).nonzero().flatten() for axis in (1, 0))
        top, left = int(rows[0]), int(columns[0])
        return top, left, int(rows[-1]) - top + 1, int(columns[-1]) - left + 1

    def _place(self, box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int]:
        """Where a box of ``size`` overlaps ``box`` least, drawn from all such places."""
        top, left, high, wide = box
        (H, W), (h, w) = self.maps.shape[-2:], size
        ys, xs = torch.arange(H - h + 1)[:, None], torch.arange(W - w + 1)
        rows = (torch.clamp(ys + h, max=top + high) - torch.clamp(ys, min=top)).clamp(min=0)
        columns = (torch.clamp(xs + w, max=left + wide) - torch.clamp(xs, min=left)).clamp(min=0)
        least = (rows * columns == (rows * columns).min()).nonzero()
        y, x = least[int(torch.randint(len(least), ()))].tolist()
        return y, x


def _maps(samples: Any, maps: Any) -> Tensor:
    if not isinstance(maps, Tensor) or maps.ndim < 2:
        found = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise ShapeError(f"maps are {found}: give a tensor [S, …], one map for each sample.")
    if len(samples) != len(maps):
        raise ShapeError(f"there are {len(samples)} samples and {len(maps)} maps: give a map for each sample.")
    if not bool(((maps >= 0) & (maps <= 1)).all()):
        raise RanvierError(
            f"relevance lies from {float(maps.min()):g} to {float(maps.max()):g}: give 0 to 1, such as relevance(…).saliency()."
        )
    return maps


def _fits(x: Any, maps: Tensor) -> None:
    if not isinstance(x, Tensor) or x.shape[1:] != maps.shape[1:]:
        found = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ShapeError(f"a sample is {found}, its map has shape {tuple(maps.shape[1:])}: give samples [T, *map].")


def _probability(name: str, value: Any) -> None:
    if not is_number(value) or not 0 <= value <= 1:
        raise RanvierError(f"{name}={value!r}: give a probability.")
