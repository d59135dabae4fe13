"""The words and the halves of words of Philox that belong to the cells of a population in a step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ranvier.values._philox import philox

__all__ = ["CHUNK", "HALVES", "by_cell", "step_halves", "step_words", "words_at"]

#: cells that share a run of counters: cell c takes part (c mod 32) // 8 of element 8 (c // 32) + c mod 8
CHUNK = 32
_LANES = 8
#: element of the first counter of halves: cell c takes half c mod 8 of element HALVES + c // 8
HALVES, _EACH = 1 << 31, 8


def step_words(key: tuple[int, int, int], first: int, steps: int, cells: int, batch: int) -> Iterator[np.ndarray]:
    """Uint32 words [4, batch, elements] of one step after the other; ``key`` ends with the stream.

    The counter holds element, sample, step and stream.
    """
    elements = np.arange(-(-cells // CHUNK) * _LANES)
    for n in range(steps):
        yield np.moveaxis(_drawn(key, first + n, elements, np.arange(batch)[:, None]), -1, 0)


def by_cell(parts: np.ndarray, cells: int) -> np.ndarray:
    """[batch, cells] of ``parts`` [4, batch, elements]."""
    four, batch, elements = parts.shape
    chunks = parts.reshape(four, batch, elements // _LANES, _LANES)
    return chunks.transpose(1, 2, 0, 3).reshape(batch, -1)[:, :cells]


def step_halves(key: tuple[int, int, int], step: int, cells: int, batch: int) -> np.ndarray:
    """Int16 [batch, cells]: half a word for each cell in a step."""
    elements = HALVES + np.arange(-(-cells // _EACH))
    words = _drawn(key, step, elements, np.arange(batch)[:, None])
    return words.astype("<u4").view("<i2").reshape(batch, -1)[:, :cells]


def words_at(key: tuple[int, int, int], step: int, sample: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Uint32 words of single cells of samples in a step: those of :func:`step_words`."""
    parts = _drawn(key, step, cell // CHUNK * _LANES + cell % _LANES, sample)
    return parts[np.arange(len(cell)), cell % CHUNK // _LANES]


def _drawn(key: tuple[int, int, int], step: int, element: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Uint32 words [..., 4] of the elements of samples in a step."""
    element, sample = np.broadcast_arrays(element, sample)
    counter = np.empty((*element.shape, 4), np.uint32)
    counter[..., 0], counter[..., 1] = element, sample
    counter[..., 2], counter[..., 3] = np.uint32(step & 0xFFFFFFFF), np.uint32(key[2])
    return philox(counter, key[:2])
