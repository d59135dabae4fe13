"""The page of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from benchmarks.families._networks import ORDINARY, PLAIN
from benchmarks.families._sets import RATES, SETS, Set
from ranvier.recipes.form import Expect, Trial
from ranvier.recipes.parts.statistics import spread

__all__ = ["page"]

Row = Mapping[str, Any]
_TOP = f"""# Families at equal parameters

Small networks of one family each, beside a plain spiking network and an ordinary one that have as many parameters (within a twentieth of
the number in the title of a table), learn from the same samples by the same optimiser, schedule, batches and updates. `ranvier.models` and
`ranvier.blocks` make them ([models.md](models.md), [deep.md](deep.md)). All are small and learn for seconds on one processor core, so the tables
tell which network learns more from few samples, and not how far it gets with many.

```bash
python -m benchmarks.families                       # what is not measured yet, then this page
python -m benchmarks.families --rows 'speech/*' --again
```

**Choices.** Every network, the ordinary ones too, takes the better of the rates {" and ".join(f"{r:g}" for r in RATES)} on validation samples after a third of the passes, with a seed that is not reported. The
epoch is chosen on validation samples, too (not for characters, where the last one counts). Test samples are shown once, after all training. The width is the one nearest
to the number of parameters. Nothing else was varied: no family was tuned.

**Reading.** Means ± standard deviation over seeds. A difference is formed within each seed; its interval is Student's 95 %. A network *wins* or *loses* where the whole
interval lies on one side, and the comparison is *open* where it holds both signs. The ordinary network has the layers of the plain one, not those of the family: a
family may win by its layers (pooling in the place of strides) and not by its spikes. Seconds are processor time of one training.
"""


def page(rows: Sequence[Row], host: Mapping[str, Any], sets: Mapping[str, Set] = SETS) -> str:
    """The tables of all sets that have rows, and what each family lost."""
    parts = [_TOP]
    for one in sets.values():
        own = {row["name"]: row for row in rows if row["set"] == one.name}
        if own:
            parts.append(_table(one, own))
    measured = {(row["set"], row["name"]) for row in rows}
    missing = [
        f"{one.name}/{entry.name}"
        for one in sets.values()
        for entry in one.entries()
        if (one.name, entry.name) not in measured
    ]
    if missing:
        parts.append(f"Not measured yet: {', '.join(missing)}.\n")
    parts.append(f"Measured on {host['processor']}, {host['cores']} cores, one thread.\n")
    return "\n".join(parts)


def _table(one: Set, rows: Mapping[str, Row]) -> str:
    unit = "bits a character" if one.measure == "bits" else "test accuracy, %"
    lines = [
        f"## {one.title}: {one.parameters:,} parameters", "",
        f"{one.about[0].upper()}{one.about[1:]}.", "",
        f"| network | parameters | {unit} | beside the plain one | beside the ordinary one | rate | epochs | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    compared = {
        name: {other: _beside(one, row, rows.get(other)) for other in (PLAIN, ORDINARY)} for name, row in rows.items()
    }
    for name, row in rows.items():
        scores = [s * _factor(one) for s in row["scores"].values()]
        plain, ordinary = (text for text, _ in compared[name].values())
        shown = f"{fmean(scores):.2f}" + (f" ± {spread(scores):.2f}" if len(scores) > 1 else "")
        lines.append(
            f"| **{name}** {row['about']} | {row['parameters']:,} | {shown} | {plain} | {ordinary} | {row['rate']:g} | {row['epochs']} "
            f"| {fmean(row['seconds'].values()):.0f} |"
        )
    lost = [
        f"{name} to the {other}"
        for name, both in compared.items()
        for other, (_, state) in both.items()
        if state == "loses" and name != PLAIN
    ]
    return "\n".join([*lines, "", f"Lost: {'; '.join(lost)}." if lost else "Lost: nothing that the seeds decide.", ""])


def _factor(one: Set) -> float:
    return 1.0 if one.measure == "bits" else 100.0


def _beside(one: Set, row: Row, other: Row | None) -> tuple[str, str]:
    """The difference to another network with its interval, and what it decides."""
    if other is None or other["name"] == row["name"]:
        return "", ""
    trials = [
        Trial(r["name"], int(seed), "", {one.measure: score * _factor(one)}, 0.0)
        for r in (row, other) for seed, score in r["scores"].items()
    ]  # fmt: skip
    judged = Expect("", (row["name"], one.measure), ">" if one.sign > 0 else "<", (other["name"], one.measure)).judge(
        trials
    )
    difference = f"{judged.left - judged.right:+.2f}"
    if judged.units < 2:
        return difference, "open"
    state = {"holds": "wins", "does not hold here": "loses"}.get(judged.state, "open")
    return f"{difference} [{judged.low:.2f}, {judged.high:.2f}] {state}", state
