"""The declaration of a recipe, and the loop that runs it."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from ranvier._nearest import meant
from ranvier.errors import RanvierError
from ranvier.recipes.form.case import Case
from ranvier.recipes.form.expect import Expect
from ranvier.recipes.form.outcome import Outcome
from ranvier.recipes.form.source import Stamp, fingerprint, stamp
from ranvier.recipes.form.trial import Journal, Trial
from ranvier.recipes.parts import output
from ranvier.recipes.parts.machine import device, threads, versions

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """A claim of the literature as a declaration; ``measure`` is all of it that computes.

    Attributes
    ----------
    name, title
        Of the module, and of the page.
    papers, citation
        Ids of rows of ``ranvier/recipes/papers.json``; authors, journal and year.
    claim
        The claim in one sentence.
    data, scale
        Real data with their split, or generated data with what was planted; the size beside that of the paper.
    chosen
        Where the settings were chosen.
    methods, baselines, controls
        Arms: name and what it is.
    measures
        Names of the measured numbers and their units; a fraction in ``"%"`` is shown in per cent.
    seeds
        Those of the full setting.
    settings, quick
        An instance of a frozen dataclass; what a quick run replaces (``seeds`` too).
    expected
        The expectations that decide the outcome.
    minutes
        Processor time of the full setting on two cores.
    measure
        From a case to its numbers by name.
    unit, groups
        What the claim speaks of: ``"seed"``, or the word for a group (``"speaker"``) where ``groups(data, settings)`` names
        them; expectations are judged over these units.
    overlap
        Where groups are parts of one set and learn from one another's samples (cross-validation): test samples over training
        samples of a group. It widens the intervals of the expectations.
    takes
        What a folder given with ``--data`` may hold; empty where the recipe takes none.
    threads
        Of torch in a measurement; None leaves all. Small batches are faster, and measured times repeatable, with one.
    equations, notes
        For the page: the cell; how the numbers were made.

    >>> from ranvier.recipes.brunel import recipe
    >>> recipe.claim.startswith("One circuit")
    True
    """

    name: str
    title: str
    citation: str
    claim: str
    data: str
    scale: str
    chosen: str
    methods: Mapping[str, str]
    measures: Mapping[str, str]
    seeds: Sequence[int]
    settings: Any
    quick: Mapping[str, Any]
    expected: Sequence[Expect]
    minutes: float
    measure: Callable[[Case], Mapping[str, float]]
    papers: Sequence[str] = ()
    baselines: Mapping[str, str] = field(default_factory=dict)
    controls: Mapping[str, str] = field(default_factory=dict)
    unit: str = "seed"
    groups: Callable[[Path | None, Any], Sequence[str]] | None = None
    overlap: float = 0.0
    takes: str = ""
    threads: int | None = 1
    equations: str = ""
    notes: Sequence[str] = ()

    @property
    def arms(self) -> dict[str, str]:
        """Methods, baselines and controls: name and what it is."""
        return {**self.methods, **self.baselines, **self.controls}

    def run(
        self, out: str | Path = "out", *, quick: bool = False, seeds: Sequence[int] | int | None = None,
        data: str | Path | None = None, progress: bool = False, **settings: Any,
    ) -> Outcome:  # fmt: skip
        """Measure every arm for every seed and group, judge the expectations, and write ``out/NAME.json``, ``.md`` and ``.html``.

        Each measurement is kept below ``out/NAME/`` as soon as it is known: the same call goes on after a kill. Other settings,
        changed data in ``data`` and changed code have measurements and pictures of their own.

        Parameters
        ----------
        out
            Folder for the results; made if need be.
        quick
            Take the quick setting: it shows in seconds that everything works, and decides nothing.
        seeds
            Seeds, or one seed, instead of those of the setting.
        data
            Folder with data of your own, where the recipe takes some; they are scored with the same settings.
        progress
            Show what is being done.
        settings
            Replace single settings.

        Raises
        ------
        RanvierError
            Where a setting is unknown or out of range, data are missing or not taken, or the folder cannot be written.

        >>> outcome = rv.recipes.brunel.run(out="out", quick=True)
        >>> outcome.state
        'not decided at this scale'
        """
        chosen, these = self._chosen(quick, seeds, settings)
        place = None if data is None else Path(data)
        files = self._given(place)
        folder = output.prepare(out)
        groups = list(self.groups(place, chosen)) if self.groups else [""]
        kind = "full" if (chosen, these) == (self.settings, tuple(self.seeds)) and place is None else "own"
        kind = "quick" if quick else kind
        asked = {
            "settings": asdict(chosen),
            "groups": groups,
            "data": None if place is None else os.path.abspath(place),
        }
        mark = hashlib.sha256(json.dumps([asked, files, fingerprint(self.measure)], default=str).encode()).hexdigest()
        work = folder / self.name / mark[:12]
        journal = Journal(work / "trials.jsonl")
        known = {t.key: t for t in journal.read() if not t.failed}
        todo = list(self._cases(these, groups, chosen, work, place))
        shown = Console(stderr=True)
        for case in track(todo, self.name, console=shown, disable=not progress, transient=True):
            key = case.arm, case.seed, case.group
            if key not in known:
                known[key] = self._measured(case)
                journal.add(known[key])
        trials = [known[c.arm, c.seed, c.group] for c in todo]
        made = {"device": device(), "versions": versions()}
        outcome = Outcome(self, tuple(trials), {**asked, "seeds": list(these), "setting": kind}, made)
        outcome.write(folder, work)
        return outcome

    def _given(self, place: Path | None) -> Stamp:
        if place is not None and not self.takes:
            raise RanvierError(f"recipe {self.name} takes no data: leave out {str(place)!r} (data= or --data).")
        return stamp(place)

    def _cases(
        self, seeds: Sequence[int], groups: Sequence[str], settings: Any, work: Path, data: Path | None
    ) -> Iterator[Case]:
        for seed in seeds:
            for group in groups:
                for arm in self.arms:
                    drawn = (seed, group) == (seeds[0], groups[0])
                    yield Case(arm, seed, group, settings, work, data, drawn)

    def _measured(self, case: Case) -> Trial:
        """One trial; a baseline that raises an error is reported, a method or control stops the run."""
        start, failed, values = time.process_time(), "", {}
        try:
            with threads(self.threads):
                values = {n: float(v) for n, v in self.measure(case).items()}
        except Exception as error:
            if case.arm not in self.baselines:
                raise
            failed = f"{type(error).__name__}: {error}"
        if unknown := values.keys() - self.measures.keys():
            raise RanvierError(f"recipe {self.name}: {sorted(unknown)} are measured but not declared in measures=.")
        spent = time.process_time() - start
        return Trial(case.arm, case.seed, case.group, values, spent, failed, case.plan, case.pictures)

    def _chosen(
        self, quick: bool, seeds: Sequence[int] | int | None, settings: Mapping[str, Any]
    ) -> tuple[Any, tuple[int, ...]]:
        names = [f.name for f in fields(self.settings)]
        for name, value in settings.items():
            if name not in names:
                raise RanvierError(
                    f"recipe {self.name} has no setting {name!r}.{meant(name, names)} There are: {', '.join(names)}."
                )
            _check(name, value)
        given = {**self.quick} if quick else {}
        own = given.pop("seeds", self.seeds)
        these = own if seeds is None else (seeds,) if isinstance(seeds, int) else tuple(seeds)
        if not these or len(set(these)) < len(these):
            raise RanvierError(f"seeds={list(these)!r}: give at least one seed, and none twice.")
        for seed in these:
            _check("seed", seed)
        return replace(self.settings, **{**given, **settings}), tuple(these)


def _check(name: str, value: Any) -> None:
    if isinstance(value, int | float) and not (math.isfinite(value) and value >= 0):
        raise RanvierError(f"{name}={value!r} is out of range; give a finite number that is not negative.")
