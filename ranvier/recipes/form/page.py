"""The page of an outcome as Markdown; every number on it comes from the outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ranvier.recipes.form.words import command, expectations, figures, kept, settings

if TYPE_CHECKING:
    from ranvier.recipes.form.outcome import Outcome

__all__ = ["markdown"]


def markdown(outcome: Outcome) -> str:
    """The whole page."""
    recipe = outcome.recipe
    rows = f" ({', '.join(recipe.papers)})" if recipe.papers else ""
    parts = [
        f"# {recipe.title}", f"**State: {outcome.state}.**", f"**The claim**{rows}: {recipe.claim}", f"Source: {recipe.citation}.",
        "## What came out", _table(*expectations(outcome)), _how_judged(outcome),
        _table(*figures(outcome)), _spread(outcome), *_failures(outcome), *_by_group(outcome),
        "## What was run", f"**Data.** {recipe.data}", f"**Scale.** {recipe.scale}",
        f"**Settings.** {settings(outcome)}; seeds {', '.join(map(str, outcome.asked['seeds']))}. {recipe.chosen}",
        _arms("Methods", recipe.methods), _arms("Baselines", recipe.baselines), _arms("Controls", recipe.controls),
        *recipe.notes, "## Again", f"```bash\n{command(outcome)}\n```", kept(outcome),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _how_judged(outcome: Outcome) -> str:
    unit = outcome.recipe.unit
    wider = (
        f" Since {unit}s learn from one another's samples, its standard error is that of Nadeau & Bengio (Machine Learning 2003), with "
        f"{outcome.overlap:.2g} test samples for each training sample."
    )
    decides = all(expected.decides for expected in outcome.recipe.expected)
    beside = "" if decides else " Comparisons beside the claim are no part of it: the state does not depend on them."
    return (
        f"The difference is formed within each {unit} and averaged; its interval is Student's, p that of the one-sided t test."
        f"{wider if outcome.overlap else ''} An "
        'expectation holds where the whole interval lies on the expected side. The column "against" includes the factor and the addend of the expectation.'
        f"{beside}"
    )


def _spread(outcome: Outcome) -> str:
    seeds = len(outcome.asked["seeds"])
    return f"Means ± standard deviation over {seeds} seeds." if seeds > 1 else "One seed."


def _failures(outcome: Outcome) -> Iterable[str]:
    return (f"**The baseline {arm!r} failed:** {why}" for arm, why in outcome.failures.items())


def _by_group(outcome: Outcome) -> Iterable[str]:
    groups = [g for g in outcome.asked["groups"] if g]
    return (f"{outcome.recipe.unit.capitalize()} {g}:\n\n{_table(*figures(outcome, g))}" for g in groups)


def _arms(heading: str, arms: Mapping[str, str]) -> str:
    if not arms:
        return ""
    return f"**{heading}.** " + "; ".join(f"*{name}*: {what}" for name, what in arms.items()) + "."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)
