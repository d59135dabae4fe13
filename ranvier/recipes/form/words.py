"""The numbers and sentences of an outcome, as both of its pages write them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ranvier.recipes.form.expect import Expect, Judged
from ranvier.recipes.parts.statistics import spread

if TYPE_CHECKING:
    from ranvier.recipes.form.outcome import Outcome
    from ranvier.recipes.form.recipe import Recipe

__all__ = ["command", "expectations", "figures", "kept", "number", "sentences", "settings"]


def number(value: float, unit: str) -> str:
    """Three significant digits; a fraction in per cent with two places."""
    if not math.isfinite(value):
        return "–"
    if unit == "%":
        return f"{100 * value:.2f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def expectations(outcome: Outcome) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of expectations."""
    unit = outcome.recipe.unit
    head = ["expected", "outcome", "here", "against", "difference, 95 % interval", "p", f"{unit}s"]
    pairs = zip(outcome.recipe.expected, outcome.judged, strict=True)
    return head, [_row(outcome.recipe, expected, found) for expected, found in pairs]


def _row(recipe: Recipe, expected: Expect, found: Judged) -> list[str]:
    unit = recipe.measures.get(expected.left[1], "")
    sign = " %" if unit == "%" else f" {unit}" if unit else ""
    low, high = number(found.low, unit), number(found.high, unit)
    between = f"{number(found.left - found.right, unit)} [{low}, {high}]" if math.isfinite(found.low) else "–"
    p = "–" if not math.isfinite(found.p) else "< 0.001" if found.p < 0.001 else f"{found.p:.3f}"
    state = f"{found.state} ({found.why})" if found.why else found.state
    words = expected.words if expected.decides else f"beside the claim: {expected.words}"
    return [
        words, state, f"{number(found.left, unit)}{sign}", f"{number(found.right, unit)}{sign}", between, p,
        str(found.units),
    ]  # fmt: skip


def sentences(outcome: Outcome) -> list[tuple[str, str]]:
    """State and sentence of each expectation."""
    _, rows = expectations(outcome)
    return [
        (
            found.state,
            f"{row[0]}: {row[2]} against {row[3]}, difference {row[4]}" + (f" ({found.why})" if found.why else ""),
        )
        for row, found in zip(rows, outcome.judged, strict=True)
    ]


def figures(outcome: Outcome, group: str | None = None) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of arms: mean ± standard deviation over seeds, of all groups or of one."""
    recipe = outcome.recipe
    trials = [t for t in outcome.trials if group is None or t.group == group]
    names = [m for m in recipe.measures if any(m in t.values for t in trials)]
    head = ["", *(f"{m} ({recipe.measures[m]})" if recipe.measures[m] else m for m in names)]
    rows = []
    for arm in recipe.arms:
        row = [arm]
        for measure in names:
            by_seed: dict[int, list[float]] = {}
            for t in trials:
                if t.arm == arm and measure in t.values:
                    by_seed.setdefault(t.seed, []).append(t.values[measure])
            means = [math.fsum(x) / len(x) for x in by_seed.values()]
            row.append(_mean(means, recipe.measures[measure]))
        rows.append(row)
    return head, rows


def _mean(values: list[float], unit: str) -> str:
    if not values:
        return ""
    mean = number(math.fsum(values) / len(values), unit)
    return mean if len(values) < 2 else f"{mean} ± {number(spread(values), unit)}"


def settings(outcome: Outcome) -> str:
    """The settings of the run in one line."""
    return ", ".join(f"{name} {value}" for name, value in outcome.asked["settings"].items())


def command(outcome: Outcome) -> str:
    """The line that makes the outcome again."""
    words = ["ranvier recipes run", outcome.recipe.name]
    if outcome.asked["setting"] == "quick":
        return " ".join([*words, "--quick"])
    if outcome.asked["setting"] == "own":
        full = {f: getattr(outcome.recipe.settings, f) for f in outcome.asked["settings"]}
        for name, value in outcome.asked["settings"].items():
            if value != full[name] and value != list(full[name] if isinstance(full[name], tuple) else ()):
                words.append(f"--{name.replace('_', '-')} {value}")
        words.append(f"--seeds {' '.join(map(str, outcome.asked['seeds']))}")
        if outcome.asked["data"] is not None:
            words.append("--data FOLDER")
    return " ".join(words)


def kept(outcome: Outcome) -> str:
    """Where the outcome was computed."""
    versions = ", ".join(f"{name} {version}" for name, version in outcome.machine["versions"].items())
    minutes = outcome.seconds / 60
    spent = f"{minutes:.1f} minutes" if minutes >= 1 else f"{outcome.seconds:.0f} seconds"
    return f"{spent} of processor time on {outcome.machine['device']}; {versions}."
