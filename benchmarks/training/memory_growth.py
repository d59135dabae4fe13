"""Peak memory of one training step against the number of time steps. Run: `python -m benchmarks.training.memory_growth`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import _report
from benchmarks._link import Link, WorkerError
from benchmarks._protocol import Arrays, Bench
from benchmarks.series import Settings, parse
from benchmarks.training import nmnist_conv, shd_feedforward, shd_recurrent


@dataclass(frozen=True)
class Case:
    """A network bench at several lengths."""

    bench: Bench
    make_inputs: Callable[[np.random.Generator, int], Arrays]
    steps: tuple[int, ...]


CASES = (
    Case(shd_feedforward.BENCH, shd_feedforward.make_inputs, (25, 100, 400)),
    Case(shd_recurrent.BENCH, shd_recurrent.make_inputs, (25, 100, 400)),
    Case(nmnist_conv.BENCH, nmnist_conv.make_inputs, (4, 8, 16, 32)),
)


def peak(case: Case, contender, steps: int, settings: Settings) -> float:
    """MB at the peak of a training step beyond what the process held before its first, its inputs included there."""
    inputs = case.make_inputs(np.random.default_rng(settings.seed), steps)
    with tempfile.TemporaryDirectory() as scratch:
        for name, value in inputs.items():
            np.save(Path(scratch) / f"{name}.npy", value)
        python, log = settings.python_for(contender), Path(scratch) / "log"
        with Link(python, contender.module, core=settings.core, threads=settings.threads, log=log) as link:
            limit = settings.limit_s
            link.ask("prepare", limit_s=limit, bench=case.bench.name, folder=scratch, options=contender.options)
            link.ask("warm", limit_s=limit, count=2)
            link.ask("repeat", limit_s=limit)
            memory = link.ask("memory", limit_s=limit)
    return memory["peak_mb"] - memory["idle_mb"]


def table(case: Case, settings: Settings) -> str:
    """Peaks by contender and length, and the least-squares growth per time step."""
    rows = {}
    for contender in case.bench.contenders:
        if not settings.wants(contender) or contender.module.endswith("limit_side"):
            continue
        try:
            rows[contender.name] = [peak(case, contender, steps, settings) for steps in case.steps]
        except WorkerError as error:
            sys.stderr.write(f"{contender.name}: {str(error).splitlines()[0]}\n")
    slopes = {name: float(np.polyfit(case.steps, peaks, 1)[0]) for name, peaks in rows.items()}
    own = slopes["ranvier"]
    head = ["contender", *(f"T = {steps}" for steps in case.steps), "MB per time step", "÷ ranvier"]
    lines = [f"## {case.bench.title}", "", " | ".join(["", *head, ""]).strip(), "|---" * len(head) + "|"]
    for name, peaks in rows.items():
        cells = [name, *(f"{mb:.0f}" for mb in peaks), f"{slopes[name]:.2f}", f"{slopes[name] / own:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Write `memory_growth.md` into the folder of the tables."""
    settings = parse(CASES[0].bench)
    text = [
        "# Peak memory of a training step against its length",
        "",
        "Resident memory in MB at the peak of one training step, beyond what the process held before its first step "
        "(libraries, inputs, weights); the growth per time step leaves out what is fixed (compiled code, library buffers). "
        f"{_report.machine()['processor']}, {settings.threads} thread(s).",
        *("\n" + table(case, settings) for case in CASES),
    ]
    page = settings.folder / "memory_growth.md"
    page.write_text("\n".join(text) + "\n")
    sys.stdout.write(page.read_text())


if __name__ == "__main__":
    main()
