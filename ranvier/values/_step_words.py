"""The words of Philox that belong to the cells of a population in a step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ranvier.values._philox import philox

__all__ = ["CHUNK", "by_cell", "step_words"]

#: cells that share a run of counters: cell c takes part (c mod 32) // 8 of element 8 (c // 32) + c mod 8
CHUNK = 32
_LANES = 8


def step_words(key: tuple[int, int, int], first: int, steps: int, cells: int, batch: int) -> Iterator[np.ndarray]:
    """Uint32 words [4, batch, elements] of one step after the other; ``key`` ends with the stream.

    The counter holds element, sample, step and stream.
    """
    elements = -(-cells // CHUNK) * _LANES
    counter = np.zeros((batch, elements, 4), np.uint32)
    counter[..., 0] = np.arange(elements, dtype=np.uint32)
    counter[..., 1] = np.arange(batch, dtype=np.uint32)[:, None]
    counter[..., 3] = np.uint32(key[2])
    for n in range(steps):
        counter[..., 2] = np.uint32((first + n) & 0xFFFFFFFF)
        yield np.moveaxis(philox(counter, key[:2]), -1, 0)


def by_cell(parts: np.ndarray, cells: int) -> np.ndarray:
    """[batch, cells] of ``parts`` [4, batch, elements]."""
    four, batch, elements = parts.shape
    chunks = parts.reshape(four, batch, elements // _LANES, _LANES)
    return chunks.transpose(1, 2, 0, 3).reshape(batch, -1)[:, :cells]
