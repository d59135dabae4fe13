"""Counts of spikes by counting: a count depends on key and stream, sample, cell and step alone.

Each takes one 32-bit word of Philox and inverts its distribution function: u = (the word's upper 31 bits, taken as a signed number,
+ 2^30 + 1/2) / 2^31, and the count is the number of k with P(count <= k) <= u.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranvier.values._step_words import by_cell, step_words

__all__ = ["CountLaw", "counts"]

_BITS = 31
_NEVER = 1 << (_BITS - 1)


@dataclass(frozen=True)
class CountLaw:
    """How many spikes a cell emits in a step.

    Attributes
    ----------
    thresholds
        Int32 [steps or 1, counts, cells or 1]: a word whose upper 31 bits, signed, reach number k counts k + 1 at least. They
        rise with k; a chance is met to 2^-32.
    """

    thresholds: np.ndarray

    @property
    def each(self) -> bool:
        """Whether cells differ."""
        return self.thresholds.shape[2] > 1

    @classmethod
    def single(cls, chance: np.ndarray) -> CountLaw:
        """One spike with probability ``chance`` [steps or 1, cells or 1], or none."""
        return cls(_thresholds(1 - chance)[:, None])

    @classmethod
    def poisson(cls, mean: np.ndarray) -> CountLaw:
        """Poisson-distributed counts of mean ``mean`` [steps or 1, cells or 1]; larger ones have a chance below 2^-32."""
        most = float(mean.max(initial=0.0))
        k = np.arange(int(most + 12 * np.sqrt(most) + 16))
        factorial = np.cumsum(np.log(np.maximum(k, 1)))
        with np.errstate(divide="ignore"):
            powers = k[:, None] * np.maximum(np.log(mean), -1e300)[:, None]
        below = np.exp(powers - mean[:, None] - factorial[:, None]).cumsum(1)
        table = _thresholds(below)
        return cls(table[:, : max(1, int((table < _NEVER).any((0, 2)).sum()))])

    def counted(self, words: np.ndarray, row: int) -> np.ndarray:
        """Int32 counts of uint32 words [..., cells] in its step ``row``."""
        number = words.view(np.int32) >> np.int32(1)
        out = np.zeros(words.shape, np.int32)
        for limit in self.thresholds[row if len(self.thresholds) > 1 else 0]:
            reached = number >= limit
            if not reached.any():
                break
            out += reached
        return out


def _thresholds(below: np.ndarray) -> np.ndarray:
    """The least number whose u reaches ``below``."""
    return (np.ceil(below * 2.0**_BITS - 0.5) - _NEVER).astype(np.int32)


def counts(law: CountLaw, key: tuple[int, int, int], first: int, steps: int, cells: int, batch: int = 1) -> np.ndarray:
    """Int32 counts [steps, batch, cells] of the steps first, first + 1, …; ``key`` ends with the stream."""
    out = np.empty((steps, batch, cells), np.int32)
    for n, words in enumerate(step_words(key, first, steps, cells, batch)):
        out[n] = law.counted(by_cell(words, cells), n)
    return out
