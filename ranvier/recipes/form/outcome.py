"""The result of a run of a recipe: judged by its declaration, written as JSON and as a page."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ranvier.errors import RanvierError
from ranvier.recipes.form.expect import Judged, State, overall
from ranvier.recipes.form.trial import Trial, plain, trial
from ranvier.recipes.parts import output

if TYPE_CHECKING:
    from ranvier.recipes.form.recipe import Recipe

__all__ = ["Outcome"]


@dataclass(frozen=True)
class Outcome:
    """Trials of a recipe.

    Attributes
    ----------
    recipe
        The declaration that judges them.
    trials
        One for each arm, seed and group.
    asked
        Settings, seeds, groups, data, and ``setting``: ``"full"``, ``"quick"`` or ``"own"``.
    machine
        Device and versions.
    """

    recipe: Recipe
    trials: Sequence[Trial]
    asked: Mapping[str, Any]
    machine: Mapping[str, Any]

    @cached_property
    def judged(self) -> tuple[Judged, ...]:
        """Every expectation of the declaration, and whether it holds."""
        unit = "group" if self.recipe.groups else "seed"
        return tuple(expected.judge(self.trials, unit, self.overlap) for expected in self.recipe.expected)

    @property
    def overlap(self) -> float:
        """That of the recipe; a user's own data are learnt from in no unit, so that theirs is 0."""
        return 0.0 if self.asked["data"] else self.recipe.overlap

    @property
    def state(self) -> State:
        """``"holds"``, ``"does not hold here"`` or ``"not decided at this scale"``.

        A quick run decides nothing, whatever its seeds and settings: it shows that everything works.
        """
        decisive = [j for e, j in zip(self.recipe.expected, self.judged, strict=True) if e.decides]
        return "not decided at this scale" if self.asked["setting"] == "quick" else overall(decisive)

    @property
    def seconds(self) -> float:
        """Processor time of all trials."""
        return math.fsum(t.seconds for t in self.trials)

    @property
    def failures(self) -> dict[str, str]:
        """Baselines that gave no numbers, and why."""
        return {t.arm: t.failed for t in reversed(self.trials) if t.failed}

    def mean(self, arm: str, measure: str) -> float:
        """The mean of a measure of one arm over its trials; NaN where there is none."""
        held = [t.values[measure] for t in self.trials if t.arm == arm and measure in t.values]
        return fmean(held) if held else math.nan

    def write(self, folder: Path, work: Path | None = None) -> None:
        """Write ``NAME.json`` and ``NAME.md`` into ``folder``, and ``NAME.html`` where ``work`` holds pictures."""
        from ranvier.recipes.form.html_page import html
        from ranvier.recipes.form.page import markdown

        name = self.recipe.name
        output.write(folder / f"{name}.json", json.dumps(self.record(), indent=1, allow_nan=False) + "\n")
        output.write(folder / f"{name}.md", markdown(self))
        if work is not None:
            output.write(folder / f"{name}.html", html(self, work))

    def record(self) -> dict[str, Any]:
        """The outcome as JSON has it: what was asked, measured and judged."""
        return {
            "recipe": self.recipe.name, "papers": list(self.recipe.papers), "claim": self.recipe.claim, "state": self.state,
            "expectations": [{n: _number(v) for n, v in asdict(j).items()} for j in self.judged],
            "asked": dict(self.asked), "machine": dict(self.machine),
            "trials": [{**plain(t), "plan": [], "pictures": []} for t in self.trials],
        }  # fmt: skip

    @classmethod
    def read(cls, recipe: Recipe, path: Path) -> Outcome:
        """The outcome in a file, judged anew by the declaration.

        Raises
        ------
        RanvierError
            Where the file holds no outcome of this recipe.
        """
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["recipe"] != recipe.name:
                raise RanvierError(f"{path} holds the outcome of {record['recipe']!r}, not of {recipe.name!r}.")
            trials = tuple(trial(t, str(path)) for t in record["trials"])
            return cls(recipe, trials, record["asked"], record["machine"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RanvierError(f"{path} holds no outcome of a recipe ({error}); run the recipe again.") from error


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
