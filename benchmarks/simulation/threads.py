"""One thread against two: `python -m benchmarks.simulation.threads [--threads 2] [--rounds 7]`, on cores that nobody else uses.

Circuits of every kind of synapse (`_shared_circuits.py`), run phase: with one thread, with several whatever the size, and with as many
as Ranvier chooses after some calls, in turn (A B C A B C). Spikes must be the same. Writes `docs/benchmarks/threads.md` and `.json`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch

import ranvier as rv
from benchmarks._report import machine, publish
from benchmarks.simulation._shared_circuits import CASES, Case
from ranvier.kernels import register
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.kernels.cpu.provider import Cpu
from ranvier.units import ms

ROOT = Path(__file__).resolve().parent.parent.parent
#: the cpu provider with as many threads as torch may use, whatever the size; and as it chooses, by trials of its own
ALWAYS, CHOOSING = "threads", "chooses"
#: calls before the series, in which it tries
TRIALS = 7


def measure(case: Case, threads: int, rounds: int) -> dict[str, Any]:
    """Seconds of every round for one thread, for ``threads`` threads, and for as many as are chosen."""
    parts = case.build(case.cells, case.seconds)
    net, record = parts.net, {name: ["spikes"] for name in parts.recorded}
    state = net.run(100 * ms, stream=0).state
    ways = {"one": ("cpu", 1), "several": (ALWAYS, threads), "chosen": (CHOOSING, threads)}
    found: dict[str, list[float]] = {way: [] for way in ways}
    spikes: dict[str, rv.Run] = {}

    def call(way: str) -> float:
        net.provider, count = ways[way]
        torch.set_num_threads(count)
        start = time.perf_counter()
        spikes[way] = net.run(1000 * case.seconds * ms, state, record=record)
        return time.perf_counter() - start

    for _ in range(TRIALS):
        call("chosen")
    for turn in range(rounds + 1):
        for way, seconds in found.items():
            taken = call(way)
            if turn:
                seconds.append(taken)
    for name in record:
        one, *others = (spikes[way][name].spikes for way in ways)
        if not all((one.cell == more.cell).all() and (one.step == more.step).all() for more in others):
            raise RuntimeError(f"{case.title}, {case.cells} cells: other spikes with {threads} threads")
    row: dict[str, Any] = {"title": case.title, "cells": case.cells}
    for way, seconds in found.items():
        row[f"ms_{way}"] = 1e3 * statistics.median(seconds) / case.seconds
        ratios = [one / other for one, other in zip(found["one"], seconds, strict=True)]
        low, row[f"ratio_{way}"], high = statistics.quantiles(ratios, n=4)
        row[f"quartiles_{way}"] = [low, high]
    return row


def page(rows: list[dict[str, Any]], threads: int, rounds: int) -> str:
    """The table."""
    here = machine()
    lines = [
        f"# One thread and {threads}",
        "",
        "`python -m benchmarks.simulation.threads`: 80 synapses per cell unless it says otherwise, run phase with spikes recorded,",
        f"float32; milliseconds of wall time per biological second, median of {rounds} rounds in turn; the same spikes. Ranvier chooses one",
        f"thread or {threads} by the first {TRIALS} calls of a circuit, which are not counted. {here['processor']},",
        f"{here['cores']} cores, load {here['load_1min']} at the end.",
        "",
        f"| circuit | cells | one thread | {threads} threads | one ÷ {threads} (quartiles) | as chosen | one ÷ as chosen (quartiles) |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        cells = [r["title"], f"{r['cells']:,}", f"{r['ms_one']:.1f}"]
        for way in ("several", "chosen"):
            low, high = r[f"quartiles_{way}"]
            cells += [f"{r[f'ms_{way}']:.1f}", f"{r[f'ratio_{way}']:.2f} ({low:.2f}–{high:.2f})"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """All cases, and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", help="part of the title of a circuit")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    given = parser.parse_args()
    register(Cpu(ALWAYS, Tuning(idle=given.threads, thread_cells=1, threaded_call=0, copied=0, trials=0)))
    register(Cpu(CHOOSING))
    rows = []
    for case in CASES:
        if given.only is None or given.only in case.title:
            rows.append(measure(case, given.threads, given.rounds))
            sys.stderr.write(f"{rows[-1]}\n")
    publish(given.out, "threads", page(rows, given.threads, given.rounds), rows)


if __name__ == "__main__":
    main()
