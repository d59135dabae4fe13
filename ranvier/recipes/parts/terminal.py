"""The short answer, for the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from ranvier.recipes.parts.coba import CircuitResult
from ranvier.recipes.parts.digits import DigitsResult
from ranvier.recipes.parts.machine import versions
from ranvier.recipes.parts.say import say_verdicts, say_written
from ranvier.recipes.parts.statistics import percent, summary
from ranvier.recipes.parts.verdicts import verdicts

__all__ = ["LIMITS", "show"]

#: what the split of the digits cannot show
LIMITS = (
    "Settings were chosen on images of these splits and of others, so some test images influenced them. The split is not by "
    "writer, so it does not measure unseen handwriting."
)


def show(console: Console, digits: DigitsResult, circuit: CircuitResult, seconds: float, path: Path) -> None:
    """Two tables, whether the expectations hold, versions, and where the report is."""
    count = len(digits.seeds)
    console.print()
    console.print(_digits(digits, f"Handwritten digits, test accuracy, {count} seed{'s' * (count != 1)}"))
    console.print(_circuit(circuit))
    console.print(f"[dim]{LIMITS}[/]", highlight=False)
    say_verdicts(console, verdicts(digits, circuit))
    used = ", ".join(f"{name} {number}" for name, number in versions().items())
    console.print(f"\n[dim]{used}[/]", highlight=False)
    say_written(console, path, seconds)


def _digits(digits: DigitsResult, title: str) -> Table:
    table = _table(title)
    for name in ("", "mean ± sd", *(f"seed {s.seed}" for s in digits.seeds)):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    each = [f"{100 * value:.1f}" for value in digits.test]
    table.add_row("spiking network", summary(digits.test), *each, style="bold")
    others = {
        "support vectors (RBF)": digits.machine, "nearest neighbours": digits.neighbours, "logistic regression": digits.baseline
    }  # fmt: skip
    for name, values in others.items():
        table.add_row(name, summary(values), *(f"{100 * value:.1f}" for value in values))
    table.add_row("chance", percent(digits.chance))
    return table


def _circuit(circuit: CircuitResult) -> Table:
    run = circuit.run
    table = _table(f"COBA circuit, {circuit.cells:,} cells, {circuit.synapses:,} synapses")
    for name in ("biological time", "computed in", "real-time factor", "mean rate", "CV of intervals"):
        table.add_column(name, justify="right")
    table.add_row(
        f"{run.duration / 1000:g} s", f"{run.seconds:.2f} s", f"{run.real_time_factor:.3f}", f"{circuit.rate:.1f} Hz", f"{circuit.cv:.2f}"
    )  # fmt: skip
    return table


def _table(title: str) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), header_style="dim"
    )
