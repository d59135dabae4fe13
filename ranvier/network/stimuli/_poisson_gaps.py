"""Random spikes of single trains, drawn as the gaps between them."""

from __future__ import annotations

import math

import numpy as np

from ranvier.kernels.drawing import counted_uniforms

__all__ = ["spikes_between"]

#: steps that are drawn at once, and the largest number of draws per cell in them
_EPOCH, _DRAWS = 1024, 4096


def spikes_between(
    first: int, count: int, chance: np.ndarray, key: tuple[int, int], stream: int, batch: int
) -> tuple[np.ndarray, np.ndarray]:
    """Step and place, sample*size + cell, of every spike in steps first, first + 1, …; ``chance`` [size] per step."""
    steps, places = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for epoch in range(first // _EPOCH, (first + count - 1) // _EPOCH + 1):
        start = epoch * _EPOCH
        step, place = _spikes_of_epoch(key, epoch, chance, stream, batch, min(first + count - start, _EPOCH))
        kept = step >= first - start
        steps.append(step[kept] + start)
        places.append(place[kept])
    return np.concatenate(steps), np.concatenate(places)


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
