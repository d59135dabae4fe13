"""What was expected, and whether it came out: the same sentences on the page and in the terminal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranvier.recipes.parts.coba import CircuitResult
from ranvier.recipes.parts.digits import DigitsResult
from ranvier.recipes.parts.statistics import bare, percent, spread

__all__ = ["Verdict", "verdicts"]

_WANTED = 0.98


@dataclass(frozen=True)
class Verdict:
    """One expectation: the sentence, and whether it holds."""

    holds: bool
    text: str


def verdicts(digits: DigitsResult, circuit: CircuitResult) -> tuple[Verdict, ...]:
    """The three expectations of the demonstration, each against what was computed."""
    mean, gain = float(digits.test.mean()), digits.test - digits.baseline
    margin = spread(gain)
    enough = (
        Verdict(
            float(gain.mean()) > margin,
            f"{bare(gain)} percentage points above logistic regression, seed by seed on the same images",
        )
        if np.isfinite(margin)
        else Verdict(
            float(gain.mean()) > 0, f"{bare(gain)} percentage points above logistic regression; one seed has no spread"
        )
    )
    alive = len(circuit.close["exc"].spikes) > 0
    return (
        Verdict(mean >= _WANTED, f"mean test accuracy {percent(mean)}; {percent(_WANTED, 0)} was asked for"),
        enough,
        Verdict(
            alive,
            f"the circuit {'sustains its' if alive else 'lost its'} activity without input, {circuit.rate:.1f} Hz on average",
        ),
    )
