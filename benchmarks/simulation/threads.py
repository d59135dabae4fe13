"""One thread against two: `python -m benchmarks.simulation.threads [--threads 2] [--rounds 7]`, on cores that nobody else uses.

Circuits of every kind of synapse (`_shared_circuits.py`), run phase, first with one thread, then with several, in turn (A B A B). Threads
are used whatever the size; the column *by itself* says how many Ranvier would take. Spikes must be the same. Writes
`docs/benchmarks/threads.md` and `.json`.
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
from benchmarks.simulation._shared_circuits import CASES, Case, Parts
from ranvier.kernels import register
from ranvier.kernels.cpu.circuit.team import threads_of
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.cpu.provider import Cpu
from ranvier.units import ms

ROOT = Path(__file__).resolve().parent.parent.parent
#: the cpu provider with as many threads as torch may use, whatever the size
PROVIDER = "threads"


def measure(case: Case, threads: int, rounds: int) -> dict[str, Any]:
    """Seconds of every round for one and for ``threads`` threads."""
    parts = case.build(case.cells, case.seconds)
    net, record = parts.net, {name: ["spikes"] for name in parts.recorded}
    state = net.run(100 * ms, stream=0).state
    found: dict[int, list[float]] = {1: [], threads: []}
    spikes: dict[int, rv.Run] = {}
    torch.set_num_threads(threads)
    alone = _taken(parts)
    net.provider = PROVIDER
    for turn in range(rounds + 1):
        for count in found:
            torch.set_num_threads(count)
            start = time.perf_counter()
            spikes[count] = net.run(1000 * case.seconds * ms, state, record=record)
            if turn:
                found[count].append(time.perf_counter() - start)
    for name in record:
        one, more = (spikes[count][name].spikes for count in (1, threads))
        if not ((one.cell == more.cell).all() and (one.step == more.step).all()):
            raise RuntimeError(f"{case.title}, {case.cells} cells: other spikes with {threads} threads")
    ratios = [one / more for one, more in zip(found[1], found[threads], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    times = {f"ms_{count}": 1e3 * statistics.median(found[count]) / case.seconds for count in found}
    return {
        "title": case.title, "cells": case.cells, **times, "ratio": middle, "quartiles": [low, high], "by_itself": alone
    }  # fmt: skip


def _taken(parts: Parts) -> int:
    """Threads that a call of 10,000 steps takes where all cores are idle; every rule here runs at spikes."""
    cells = sum(p.shape[0] for p in parts.net.populations.values() if p.shape)
    plain = parts.stored + TUNING.drawn * parts.drawn + TUNING.lazy * parts.plastic + TUNING.graded * parts.graded
    return threads_of(cells + plain // 100, parts.plastic, 10_000, TUNING)


def page(rows: list[dict[str, Any]], threads: int, rounds: int) -> str:
    """The table."""
    here = machine()
    lines = [
        f"# One thread and {threads}",
        "",
        "`python -m benchmarks.simulation.threads`: 80 synapses per cell unless it says otherwise, run phase with spikes recorded,",
        f"float32; milliseconds of wall time per biological second, median of {rounds} rounds in turn; the same spikes. {here['processor']},",
        f"{here['cores']} cores, load {here['load_1min']} at the end.",
        "",
        f"| circuit | cells | one thread | {threads} threads | one ÷ {threads} (quartiles) | threads by itself |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows:
        low, high = r["quartiles"]
        lines.append(
            f"| {r['title']} | {r['cells']:,} | {r['ms_1']:.1f} | {r[f'ms_{threads}']:.1f} | {r['ratio']:.2f} ({low:.2f}–{high:.2f}) | {r['by_itself']} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """All cases, and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", help="part of the title of a circuit")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    given = parser.parse_args()
    register(Cpu(PROVIDER, Tuning(idle=given.threads, thread_cells=1, threaded_call=0, copied=0)))
    rows = []
    for case in CASES:
        if given.only is None or given.only in case.title:
            rows.append(measure(case, given.threads, given.rounds))
            sys.stderr.write(f"{rows[-1]}\n")
    publish(given.out, "threads", page(rows, given.threads, given.rounds), rows)


if __name__ == "__main__":
    main()
