"""What a user sees while a network is simulated."""

from __future__ import annotations

import time

__all__ = ["simulation_bar"]


class simulation_bar:
    """A bar on the error stream with the simulated time and the real-time factor; silent where ``shown`` is False."""

    def __init__(self, done: int, steps: int, dt: float, shown: bool) -> None:
        self.dt, self.steps, self.before, self.start = dt, steps, done, time.perf_counter()
        self.progress = None
        if shown:
            from rich.console import Console  # slow to import
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = TextColumn("simulating"), BarColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn()
            self.progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self.task = self.progress.add_task("simulating", total=steps, completed=done, said="")

    def __enter__(self) -> simulation_bar:
        if self.progress:
            self.progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.progress:
            self.progress.stop()

    def update(self, done: int) -> None:
        """``done`` of all steps are taken."""
        if not self.progress:
            return
        simulated = (done - self.before) * self.dt / 1000
        factor = (time.perf_counter() - self.start) / simulated if simulated else float("nan")
        said = f"{done * self.dt / 1000:.3g} of {self.steps * self.dt / 1000:.3g} s, real-time factor {factor:.3g}"
        self.progress.update(self.task, completed=done, said=said)
