"""Poisson-distributed counts by counting: a count depends on key and stream, sample, cell and step alone.

Each takes one 32-bit word of Philox. With one mean for all cells, the alias method (A. J. Walker, *ACM Trans. Math. Softw.* 3,
1977): the word's upper bits choose a column, its lower bits one of the two counts that share the column.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ranvier.values._philox import philox

__all__ = ["CHUNK", "PoissonLaw", "poisson_counts", "poisson_counts_each"]

#: cells that share a run of counters: cell c takes word (c mod 32) // 8 of element 8 (c // 32) + c mod 8
CHUNK = 32
_LANES = 8


@dataclass(frozen=True)
class PoissonLaw:
    """A Poisson distribution as an alias table.

    Attributes
    ----------
    shift
        A word's bits above it name the column.
    threshold, other
        Int32 [columns]: a word whose lower bits, unsigned, are below the threshold counts its column, else ``other``.
    """

    shift: int
    threshold: np.ndarray
    other: np.ndarray

    @classmethod
    def of(cls, mean: float) -> PoissonLaw:
        """The law of mean ``mean``; what lies beyond the table has a chance below 2^-32."""
        from scipy.special import gammaln, xlogy  # slow to import

        bits = max(5, math.ceil(math.log2(mean + 12 * math.sqrt(mean) + 16)))
        columns = 1 << bits
        k = np.arange(columns)
        chance = np.exp(xlogy(k, mean) - mean - gammaln(k + 1))
        chance = chance / chance.sum() * columns
        other = np.arange(columns)
        small, large = ([int(k) for k in np.flatnonzero(side)] for side in (chance < 1, chance >= 1))
        while small and large:
            low, high = small.pop(), large[-1]
            other[low] = high
            chance[high] -= 1 - chance[low]
            if chance[high] < 1:
                small.append(large.pop())
        threshold = np.minimum(np.rint(chance * 2.0 ** (32 - bits)), 2.0 ** (32 - bits))
        return cls(32 - bits, threshold.astype(np.int64).astype(np.int32), other.astype(np.int32))

    def counts(self, words: np.ndarray) -> np.ndarray:
        """Int32 counts of uint32 words."""
        column = (words >> np.uint32(self.shift)).astype(np.int64)
        rest = words & np.uint32((1 << self.shift) - 1)
        return np.where(rest < self.threshold[column].astype(np.uint32), column, self.other[column]).astype(np.int32)


def poisson_counts(
    law: PoissonLaw, key: tuple[int, int, int], first: int, steps: int, cells: int, batch: int = 1
) -> np.ndarray:
    """Int32 counts [steps, batch, cells] of the steps first, first + 1, …; ``key`` ends with the stream."""
    out = np.empty((steps, batch, cells), np.int32)
    for row, words in zip(out, _words(key, first, steps, cells, batch), strict=True):
        row[:] = law.counts(words)
    return out


def poisson_counts_each(
    means: np.ndarray, key: tuple[int, int, int], first: int, steps: int, batch: int = 1
) -> np.ndarray:
    """Int32 counts [steps, batch, cells] where every cell has a mean of its own, by inverting its distribution function."""
    from scipy.special import pdtr  # slow to import

    most, cell = float(means.max()), np.arange(len(means))
    columns = int(most + 12 * math.sqrt(most) + 20)
    # one ascending table for all: the fractions of cell i lie between i and i + 1
    table = (pdtr(np.arange(columns), means[:, None]) + cell[:, None]).ravel()
    out = np.empty((steps, batch, len(means)), np.int32)
    for row, words in zip(out, _words(key, first, steps, len(means), batch), strict=True):
        row[:] = np.searchsorted(table, (words + 0.5) * 2.0**-32 + cell) - cell * columns
    return out


def _words(key: tuple[int, int, int], first: int, steps: int, cells: int, batch: int) -> Iterator[np.ndarray]:
    """Uint32 words [batch, cells] of one step after the other."""
    chunks = -(-cells // CHUNK)
    counter = np.zeros((batch, chunks * _LANES, 4), np.uint32)
    counter[..., 0] = np.arange(chunks * _LANES, dtype=np.uint32)
    counter[..., 1] = np.arange(batch, dtype=np.uint32)[:, None]
    counter[..., 3] = np.uint32(key[2])
    for n in range(steps):
        counter[..., 2] = np.uint32((first + n) & 0xFFFFFFFF)
        words = philox(counter, key[:2]).reshape(batch, chunks, _LANES, 4)
        yield words.transpose(0, 1, 3, 2).reshape(batch, -1)[:, :cells]
