"""One measurement that a recipe is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranvier.recipes.parts import output

if TYPE_CHECKING:
    from ranvier.network import Plan

__all__ = ["Case"]


@dataclass
class Case:
    """One arm, one seed and one group.

    Attributes
    ----------
    arm, seed, group
        What to measure; ``group`` is empty where the recipe has no groups.
    settings
        The settings of this run: an instance of the recipe's own class.
    folder
        For what is computed once, and for checkpoints.
    data
        Folder that the user named, or None.
    drawn
        Whether pictures are wanted: they are of the first seed and the first group.
    """

    arm: str
    seed: int
    group: str
    settings: Any
    folder: Path
    data: Path | None = None
    drawn: bool = False
    plan: list[list[str]] = field(default_factory=list)
    pictures: list[list[str]] = field(default_factory=list)

    def show(self, picture: str, caption: str) -> None:
        """Put an SVG on the page."""
        name = f"{self.arm}-{len(self.pictures)}".replace(" ", "_").replace("/", "_") + ".svg"
        output.write(output.prepare(self.folder) / name, picture)
        self.pictures.append([name, caption])

    def planned(self, plan: Plan) -> None:
        """Put the kernels of a plan on the page."""
        self.plan = [[c.part, c.task, c.provider, c.why] for c in plan.choices]
