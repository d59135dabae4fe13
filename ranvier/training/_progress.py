"""What a user sees while training runs."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ranvier.training._fit import Epoch, spell_score

__all__ = ["Display"]


class Display:
    """A bar over all batches with the last scores, on the error stream; silent where ``shown`` is False."""

    def __init__(self, epochs: int, batches: int | None, done: int, shown: bool) -> None:
        self.batches = batches
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[said]}"),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=Console(stderr=True), disable=not shown)
        self.task: TaskID = self.progress.add_task(
            "training", total=epochs * batches if batches else None, completed=done * (batches or 0), said=""
        )

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def say(self, line: str) -> None:
        """One line above the bar."""
        if not self.progress.disable:
            self.progress.console.print(line, highlight=False)

    def batch(self) -> None:
        """One batch is done."""
        if not self.progress.disable:
            self.progress.advance(self.task)

    def epoch(self, epoch: Epoch) -> None:
        """An epoch is done."""
        shown = "".join(f", {n} {spell_score(n, value)}" for n, value in epoch.seen.metrics.items())
        kind = "validation" if epoch.valid else "training"
        self.progress.update(
            self.task, completed=epoch.epoch * self.batches if self.batches else None, description=f"epoch {epoch.epoch}",
            said=f"{kind} loss {epoch.seen.loss:.4f}{shown}",
        )  # fmt: skip
