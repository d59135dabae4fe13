"""The table of the delay recipe: mean over folds, then mean ± spread over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ranvier.recipes.parts.statistics import bare

__all__ = ["PICOJOULE", "Row", "table"]

#: Energy of one 32-bit floating-point addition in 45 nm (Horowitz, ISSCC 2014), in pJ; a synaptic operation is one.
PICOJOULE = 0.9


@dataclass(frozen=True)
class Row:
    """One training.

    Attributes
    ----------
    kind, fold, seed
        What was trained.
    valid, test
        Accuracies of the best epoch.
    whole
        Test accuracy with delays rounded to steps.
    parameters
        Trained numbers.
    given, fired
        Spikes per sample into the network and of its hidden cells.
    operations
        Synaptic operations per sample: spikes times fan-out.
    """

    kind: str
    fold: int
    seed: int
    valid: float
    test: float
    whole: float
    parameters: int
    given: float
    fired: float
    operations: float


def table(rows: Sequence[Row], folds: int) -> str:
    """Markdown: accuracies in per cent, one line per kind in the order of ``rows``; seeds with missing folds are left out."""
    lines = [
        "| | validation | test | test, delays on whole steps | parameters | spikes in | spikes hidden | operations | energy |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(row.kind for row in rows):
        own = [row for row in rows if row.kind == kind]
        seeds = [seed for seed in sorted({row.seed for row in own}) if sum(r.seed == seed for r in own) == folds]
        if not seeds:
            continue
        by_seed = {
            name: [float(np.mean([getattr(r, name) for r in own if r.seed == seed])) for seed in seeds]
            for name in ("valid", "test", "whole", "parameters", "given", "fired", "operations")
        }
        mean = {name: float(np.mean(values)) for name, values in by_seed.items()}
        accuracies = " | ".join(bare(by_seed[name]) for name in ("valid", "test", "whole"))
        if mean["parameters"]:
            cost = f"{mean['parameters']:,.0f} | {mean['given']:,.0f} | {mean['fired']:,.0f} | {mean['operations']:,.0f} | {mean['operations'] * PICOJOULE / 1000:.1f} nJ"
        else:
            cost = " | ".join(["–"] * 5)
        lines.append(f"| {kind} | {accuracies} | {cost} |")
    return "\n".join(lines) + "\n"
