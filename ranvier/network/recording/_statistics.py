"""Statistics of spikes, gathered while a network runs."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ranvier.errors import DimensionError, FileFormatError
from ranvier.network.recording._sums import Binned, Intervals, Lagged
from ranvier.network.stimuli.counts import count_of
from ranvier.units import UNITS, as_quantity
from ranvier.units.steps import nearest_steps, times_at, whole_steps

__all__ = ["Gatherer", "SpikeStatistics", "Statistics"]

_TIME = UNITS["ms"].dimension
#: an upper limit of every sum of a simulation
_MOST = 2**60


class SpikeStatistics:
    """Ask ``net.run`` for statistics of a population's spikes, gathered in bounded memory without keeping a spike.

    Parameters
    ----------
    after
        Leave out what comes before this time of the simulation; nothing where None.
    window
        Length of the counting windows of the Fano factor; about 100 ms, in whole steps, where None.
    bin
        Length of the counting bins for correlations and the branching ratio; about 5 ms, in whole steps, where None.
    cells
        Correlations are those of all pairs among so many cells, evenly spaced over the population.
    lags
        The branching ratio is fitted to correlations over 1 to so many bins.

    ``run["exc"].statistics`` is a :class:`Statistics`. Sums are whole numbers, so blocks and cuts do not change a bit.

    >>> run = net.run(1*second, record={"exc": [rv.SpikeStatistics(after=500*ms)]})
    >>> cv = run["exc"].statistics.cv
    """

    def __init__(
        self, *, after: Any = None, window: Any = None, bin: Any = None, cells: int = 200, lags: int = 20
    ) -> None:
        self.after, self.window, self.bin = (
            _time(value, name, default, least)
            for value, name, default, least in (
                (after, "after", 0.0, 0.0),
                (window, "window", 100.0, 1e-9),
                (bin, "bin", 5.0, 1e-9),
            )
        )
        self.unset = frozenset(n for n, v in (("after", after), ("window", window), ("bin", bin)) if v is None)
        self.cells, self.lags = (
            count_of(value, f"SpikeStatistics: {name}") for name, value in (("cells", cells), ("lags", lags))
        )

    def __repr__(self) -> str:
        return (
            f"SpikeStatistics(after={self.after:g} ms, window={self.window:g} ms, bin={self.bin:g} ms, "
            f"cells={self.cells}, lags={self.lags})"
        )


def _time(value: Any, name: str, default: float, least: float) -> float:
    if value is None:
        return default
    quantity = as_quantity(value)
    if quantity.dimension != _TIME or quantity.shape != () or not least <= float(quantity.value) < float("inf"):
        raise DimensionError(f"SpikeStatistics: {name}={value!r} must be a finite time, for example 5*ms.")
    return float(quantity.value)


class Gatherer:
    """Sums over spikes of ``size`` cells from step ``first`` on."""

    def __init__(self, asked: SpikeStatistics, size: int, dt: float, first: int) -> None:
        self.asked, self.size, self.dt = asked, size, dt
        self.origin = max(first, self._steps("after", 0))
        self.until = self.origin
        window, width = (self._steps(name, 1) for name in ("window", "bin"))
        self.chosen = np.unique(np.linspace(0, size - 1, min(asked.cells, size)).round().astype(np.int64))
        self.place = np.full(size, -1, np.int64)
        self.place[self.chosen] = np.arange(len(self.chosen))
        self.intervals = Intervals(size)
        self.windows = Binned(size, window, products=False)
        self.pairs = Binned(len(self.chosen), width, products=True)
        self.activity = Lagged(width, asked.lags)

    def _steps(self, name: str, least: int) -> int:
        time = getattr(self.asked, name)
        if name in self.asked.unset:  # 100 ms need not be a whole number of steps
            return max(least, int(nearest_steps(time, self.dt)))
        return whole_steps(time * UNITS["ms"], self.dt, f"SpikeStatistics: {name}", least)

    def take(self, step: np.ndarray, cell: np.ndarray, start: int, count: int) -> None:
        """Add the spikes of steps [start, start + count), in order of time."""
        end = start + count
        if end <= self.origin:
            return
        low = max(start, self.origin)
        kept = np.searchsorted(step, low)
        step, cell = step[kept:] - self.origin, cell[kept:]
        low, end = low - self.origin, end - self.origin
        self.intervals.add(step, cell)
        self.windows.add(step, cell, low, end)
        chosen = self.place[cell] >= 0
        self.pairs.add(step[chosen], self.place[cell[chosen]], low, end)
        self.activity.add(step, low, end)
        self.until = end + self.origin

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that has been gathered, to be stored."""
        out = {"until": np.array([self.until])}
        for name in ("intervals", "windows", "pairs", "activity"):
            out |= {f"{name}.{n}": v for n, v in vars(getattr(self, name)).items() if isinstance(v, np.ndarray)}
        return out

    def restore(self, arrays: dict[str, np.ndarray], step: int) -> None:
        """Go on from what :meth:`arrays` gave after step ``step``.

        Raises
        ------
        FileFormatError
            Where the arrays are not of this form.
        """
        own, elapsed = self.arrays(), max(step - self.origin, 0)
        for name in sorted(own.keys() | arrays.keys()):
            found = arrays.get(name)
            if found is None or name not in own or not _fits(name, found, own[name], elapsed, len(self.activity.sums)):
                what = "missing" if found is None else f"{found.dtype} {list(found.shape)}"
                raise FileFormatError(
                    f"the checkpoint's statistics {name!r} are {what} or hold impossible counts: it is damaged; start the "
                    f"run anew."
                )
        if int(arrays["until"][0]) != max(self.origin, step):
            raise FileFormatError(
                f"the checkpoint's statistics end at step {int(arrays['until'][0])} instead of {max(self.origin, step)}: it "
                f"is damaged; start the run anew."
            )
        self.until = int(arrays["until"][0])
        for path, value in arrays.items():
            if path != "until":
                name, _, field = path.partition(".")
                setattr(getattr(self, name), field, value.copy())


def _fits(name: str, found: np.ndarray, own: np.ndarray, elapsed: int, lags: int) -> bool:
    """Whether an array read back has the form of ``own``, and counts that so many steps can give."""
    shape = found.shape[:1] if name == "activity.recent" else own.shape  # of at most as many bins as there are lags
    if found.shape != shape or (name == "activity.recent" and len(found) > lags) or found.dtype != own.dtype:
        return False
    if not found.size:
        return True
    least, most = (-1, elapsed - 1) if name == "intervals.last" else (0, _MOST)
    return least <= int(found.min()) and int(found.max()) <= most


class Statistics:
    """What :class:`SpikeStatistics` gathered."""

    def __init__(self, sums: Gatherer) -> None:
        self._sums = sums

    @property
    def duration(self) -> float:
        """Time over which was gathered, ms."""
        return float(times_at(self._sums.until - self._sums.origin, self._sums.dt))

    @cached_property
    def rates(self) -> np.ndarray:
        """Firing rate of every cell, Hz [cells]; NaN where nothing was gathered."""
        seconds = self.duration / 1000
        return self._sums.intervals.spikes / seconds if seconds else np.full(self._sums.size, np.nan)

    @property
    def rate(self) -> float:
        """Mean firing rate, Hz."""
        return float(self.rates.mean())

    @cached_property
    def cvs(self) -> np.ndarray:
        """Coefficient of variation of the intervals of every cell [cells]; NaN with fewer than two intervals."""
        sums = self._sums.intervals
        many = sums.count > 1
        mean = np.divide(sums.total, sums.count, out=np.full(len(many), np.nan), where=many)
        # n*sum of squares - square of the sum is exact in Python's whole numbers and never negative
        spread = np.array(
            [
                n * q - t * t
                for n, q, t in zip(sums.count.tolist(), sums.squares.tolist(), sums.total.tolist(), strict=True)
            ],
            dtype=np.float64,
        )
        return np.sqrt(spread) / np.where(many, sums.count * mean, np.nan)

    @property
    def cv(self) -> float:
        """Mean coefficient of variation over the cells that have one; NaN where there are none."""
        known = self.cvs[~np.isnan(self.cvs)]
        return float(known.mean()) if known.size else float("nan")

    @cached_property
    def fano_factors(self) -> np.ndarray:
        """Variance over mean of the spike counts in windows [cells]; NaN for silent cells and fewer than two windows."""
        sums = self._sums.windows
        n = int(sums.bins[0])
        if n < 2:
            return np.full(self._sums.size, np.nan)
        mean = sums.total / n
        variance = (sums.squares - n * mean**2) / (n - 1)
        return np.divide(variance, mean, out=np.full(len(mean), np.nan), where=mean > 0)

    @property
    def fano(self) -> float:
        """Mean Fano factor over the cells that have one."""
        known = self.fano_factors[~np.isnan(self.fano_factors)]
        return float(known.mean()) if known.size else float("nan")

    @cached_property
    def correlations(self) -> np.ndarray:
        """Pearson correlations of the counts in bins, every pair of chosen cells that both varied [pairs]."""
        sums = self._sums.pairs
        n = int(sums.bins[0])
        if n < 2:
            return np.empty(0)
        covariance = n * sums.products - np.outer(sums.total, sums.total)
        spread = np.sqrt(np.diagonal(covariance).astype(np.float64))
        varied = spread > 0
        matrix = covariance[np.ix_(varied, varied)] / np.outer(spread[varied], spread[varied])
        return matrix[np.triu_indices(int(varied.sum()), 1)]

    @property
    def correlation(self) -> float:
        """Mean pairwise correlation; NaN where no pair varied."""
        return float(self.correlations.mean()) if self.correlations.size else float("nan")

    @cached_property
    def autocorrelation(self) -> np.ndarray:
        """Slope of the population's activity on itself 1, 2, … bins earlier [lags]; NaN where it cannot be known."""
        return self._sums.activity.slopes()

    @cached_property
    def branching_ratio(self) -> float:
        """Spikes that one spike leads to in the next bin, from slopes b*m**k over k bins, also where few cells are seen.

        Source: Wilting & Priesemann, Nature Communications 2018.
        """
        from scipy.optimize import curve_fit  # slow to import

        slopes = self.autocorrelation
        lags = np.arange(1, len(slopes) + 1)
        known = np.isfinite(slopes)
        if known.sum() < 3:
            return float("nan")
        try:
            found, _ = curve_fit(
                lambda k, b, m: b * m**k,
                lags[known],
                slopes[known],
                p0=(max(slopes[known][0], 0.01), 0.8),
                bounds=([0, 0], [np.inf, 1.5]),
            )
        except RuntimeError:  # the fit did not settle
            return float("nan")
        return float(found[1])

    def __repr__(self) -> str:
        parts = {
            "rate": f"{self.rate:.3g} Hz",
            "cv": f"{self.cv:.3g}",
            "fano": f"{self.fano:.3g}",
            "correlation": f"{self.correlation:.3g}",
        }
        return (
            f"Statistics({', '.join(f'{n}={v}' for n, v in parts.items())}, branching_ratio={self.branching_ratio:.3g})"
        )
