"""Running sums over spikes, in whole numbers: the same however the steps are cut into blocks."""

from __future__ import annotations

import numpy as np

__all__ = ["Binned", "Intervals", "Lagged"]


class Intervals:
    """Per cell: spikes, and number, sum and sum of squares of the intervals between them, in steps."""

    def __init__(self, size: int) -> None:
        self.last = np.full(size, -1, np.int64)
        self.spikes, self.count, self.total, self.squares = (np.zeros(size, np.int64) for _ in range(4))

    def add(self, step: np.ndarray, cell: np.ndarray) -> None:
        """Add spikes in order of time."""
        if not len(step):
            return
        order = np.argsort(cell, kind="stable")
        step, cell = step[order], cell[order]
        first = np.concatenate([[True], cell[1:] != cell[:-1]])
        before = np.where(first, self.last[cell], np.concatenate([[0], step[:-1]]))
        known = before >= 0
        interval, who = (step - before)[known], cell[known]
        self.spikes += np.bincount(cell, minlength=len(self.last))
        self.count += np.bincount(who, minlength=len(self.last))
        np.add.at(self.total, who, interval)
        np.add.at(self.squares, who, interval**2)
        self.last[cell[np.concatenate([first[1:], [True]])]] = step[np.concatenate([first[1:], [True]])]


class Binned:
    """Counts in bins of ``width`` steps: their number, sum, and sum of squares or of products of all pairs."""

    def __init__(self, size: int, width: int, products: bool) -> None:
        self.width = width
        self.open = np.zeros(size, np.int64)
        self.bins, self.total, self.squares = np.zeros(1, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64)
        self.products = np.zeros((size, size) if products else (0, 0), np.int64)

    def add(self, step: np.ndarray, who: np.ndarray, low: int, end: int) -> None:
        """Add the spikes of steps [low, end)."""
        counts, self.open = _binned(step, who, low, end, self.width, self.open)
        self.bins = self.bins + len(counts)
        self.total = self.total + counts.sum(0)
        self.squares = self.squares + (counts**2).sum(0)
        if self.products.size:
            wide = counts.astype(np.float64)  # exact: far below 2**53
            self.products = self.products + (wide.T @ wide).astype(np.int64)


class Lagged:
    """Activity of all cells together in bins of ``width`` steps, and its products with itself up to ``lags`` bins earlier."""

    def __init__(self, width: int, lags: int) -> None:
        self.width = width
        self.open, self.recent = np.zeros(1, np.int64), np.zeros(0, np.int64)
        self.sums = np.zeros((lags, 5), np.int64)  # pairs, sum early, sum late, sum early², sum early*late

    def add(self, step: np.ndarray, low: int, end: int) -> None:
        """Add the spikes of steps [low, end)."""
        counts, self.open = _binned(step, np.zeros(len(step), np.int64), low, end, self.width, self.open)
        if not len(counts):
            return
        series, known = np.concatenate([self.recent, counts[:, 0]]), len(self.recent)
        sums = self.sums.copy()
        for k in range(1, len(sums) + 1):
            late = series[max(known, k) :]
            early = series[max(known, k) - k : len(series) - k]
            if len(late):
                sums[k - 1] += (len(late), early.sum(), late.sum(), early @ early, early @ late)
        self.sums, self.recent = sums, series[-len(sums) :]

    def slopes(self) -> np.ndarray:
        """Of the later on the earlier activity, per lag."""
        n, early, late, square, product = (self.sums[:, k].astype(np.float64) for k in range(5))
        variance = n * square - early**2
        return np.divide(
            n * product - early * late, variance, out=np.full(len(n), np.nan), where=(n > 2) & (variance > 0)
        )


def _binned(
    step: np.ndarray, who: np.ndarray, low: int, end: int, width: int, opened: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Counts of the bins that end in [low, end), and of the one still open; ``opened`` has the counts before low."""
    size, first = len(opened), low // width
    bins = (end - 1) // width - first + 1 if end > low else 0
    if not bins:
        return np.zeros((0, size), np.int64), opened
    counts = np.bincount((step // width - first) * size + who, minlength=bins * size).reshape(bins, size)
    counts[0] += opened
    return (counts, np.zeros(size, np.int64)) if end % width == 0 else (counts[:-1], counts[-1].copy())
