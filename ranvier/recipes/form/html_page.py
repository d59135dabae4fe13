"""The page of an outcome as HTML, with the pictures of its first seed; it needs nothing else."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ranvier.recipes.form.expect import HOLDS, OPEN
from ranvier.recipes.form.words import command, expectations, figures, kept, settings
from ranvier.recipes.parts.html import code, document, figure, join, paragraph, section, table

if TYPE_CHECKING:
    from ranvier.recipes.form.outcome import Outcome

__all__ = ["html"]


def html(outcome: Outcome, work: Path) -> str:
    """The whole page; ``work`` is the folder that holds the pictures."""
    recipe = outcome.recipe
    plan = next((t.plan for t in outcome.trials if t.plan), ())
    body = join(
        [
            section("What was asked", paragraph(recipe.claim), paragraph(f"Source: {recipe.citation}.", "soft")),
            section("What came out", *_came_out(outcome, work)),
            section(
                "How it was computed", paragraph(f"Data. {recipe.data}"), paragraph(f"Scale. {recipe.scale}"),
                paragraph(f"Settings. {settings(outcome)}. {recipe.chosen}"),
                *(paragraph(f"{name}: {what}") for name, what in recipe.arms.items()), *map(paragraph, recipe.notes),
                *([code(recipe.equations)] if recipe.equations else []),
                *([table(("part", "task", "provider", "why"), plan, kind="plain")] if plan else []),
            ),
            section("How to reproduce it", code(command(outcome)), paragraph(kept(outcome), "soft")),
        ]
    )  # fmt: skip
    return document(f"Ranvier: {recipe.title}", f"{date.today():%d %B %Y}. {outcome.state.capitalize()}.", body)


def _came_out(outcome: Outcome, work: Path) -> list[str]:
    kinds = {HOLDS: "yes", OPEN: "soft"}
    said = [paragraph(f"{j.words}: {j.state}", kinds.get(j.state, "no")) for j in outcome.judged]
    failed = [paragraph(f"The baseline {arm!r} failed: {why}", "no") for arm, why in outcome.failures.items()]
    groups = [g for g in outcome.asked["groups"] if g]
    each = [table(*figures(outcome, g)) for g in groups]
    shown = [
        figure((work / name).read_text(encoding="utf-8"), caption)
        for t in outcome.trials
        for name, caption in t.pictures
        if (work / name).is_file()
    ]
    return [*said, table(*expectations(outcome)), *failed, table(*figures(outcome)), *each, *shown]
