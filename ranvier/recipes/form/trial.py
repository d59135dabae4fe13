"""One measurement of a recipe, and the journal that keeps it when the process is killed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ranvier.errors import RanvierError
from ranvier.recipes.parts import output

__all__ = ["Journal", "Trial", "plain", "trial"]


@dataclass(frozen=True)
class Trial:
    """The measurements of one arm for one seed and one group.

    Attributes
    ----------
    arm, seed, group
        What was measured; ``group`` is empty where a recipe has no groups.
    values
        Measured numbers by name.
    seconds
        Processor time.
    failed
        Why the arm gave no numbers; empty where it gave them.
    plan
        Part, task, provider and reason of each kernel; empty where no network ran.
    pictures
        Name of a file and caption, each.
    """

    arm: str
    seed: int
    group: str
    values: Mapping[str, float]
    seconds: float
    failed: str = ""
    plan: Sequence[Sequence[str]] = field(default_factory=tuple)
    pictures: Sequence[Sequence[str]] = field(default_factory=tuple)

    @property
    def key(self) -> tuple[str, int, str]:
        """Arm, seed and group, which no two trials of a run share."""
        return self.arm, self.seed, self.group


def trial(record: Any, place: str) -> Trial:
    """The trial that a parsed line of JSON describes.

    Raises
    ------
    RanvierError
        Where it describes none.
    """
    try:
        values = {str(n): math.nan if v is None else float(v) for n, v in record["values"].items()}
        return Trial(**{**record, "values": values})
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise RanvierError(
            f"{place} holds no trial of a recipe ({error}); delete it and run the recipe again."
        ) from error


def plain(made: Trial) -> dict[str, Any]:
    """A trial as JSON has it: a value that is not finite is null."""
    values = {n: v if math.isfinite(v) else None for n, v in made.values.items()}
    return {**asdict(made), "values": values}


class Journal:
    """Trials in a file, one line of JSON for each, written as soon as it is known."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Trial]:
        """All whole lines; the rest of a line that a killed process left behind is cut off."""
        if not self.path.is_file():
            return []
        whole, _, rest = self.path.read_bytes().rpartition(b"\n")
        if rest:
            with open(self.path, "r+b") as file:
                file.truncate(len(whole) + bool(whole))
        try:
            records = [json.loads(line) for line in whole.splitlines()]
        except ValueError as error:
            raise RanvierError(f"{self.path} is damaged ({error}); delete it and run the recipe again.") from error
        return [trial(record, str(self.path)) for record in records]

    def add(self, made: Trial) -> None:
        """Append one trial and wait until the disk has it."""
        output.prepare(self.path.parent)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(plain(made), allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
