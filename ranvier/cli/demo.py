"""``ranvier demo``: train on digits, simulate a circuit, and write down what came out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ranvier.errors import RanvierError
from ranvier.recipes.parts import coba, digits, output, report, terminal
from ranvier.recipes.parts.machine import device, one_thread, versions

__all__ = ["demo"]


def demo(out: Path = Path("out"), seeds: int = 5, seconds: float = 2.0, epochs: int = digits.Setup.epochs) -> None:
    """Train on digits, simulate a circuit, and write out/report.html.

    Parameters
    ----------
    out
        Folder for the report; made if need be.
    seeds
        How many times to train, each with a split and initial weights of its own.
    seconds
        Biological time of the circuit in seconds.
    epochs
        Passes over the training set.

    Raises
    ------
    RanvierError
        When a number is out of range or the folder cannot be written, before any work.
    """
    for name, value, least in (("seeds", seeds, 1), ("epochs", epochs, 1), ("seconds", seconds, 0.01)):
        if not least <= value < float("inf"):
            raise RanvierError(f"{name}={value!r} is out of range; give {least} or more")
    folder = output.prepare(out)
    console, start = Console(), time.perf_counter()
    setup = replace(digits.Setup(), epochs=epochs)
    with one_thread(), _bar(console) as bar:
        where = device()
        bar.console.print(f"ranvier demo on {where}", highlight=False)
        trained = _train(bar, setup, seeds)
        task = bar.add_task(f"circuit, {seconds:g} s of biological time", total=1)
        circuit = coba.simulate(seconds)
        bar.advance(task)
    page = report.page(trained, circuit, where, versions(), time.perf_counter() - start)
    path = output.write(folder / "report.html", page)
    terminal.show(console, trained, circuit, time.perf_counter() - start, path)


def _train(bar: Progress, setup: digits.Setup, seeds: int) -> digits.DigitsResult:
    data, results = digits.load(), []
    for seed in range(seeds):
        task = bar.add_task(f"digits, seed {seed}", total=setup.epochs)
        results.append(digits.run_seed(data, setup, seed, lambda task=task: bar.advance(task)))
    return digits.DigitsResult(setup, data, tuple(results))


def _bar(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:g}/{task.total:g}")
    return Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
