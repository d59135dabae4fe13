"""The frame of rules that give every pair of cells a probability of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial

import numpy as np

from ranvier.connectivity._all_to_all import AllToAll
from ranvier.connectivity._connectivity import ConnectivityError, Ends, RowRule
from ranvier.kernels.drawing import bernoulli_rows, counted_uniforms, row_uniforms
from ranvier.kernels.pool import run_tiles
from ranvier.kernels.tasks import RowDraw

__all__ = ["PairwiseRule"]

_TILE = 1 << 18  # pairs looked at together
_SAMPLE = 1 << 14


class PairwiseRule(RowRule):
    """Pairs are proposed with the largest probability and kept with the rest of their own (thinning), so the cost is that
    of the proposals, not of all pairs."""

    scratch = 4
    autapses: bool

    @abstractmethod
    def peak(self, ends: Ends) -> float:
        """A probability that no pair exceeds."""

    @abstractmethod
    def probability(self, ends: Ends, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
        """The probability of the pairs (pre, post)."""

    def drawn(self, ends: Ends, pre: np.ndarray, post: np.ndarray, uniforms: Callable[[int], np.ndarray]) -> np.ndarray:
        """The same where random numbers decide: ``uniforms(k)`` are the k-th ones of the pairs."""
        return self.probability(ends, pre, post)

    def per_row(self, ends: Ends) -> float:
        """About how many pairs of a row are looked at."""
        return self.peak(ends) * ends.choices(self.autapses)

    def expected(self, ends: Ends) -> int:
        """From a sample of pairs, four standard errors up."""
        pairs = ends.sizes[0] * ends.choices(self.autapses)
        if pairs == 0:
            return 0
        most = self.per_row(ends) * ends.sizes[0]
        drawn = counted_uniforms((0, 0), 2 * _SAMPLE).reshape(2, -1)
        pre, post = ((u * size).astype(np.int64) for u, size in zip(drawn, ends.sizes, strict=True))
        p = np.nan_to_num(np.clip(self.probability(ends, pre, post), 0.0, 1.0))
        return int(min(most, pairs * (p.mean() + 4 * p.std() / _SAMPLE**0.5)))

    def proposals(
        self, ends: Ends, key: tuple[int, int], first: int, stop: int
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Row pointer and targets of the pairs to look at, and the probability with which each was proposed."""
        peak, choices, barred = self.peak(ends), ends.choices(self.autapses), ends.barred(self.autapses)
        if peak <= 0 or choices == 0:
            return np.zeros(stop - first + 1, np.int64), np.empty(0, np.int32), 1.0
        if peak >= 1:
            return *AllToAll(autapses=self.autapses).rows(ends, key, first, stop), 1.0
        return *bernoulli_rows(RowDraw(key, first, choices, barred), stop - first, peak), peak

    def rows(self, ends: Ends, key: tuple[int, int], first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Proposals that a second number (stream 1) keeps."""
        at_once = max(1, int(_TILE / max(1.0, self.per_row(ends))))
        starts = range(first, stop, at_once)
        counts = np.zeros(stop - first + 1, np.int64)
        pieces: list[np.ndarray] = [np.empty(0, np.int32)] * len(starts)

        def task(i: int) -> None:
            low, high = starts[i], min(starts[i] + at_once, stop)
            pointer, target, proposed = self.proposals(ends, key, low, high)
            pre = np.repeat(np.arange(low, high), np.diff(pointer))
            streams = partial(self._uniforms, ends, key, low, pointer)
            p = self.drawn(ends, pre, target, streams)
            bad = ~((p >= 0) & (p <= proposed * (1 + 1e-12)))
            if bad.any():
                k = int(np.argmax(bad))
                raise ConnectivityError(
                    f"{self!r} gives {p[k]} as the probability of the pair ({pre[k]}, {target[k]}); it must lie from 0 to "
                    f"{proposed:g}, the largest it declares."
                )
            keep = row_uniforms(RowDraw(key, low, ends.sizes[1], stream=1), pointer) * proposed < p
            pieces[i] = target[keep]
            counts[low - first + 1 : high - first + 1] = np.bincount(pre[keep] - low, minlength=high - low)

        run_tiles(task, len(starts))
        return np.cumsum(counts), np.concatenate([np.empty(0, np.int32), *pieces])

    @staticmethod
    def _uniforms(ends: Ends, key: tuple[int, int], first: int, pointer: np.ndarray, k: int) -> np.ndarray:
        return row_uniforms(RowDraw(key, first, ends.sizes[1], stream=2 + k), pointer)
