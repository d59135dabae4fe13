"""An expectation of a recipe, and how measurements judge it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from scipy import stats

from ranvier.recipes.form.trial import Trial

__all__ = ["FAILS", "HOLDS", "OPEN", "Expect", "Judged", "State", "overall"]

State = Literal["holds", "does not hold here", "not decided at this scale"]
HOLDS: State = "holds"
FAILS: State = "does not hold here"
OPEN: State = "not decided at this scale"
#: arm and measure
Value = tuple[str, str]


@dataclass(frozen=True)
class Judged:
    """An expectation and what came out.

    Attributes
    ----------
    words, state
        The expectation in words; whether it holds.
    left, right
        Means over units of both sides, the right one with its factor and addend.
    low, high
        Interval of 95 % of the mean difference between left and right.
    p
        Of the one-sided t test that the difference has the expected sign; NaN where the units do not differ.
    units
        How many units were compared.
    why
        Why nothing is decided; empty otherwise.
    """

    words: str
    state: State
    left: float
    right: float
    low: float
    high: float
    p: float
    units: int
    why: str = ""


@dataclass(frozen=True)
class Expect:
    """``left`` lies above (``">"``) or below (``"<"``) ``times * right + plus``, on average over the units of the claim.

    ``left`` and ``right`` are pairs of arm and measure; ``right`` may be a number. The difference is formed within each
    unit (a seed, a speaker) and judged over units: Student's t interval of 95 % of the mean. The expectation holds where
    the whole interval lies on the expected side, and does not hold here where the whole interval lies on the other;
    else nothing is decided.

    Where ``decides`` is False the comparison stands beside the claim: it is judged and shown, and the state of the recipe does
    not depend on it.

    Units of a cross-validation learn from one another's samples, so that their differences vary together. Their standard
    error is √(1/n + overlap) standard deviations instead of √(1/n), where ``overlap`` is the number of test samples over
    that of training samples of a unit. Source: Nadeau & Bengio, Machine Learning 2003.

    >>> from ranvier.recipes.form import Expect
    >>> expected = Expect("learning helps", ("learned", "accuracy"), ">", ("fixed", "accuracy"))
    """

    words: str
    left: Value
    sign: Literal[">", "<"]
    right: Value | float
    times: float = 1.0
    plus: float = 0.0
    decides: bool = True

    def judge(self, trials: Sequence[Trial], unit: Literal["seed", "group"] = "seed", overlap: float = 0.0) -> Judged:
        """Compare both sides unit by unit; ``unit`` says whether seeds or groups are the units."""
        left, lost = _by_unit(trials, self.left, unit)
        if isinstance(self.right, tuple):
            right, also = _by_unit(trials, self.right, unit)
            lost = lost or also
        else:
            right = dict.fromkeys(left, float(self.right))
        units = sorted(left.keys() & right.keys())
        against = {u: self.times * right[u] + self.plus for u in units}
        if not units:
            nan = math.nan
            return Judged(self.words, OPEN, nan, nan, nan, nan, nan, 0, lost or "nothing was measured")
        means = fmean(left[u] for u in units), fmean(against[u] for u in units)
        direction = 1 if self.sign == ">" else -1
        ahead = [direction * (left[u] - against[u]) for u in units]
        low, high, p = _interval(ahead, overlap)
        state, why = OPEN, "the interval holds both signs"
        alone = sorted(map(str, left.keys() ^ right.keys()))
        if lost:
            why = lost
        elif alone:
            why = f"{unit} {', '.join(alone)} was measured on one side alone"
        elif not all(map(math.isfinite, ahead)):
            why = "a value is not finite"
        elif len(units) < 2:
            why = "one unit has no spread"
        elif low > 0:
            state, why = HOLDS, ""
        elif high < 0 or (low == high == 0):
            state, why = FAILS, ""
        ends = (low, high) if direction > 0 else (-high, -low)
        return Judged(self.words, state, *means, *ends, p, len(units), why)


def overall(judged: Sequence[Judged]) -> State:
    """The state of a recipe: its expectations together."""
    states = {j.state for j in judged}
    return FAILS if FAILS in states else OPEN if OPEN in states else HOLDS


def _by_unit(trials: Sequence[Trial], value: Value, unit: Literal["seed", "group"]) -> tuple[Mapping[Any, float], str]:
    """The mean of a measure for each unit, and why it is not complete."""
    arm, measure = value
    own = [t for t in trials if t.arm == arm]
    failed = [t.failed for t in own if t.failed]
    held: dict[Any, list[float]] = {}
    for t in own:
        if measure in t.values:
            held.setdefault(getattr(t, unit), []).append(t.values[measure])
    return {u: fmean(x) for u, x in held.items()}, f"{arm} failed: {failed[0]}" if failed else ""


def _interval(ahead: Sequence[float], overlap: float) -> tuple[float, float, float]:
    """Ends of the 95 % interval of the mean, and the p value of a mean above 0."""
    if len(ahead) < 2 or not all(map(math.isfinite, ahead)):
        return math.nan, math.nan, math.nan
    if max(ahead) == min(ahead):
        return ahead[0], ahead[0], math.nan
    low, high = map(float, stats.ttest_1samp(ahead, 0.0).confidence_interval(0.95))
    found = stats.ttest_1samp(ahead, 0.0, alternative="greater")
    if not overlap:
        return low, high, float(found.pvalue)
    wider = math.sqrt(1 + len(ahead) * overlap)
    mean, half = (low + high) / 2, (high - low) / 2 * wider
    return mean - half, mean + half, float(stats.t.sf(float(found.statistic) / wider, len(ahead) - 1))
