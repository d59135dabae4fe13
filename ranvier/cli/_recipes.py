"""``ranvier recipes``: list the recipes, run one, write the table of papers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ranvier._files import make_folder
from ranvier.errors import RanvierError
from ranvier.recipes.form import Outcome
from ranvier.recipes.form.catalogue import find, listing, table
from ranvier.recipes.form.words import figures, sentences
from ranvier.recipes.parts.output import write
from ranvier.recipes.parts.say import say_state, say_written

__all__ = ["listed", "runner", "tabulated"]


def listed(json: bool = False) -> None:
    """List the recipes with their papers and states.

    Parameters
    ----------
    json
        Print a list of objects: name, papers, claim, state, evidence.
    """
    entries = listing()
    if json:
        sys.stdout.write(dumps([asdict(e) for e in entries], indent=1) + "\n")
        return
    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("recipe", "papers", "state", "claim"):
        shown.add_column(name, no_wrap=name == "recipe")
    for e in entries:
        shown.add_row(Text(e.name, "bold"), ", ".join(e.papers), e.state, Text(e.claim))
    Console().print(shown)


def tabulated(page: Path = Path("docs/papers.md")) -> None:
    """Write the table of papers, and the pages of committed outcomes anew from their files.

    Parameters
    ----------
    page
        The text before its table stays. The pages of outcomes lie beside it, in ``results``.
    """
    entries = listing()
    if not page.is_file():
        raise RanvierError(f"there is no page {str(page)!r}; give one with --page, or call this in a checkout.")
    pages = make_folder(page.parent / "results")
    for e in entries:
        if e.evidence:
            Outcome.read(find(e.name), Path(e.evidence)).write(pages)
    before = page.read_text(encoding="utf-8").partition("| id |")[0]
    write(page, before + table(entries))
    counts = {s: sum(e.state == s for e in entries) for s in sorted({e.state for e in entries})}
    Console().print(
        f"{page}: {len(entries)} recipes; {', '.join(f'{n} {s}' for s, n in counts.items())}", highlight=False
    )


def runner(name: str, words: Sequence[str]) -> Callable[..., None]:
    """The function behind ``ranvier recipes run NAME``, whose options are the recipe's settings."""
    recipe = find(name)
    quick = "--quick" in words
    given = {k: v for k, v in recipe.quick.items() if k != "seeds"} if quick else {}
    usual = tuple(recipe.quick.get("seeds", recipe.seeds) if quick else recipe.seeds)
    start = replace(recipe.settings, **given)

    def run(
        settings: Any = start, out: Path = Path("out"), seeds: tuple[int, ...] = usual, data: Path | None = None,
        quick: bool = False,
    ) -> None:  # fmt: skip
        """Run the recipe and write its page.

        Parameters
        ----------
        out
            Folder for the results; made if need be.
        seeds
            Of everything that is drawn.
        data
            Folder with data of your own, scored with the same settings.
        quick
            Take the quick setting: it shows in seconds that everything works, and decides nothing.
        """
        changed = {f.name: getattr(settings, f.name) for f in fields(settings)}
        base = replace(recipe.settings, **given)
        changed = {n: v for n, v in changed.items() if v != getattr(base, n)}
        own = None if seeds == usual else seeds
        outcome = recipe.run(out, quick=quick, seeds=own, data=data, progress=True, **changed)
        _say(outcome, out)

    run.__annotations__["settings"] = Annotated[type(recipe.settings), tyro.conf.arg(name="")]
    run.__annotations__ |= {
        "out": Path,
        "seeds": tuple[int, ...],
        "data": _data(recipe.takes),
        "quick": bool,
        "return": None,
    }
    return run


def _data(takes: str) -> Any:
    """The option ``--data`` as its help describes it."""
    return Annotated[Path | None, tyro.conf.arg(help=f"Folder with {takes}" if takes else "Not taken by this recipe.")]


def _say(outcome: Outcome, out: Path) -> None:
    console = Console()
    head, rows = figures(outcome)
    shown = Table(
        title=outcome.recipe.title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0),
        header_style="dim",
    )  # fmt: skip
    for k, name in enumerate(head):
        shown.add_column(Text(name), justify="right" if k else "left")
    for row in rows:
        shown.add_row(*map(Text, row))
    console.print(shown)
    for state, sentence in sentences(outcome):
        say_state(console, state, sentence)
    say_state(console, outcome.state, f"Together: {outcome.state}.")
    for arm, why in outcome.failures.items():
        console.print(Text(f"The baseline {arm!r} failed: {why}", "red"))
    say_written(console, out / f"{outcome.recipe.name}.html", outcome.seconds)
