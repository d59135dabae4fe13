"""Counts of spikes by counting: a count depends on key and stream, sample, cell and step alone.

Each inverts its distribution function: the count is the number of k with P(count <= k) <= u, where u = (h + (w + 1/2) / 2^31) / 2^16.
The *half* h of a cell and its *word*, whose upper 31 bits are w, are numbers of Philox of their own. The word is drawn only where the
half leaves the count open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranvier.values.step_words import step_halves, words_at

__all__ = ["CountLaw", "counts"]

_COARSE, _FINE = 1 << 16, 1 << 31
_NEVER = _FINE // 2


@dataclass(frozen=True)
class CountLaw:
    """How many spikes a cell emits in a step.

    A cell counts k + 1 at least where its half, signed, exceeds number k of ``coarse``, or equals it while the upper 31 bits of its
    word, signed, reach number k of ``fine``. The pairs rise with k, and a chance is met to 2^-48.

    Attributes
    ----------
    coarse
        Int16 [steps or 1, counts, cells or 1].
    fine
        Int32 of the same shape.
    """

    coarse: np.ndarray
    fine: np.ndarray

    @property
    def steady(self) -> bool:
        """Whether the law is one for all steps."""
        return len(self.coarse) == 1

    @property
    def each(self) -> bool:
        """Whether cells differ."""
        return self.coarse.shape[2] > 1

    def most_expected(self, rows: slice, cells: int) -> float:
        """How many spikes so many cells emit on average in the steps ``rows``, at most; 2^-16 too many for each threshold of a cell."""
        coarse = self.coarse if self.steady else self.coarse[rows]
        mean = 0.5 * coarse.size - float(coarse.sum(dtype=np.int64)) / _COARSE
        return mean * (rows.stop - rows.start if self.steady else 1) * (1 if self.each else cells)

    @classmethod
    def of(cls, below: np.ndarray) -> CountLaw:
        """The law whose count is at most k with probability ``below`` [steps or 1, k, cells or 1]; at most all of k and one more."""
        least = np.ceil(below * (_COARSE * float(_FINE)) - 0.5)
        coarse = np.minimum(np.floor(least / _FINE), _COARSE - 1)
        fine = (least - coarse * _FINE - _NEVER).astype(np.int32)
        used = max(1, int((fine < _NEVER).any((0, 2)).sum()))
        return cls((coarse - _COARSE // 2).astype(np.int16)[:, :used], fine[:, :used])

    @classmethod
    def single(cls, chance: np.ndarray) -> CountLaw:
        """One spike with probability ``chance`` [steps or 1, cells or 1], or none."""
        return cls.of(1 - chance[:, None])

    @classmethod
    def poisson(cls, mean: np.ndarray) -> CountLaw:
        """Poisson-distributed counts of mean ``mean`` [steps or 1, cells or 1]; larger ones have a chance below 2^-40."""
        most = float(mean.max(initial=0.0))
        k = np.arange(int(most + 12 * np.sqrt(most) + 16))
        factorial = np.cumsum(np.log(np.maximum(k, 1)))
        with np.errstate(divide="ignore"):
            powers = k[:, None] * np.maximum(np.log(mean), -1e300)[:, None]
        below = np.exp(powers - mean[:, None] - factorial[:, None]).cumsum(1)
        return cls.of(below / below[:, -1:])

    def counted(self, key: tuple[int, int, int], step: int, row: int, cells: int, batch: int) -> np.ndarray:
        """Int32 counts [batch, cells] of a step, which is its step ``row``."""
        row = 0 if self.steady else row
        number = step_halves(key, step, cells, batch)
        out, left = np.zeros(number.shape, np.int32), np.zeros(number.shape, bool)
        for limit in self.coarse[row]:
            out += number > limit
            left |= number == limit
            if not (number >= limit).any():
                break
        sample, cell = np.nonzero(left)
        if len(cell):
            word = words_at(key, step, sample, cell).view(np.int32) >> np.int32(1)
            column, half = cell if self.each else 0, number[sample, cell]
            for coarse, fine in zip(self.coarse[row], self.fine[row], strict=True):
                out[sample, cell] += (half == coarse[column]) & (word >= fine[column])
        return out


def counts(law: CountLaw, key: tuple[int, int, int], first: int, steps: int, cells: int, batch: int = 1) -> np.ndarray:
    """Int32 counts [steps, batch, cells] of the steps first, first + 1, …; ``key`` ends with the stream."""
    out = np.empty((steps, batch, cells), np.int32)
    for n in range(steps):
        out[n] = law.counted(key, first + n, n, cells, batch)
    return out
