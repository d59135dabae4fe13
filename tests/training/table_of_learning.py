"""Print the table of ``docs/rules.md`` that says how well each rule learns, from the committed outcome of the recipe.

``python -m tests.training.table_of_learning`` takes a second; ``ranvier recipes run learning_rules --out docs/results`` makes
the outcome.
"""

from __future__ import annotations

import math
import sys

from ranvier.recipes.form import Expect, Outcome
from ranvier.recipes.form.catalogue import find, results
from ranvier.recipes.learning_rules import CURRENTS, REFERENCE
from ranvier.recipes.parts.rule_tasks import IMAGES, PAIRS

__all__ = ["page"]

_HEAD = (
    f"| rule | {PAIRS}, % | beside its reference | {IMAGES}, % | beside its reference | epochs | cosine to BPTT |\n"
    "|---|---|---|---|---|---|---|"
)


def page() -> str:
    """A line for each arm: accuracies over seeds, and the paired difference to the reference with its interval of 95 %."""
    outcome = Outcome.read(find("learning_rules"), results() / "learning_rules.json")
    return "\n".join([_HEAD, *(_line(outcome, arm) for arm in outcome.recipe.arms)])


def _line(outcome: Outcome, arm: str) -> str:
    reference = CURRENTS if arm.endswith("currents") else REFERENCE
    cells = [f"`{arm}`" if arm.endswith(")") else arm]
    for task in (PAIRS, IMAGES):
        cells += [_spread(outcome, arm, task), _beside(outcome, arm, reference, task)]
    epochs = [outcome.mean(arm, f"{task}, epochs") for task in (PAIRS, IMAGES)]
    cells.append("–" if math.isnan(epochs[0]) else f"{epochs[0]:.0f}, {epochs[1]:.0f}")
    held = [t.values["cosine"] for t in outcome.trials if t.arm == arm and "cosine" in t.values]
    cells.append(f"{sum(held) / len(held):.2f}" if held else "–")
    return "| " + " | ".join(cells) + " |"


def _spread(outcome: Outcome, arm: str, task: str) -> str:
    values = [100 * t.values[task] for t in outcome.trials if t.arm == arm and task in t.values]
    if not values:
        return "–"
    mean = sum(values) / len(values)
    return f"{mean:.1f} ± {math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1)):.1f}"


def _beside(outcome: Outcome, arm: str, reference: str, task: str) -> str:
    found = Expect("", (arm, task), ">", (reference, task)).judge(outcome.trials)
    if arm == reference or not found.units:
        return "–"
    low, high = 100 * found.low, 100 * found.high
    return f"{100 * (found.left - found.right):+.1f} [{low:+.1f}, {high:+.1f}]"


if __name__ == "__main__":
    sys.stdout.write(page() + "\n")
