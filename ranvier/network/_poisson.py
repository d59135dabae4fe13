"""Independent random spikes, drawn as the gaps between them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.errors import DimensionError, ShapeError
from ranvier.kernels.drawing import counted_uniforms
from ranvier.network._counts import count_of
from ranvier.network._sources import Source
from ranvier.units import UNITS, as_quantity
from ranvier.values import flag, key_of

if TYPE_CHECKING:
    from ranvier.network._network import Network

__all__ = ["Poisson"]

_RATE = UNITS["Hz"].dimension
#: steps that a source draws at once, and the largest number of draws per cell in them
_EPOCH, _DRAWS = 1024, 4096


class Poisson(Source):
    """Independent random spikes: in every step each cell fires with probability rate*dt.

    Every sample of a batch and every call gets spikes of its own. They depend on the network's seed, the name of the
    source, the call's ``stream``, the sample, the cell and the step alone, not on threads or cuts.

    Parameters
    ----------
    rate
        One rate, or one per cell.
    size
        Number of cells.
    frozen
        Give all samples and all calls the same spikes.

    >>> background = net.source("background", rv.Poisson(8*Hz, 1000))
    """

    single = True

    def __init__(self, rate: Any, size: int, *, frozen: bool = False) -> None:
        size = count_of(size, "Poisson: size")
        quantity = as_quantity(rate)
        if quantity.dimension != _RATE:
            raise DimensionError(
                f"Poisson: rate={rate!r} has dimension {quantity.dimension}; give a rate, for example 8*Hz."
            )
        value = quantity.value
        values = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value, np.float64)
        if values.shape not in ((), (size,)):
            raise ShapeError(f"Poisson: rate has shape {values.shape}; give one rate, or one for each of {size} cells.")
        if not np.isfinite(values).all() or (values < 0).any():
            raise DimensionError(f"Poisson: rate={rate!r} holds a negative or non-finite value; a rate is 0 or more.")
        self.rate, self.shape, self.frozen = values, (size,), flag(frozen, "Poisson: frozen")

    def block(self, first: int, count: int, net: Network) -> torch.Tensor:
        return self.draw(first, count, net, 0, 1)

    def draw(self, first: int, count: int, net: Network, stream: int, batch: int) -> torch.Tensor:
        out = torch.zeros(count, batch, self.shape[0], dtype=net.dtype)
        step, place = self._spikes(first, count, net, stream, batch)
        out.flatten(1)[torch.from_numpy(step - first), torch.from_numpy(place)] = 1
        return out.to(net.device)

    def spikes(self, first: int, count: int, net: Network, stream: int = 0) -> tuple[np.ndarray, np.ndarray]:
        return self._spikes(first, count, net, self.stream_for(stream), 1)

    def _spikes(self, first: int, count: int, net: Network, stream: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """Step and place, sample*size + cell, of every spike."""
        chance = self.rate * net.dt
        if chance.max() > 1:
            raise DimensionError(
                f"Poisson: {chance.max():g} spikes per cell and step of {net.dt:g} ms; a cell fires at most once in a step: lower the rate or dt."
            )
        name = next((n for n, source in net.sources.items() if source is self), "")
        key, chance = key_of(net.seed, f"{name}.poisson"), np.broadcast_to(chance, self.shape)
        steps, places = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for epoch in range(first // _EPOCH, (first + count - 1) // _EPOCH + 1):
            start = epoch * _EPOCH
            step, place = _spikes_of_epoch(key, epoch, chance, stream, batch, min(first + count - start, _EPOCH))
            kept = step >= first - start
            steps.append(step[kept] + start)
            places.append(place[kept])
        return np.concatenate(steps), np.concatenate(places)

    def __repr__(self) -> str:
        frozen = ", frozen=True" if self.frozen else ""
        return f"Poisson({self.rate.mean() * 1000:g} Hz, size={self.shape[0]}{frozen})"


def _spikes_of_epoch(
    key: tuple[int, int], epoch: int, chance: np.ndarray, stream: int, batch: int, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Spikes (step, sample*size + cell) in the first ``steps`` of an epoch: the gaps between them are geometric.

    A cell forgets at every step when it last fired, so each epoch may begin afresh and needs no other.
    """
    size, cells = chance.size, np.flatnonzero(chance > 0)
    likely = float(chance.max(initial=0.0)) * steps
    draws = int(likely + 2 * math.sqrt(likely) + 2)  # cells that need more draw again
    with np.errstate(divide="ignore", over="ignore"):
        scale = 1 / np.log1p(-chance[cells])
    place = (np.arange(batch)[:, None] * size + cells).reshape(-1)
    scale, last = np.tile(scale, batch), np.full(place.size, -1, dtype=np.int64)
    when, who, drawn = [], [], 0
    while place.size:
        u = _numbers(key, place, size, draws, (epoch * _DRAWS + drawn) * size, stream)
        gap = np.minimum(np.log(u) * scale, _EPOCH)  # a longer one ends in no other way, and may not fit an int64
        fired = last + np.cumsum(gap.astype(np.int64) + 1, axis=0)
        row, column = np.nonzero(fired < steps)
        when.append(fired[row, column])
        who.append(place[column])
        going = fired[-1] < steps
        place, scale, last, drawn = place[going], scale[going], fired[-1][going], drawn + draws
        draws = 1 + int(math.sqrt(likely))  # few are left, and need few
    return np.concatenate([*when, np.empty(0, np.int64)]), np.concatenate([*who, np.empty(0, np.int64)])


def _numbers(key: tuple[int, int], place: np.ndarray, size: int, draws: int, start: int, stream: int) -> np.ndarray:
    """Numbers [draws, places] from element ``start`` on: draw d of a cell is d*size + cell further, by its sample."""
    pieces, first, last = [], int(place[0]) // size, int(place[-1]) // size  # places ascend
    bounds = np.searchsorted(place, np.arange(first, last + 2) * size)
    for k, low, high in zip(range(first, last + 1), bounds[:-1], bounds[1:], strict=True):
        if low < high:
            drawn = counted_uniforms(key, draws * size, step=k, stream=stream, start=start).reshape(draws, size)
            pieces.append(drawn if high - low == size else drawn[:, place[low:high] - k * size])
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, 1)
