"""What a recipe found: shown in the terminal and written as one page that needs nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ranvier.network import Plan
from ranvier.recipes.parts import output
from ranvier.recipes.parts.html import code, document, figure, join, paragraph, section, table
from ranvier.recipes.parts.machine import device, versions
from ranvier.recipes.parts.say import say_verdicts, say_written
from ranvier.recipes.parts.verdicts import Verdict

__all__ = ["Outcome", "publish"]


@dataclass(frozen=True)
class Outcome:
    """A result.

    Attributes
    ----------
    name, title, question, source
        The recipe's own name; the heading; what was asked and expected; the publication.
    equations
        The cell.
    head, rows
        The figures as a table; the first column names the row.
    verdicts
        Expectations, and whether they hold.
    pictures
        (SVG, caption) each.
    plan
        Which kernel ran each part.
    notes
        How the numbers were made, a paragraph each.
    """

    name: str
    title: str
    question: str
    source: str
    equations: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    verdicts: Sequence[Verdict]
    pictures: Sequence[tuple[str, str]]
    plan: Plan
    notes: Sequence[str] = field(default_factory=tuple)


def publish(outcome: Outcome, out: Path, started: float) -> Path:
    """Print the figures, write ``out/NAME.html``, and the expectations to ``out/NAME.txt``.

    ``started`` is the ``time.perf_counter()`` of the beginning.
    """
    folder, seconds = output.prepare(out), time.perf_counter() - started
    said = [v.text if v.holds else f"**does not hold**: {v.text}" for v in outcome.verdicts]
    output.write(folder / f"{outcome.name}.txt", "\n".join(said) + "\n")
    path = output.write(folder / f"{outcome.name}.html", _page(outcome, seconds))
    console = Console()
    shown = Table(
        title=outcome.title,
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
    for k, name in enumerate(outcome.head):
        shown.add_column(name, justify="right" if k else "left", no_wrap=True)
    for row in outcome.rows:
        shown.add_row(*row)
    console.print(shown)
    say_verdicts(console, outcome.verdicts)
    say_written(console, path, seconds)
    return path


def _page(outcome: Outcome, seconds: float) -> str:
    found = [paragraph(v.text, "yes" if v.holds else "no") for v in outcome.verdicts]
    plan = [(c.part, c.task, c.provider, c.why) for c in outcome.plan.choices]
    body = join(
        [
            section("What was asked", paragraph(outcome.question), paragraph(f"Source: {outcome.source}.", "soft")),
            section(
                "What came out", *found, table(outcome.head, outcome.rows),
                *(figure(picture, caption) for picture, caption in outcome.pictures),
                paragraph(f"Building and simulating took {seconds:.0f} s.", "soft"),
            ),
            section(
                "How it was computed", *map(paragraph, outcome.notes), code(outcome.equations),
                table(("part", "task", "provider", "why"), plan, kind="plain"),
                *(paragraph(f"{text[:1].upper()}{text[1:]}.", "soft") for text in outcome.plan.remarks),
            ),
            section(
                "How to reproduce it", code(f"ranvier simulate {outcome.name}"),
                table(("package", "version"), versions().items(), kind="plain"), paragraph(f"Computed on: {device()}.", "soft"),
            ),
        ]
    )  # fmt: skip
    return document(f"Ranvier: {outcome.title}", f"{date.today():%d %B %Y}.", body)
