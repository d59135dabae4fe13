"""All recipes with their state, and every paper with what stands for it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import ranvier
import ranvier.recipes
from ranvier._nearest import meant
from ranvier.errors import RanvierError
from ranvier.recipes.form.outcome import Outcome
from ranvier.recipes.form.recipe import Recipe

__all__ = ["Entry", "Paper", "find", "listing", "papers", "results", "table"]

#: states beside those of an outcome
NOT_RUN, CHANGED = "not yet run in this form", "changed since its last run"
OTHER_DATA = "measured on other data than it declares"


@dataclass(frozen=True)
class Entry:
    """A recipe in the list: ``evidence`` is the file of its last full run, or empty."""

    name: str
    papers: tuple[str, ...]
    claim: str
    state: str
    evidence: str


@dataclass(frozen=True)
class Paper:
    """A published method: ``module`` holds its mechanism, or is empty; ``recipe`` names the best evidence where there are several."""

    id: str
    title: str
    module: str
    recipe: str = ""


def find(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises
    ------
    RanvierError
        Where there is none.
    """
    known = ranvier.recipes.names
    if name not in known:
        raise RanvierError(f"there is no recipe {name!r}.{meant(name, known)} There are: {', '.join(known)}.")
    return import_module(f"ranvier.recipes.{name}").recipe


def results() -> Path:
    """The folder with the outcomes of full runs: part of an installed package, ``docs/results`` in a checkout."""
    package = Path(ranvier.__file__).parent
    packed = package / "recipes" / "results"
    return packed if packed.is_dir() else package.parent / "docs" / "results"


def listing(folder: Path | None = None) -> list[Entry]:
    """Every recipe with the state that its last full run gives it, judged anew by its declaration.

    A run with ``data=`` counts for the data of its user, not for the claim.
    """
    return [_entry(find(name), folder or results()) for name in ranvier.recipes.names]


def _entry(recipe: Recipe, folder: Path) -> Entry:
    path = folder / f"{recipe.name}.json"
    state, evidence = NOT_RUN, ""
    if path.is_file():
        outcome = Outcome.read(recipe, path)
        wanted = json.loads(json.dumps([asdict(recipe.settings), list(recipe.seeds)]))
        same = [outcome.asked["settings"], outcome.asked["seeds"]] == wanted
        arms = {t.arm for t in outcome.trials} == set(recipe.arms)
        state = OTHER_DATA if outcome.asked["data"] is not None else outcome.state if same and arms else CHANGED
        evidence = str(path)
    return Entry(recipe.name, tuple(recipe.papers), recipe.claim, state, evidence)


def papers() -> list[Paper]:
    """Every row of the list of papers."""
    text = files("ranvier.recipes").joinpath("papers.json").read_text(encoding="utf-8")
    return [Paper(**row) for row in json.loads(text)]


def table(entries: list[Entry]) -> str:
    """Markdown with one line for each paper: its recipes and their states, the best evidence first, or the module of its mechanism, or "not yet"."""
    lines = ["| id | paper | where | state |", "| --- | --- | --- | --- |"]
    for paper in papers():
        own = sorted((e for e in entries if paper.id in e.papers), key=lambda e: e.name != paper.recipe)
        module = f"`{paper.module}`" if paper.module else "not yet"
        where = ", ".join(f"recipe `{e.name}`" for e in own) or module
        state = "; ".join(e.state for e in own) or ("mechanism without a recipe" if paper.module else "not yet")
        lines.append(f"| {paper.id} | {paper.title} | {where} | {state} |")
    return "\n".join(lines) + "\n"
