"""Time and memory against size. Run: `python -m benchmarks.simulation.growth`.

Four series, every size in a process of its own: the conductance-based circuit (80 synapses per cell) against its cells; cells
of one firing rate against their synapses per cell; the same, never stored, against cells; the cortical microcircuit from a
twentieth to full scale. Writes `docs/benchmarks/growth.md`, `.json` and a figure.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks._report import machine, publish
from benchmarks.simulation._growth_page import draw, page

if TYPE_CHECKING:
    from ranvier.network import Network

ROOT = Path(__file__).resolve().parent.parent.parent
_RUNS = 5
CELLS_OF_FAN_OUT, FAN_OUT_OF_PROCEDURAL = 10_000, 1_000
#: what is built: sizes (of the thing that the series varies)
SERIES: dict[str, tuple[float, ...]] = {
    "COBA": (4_000, 10_000, 40_000, 100_000, 400_000, 1_000_000),
    "fan-out": (100, 200, 500, 1_000, 2_000, 5_000, 10_000),
    "procedural": (10_000, 30_000, 100_000, 300_000, 1_000_000),
    "microcircuit": (0.05, 0.1, 0.2, 0.5, 1.0),
}


def driven(cells: int, fan_out: int, *, stored: bool) -> Network:
    """Cells that fire at 0 to 33 Hz of a constant current; their synapses are too weak to change that.

    Stored, every synapse has its own weight and its own delay.
    """
    import ranvier as rv
    from ranvier.units import ms, mV, pA

    net = rv.Network(dt=0.1 * ms, seed=1)
    start = rv.Uniform(-65 * mV, -50 * mV)
    net.population("cells", cells, rv.CurrentLIF(I_e=rv.Uniform(330 * pA, 400 * pA), v=start))
    rule, weight, delay = rv.FixedOutDegree(fan_out), rv.Normal(1e-3 * pA, 1e-4 * pA), rv.Uniform(0.5 * ms, 2.5 * ms)
    if stored:
        net.connect("cells", "cells", rule, to="I", weight=weight, delay=delay)
    else:
        net.connect("cells", "cells", rv.Procedural(rule), to="I", weight=1e-3 * pA, delay=1.5 * ms)
    return net


def build(series: str, size: float) -> tuple[Network, int]:
    """The network of a series, and how many synapses it has, drawn ones included."""
    from ranvier.recipes.parts.coba import circuit
    from ranvier.recipes.parts.microcircuit import microcircuit

    if series == "fan-out":
        return driven(CELLS_OF_FAN_OUT, int(size), stored=True), CELLS_OF_FAN_OUT * int(size)
    if series == "procedural":
        return driven(int(size), FAN_OUT_OF_PROCEDURAL, stored=False), int(size) * FAN_OUT_OF_PROCEDURAL
    net = circuit(int(size)) if series == "COBA" else microcircuit(size)
    return net, sum(len(p.synapses) for p in net.projections.values() if p.pre in net.populations)


def measure(series: str, size: float, threads: int) -> dict[str, Any]:
    """Build, settle, run five times; seconds of wall and processor time per biological second, the least of them."""
    import torch

    from ranvier.units import ms, second

    torch.set_num_threads(threads)
    build(series, {"microcircuit": 0.01}.get(series, 100))[0].run(1 * ms)  # imports, and what is compiled once
    idle, start = _resident(), time.perf_counter()
    net, synapses = build(series, size)
    built = time.perf_counter() - start
    cells = sum(p.shape[0] for p in net.populations.values() if p.shape)
    seconds = min(1.0, max(0.05, 20_000 / cells, 2e6 / synapses)) if series != "microcircuit" else 0.2
    record = {name: ["spikes"] for name in net.populations}
    state = net.run(100 * ms, stream=0, record=record).state
    wall, processor, fired = [], [], 0
    for _ in range(_RUNS):
        before = time.perf_counter(), time.process_time()
        run = net.run(seconds * second, state, record=record)
        wall.append((time.perf_counter() - before[0]) / seconds)
        processor.append((time.process_time() - before[1]) / seconds)
        state, fired = run.state, fired + sum(len(run[name].spikes) for name in record)
    return {
        "series": series, "cells": cells, "synapses": synapses, "build_s": built, "wall": min(wall),
        "processor": min(processor), "grown_GB": (_peak() - idle) / 1e9, "rate": fired / cells / seconds / _RUNS,
    }  # fmt: skip


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    """Measure every size in a fresh process, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--most", type=float, default=float("inf"), help="largest number of synapses")
    parser.add_argument(
        "--only", default="", help="measure this series, and keep the others as they are in growth.json"
    )
    parser.add_argument("--one", nargs=2, metavar=("SERIES", "SIZE"), help="measure one size, print JSON")
    given = parser.parse_args()
    if given.one:
        sys.stdout.write(json.dumps(measure(given.one[0], float(given.one[1]), given.threads)) + "\n")
        return
    kept = given.folder / "growth.json"
    rows = json.loads(kept.read_text())["rows"] if given.only else []
    rows = [row for row in rows if row["series"] != given.only]
    for series in [given.only] if given.only else list(SERIES):
        rows += [
            row for size in SERIES[series] if (row := _apart(series, size, given.threads))["synapses"] <= given.most
        ]
    rows.sort(key=lambda row: (list(SERIES).index(row["series"]), row["synapses"]))
    data = {"settings": {"threads": given.threads, "machine": machine()}, "rows": rows}
    publish(given.folder, "growth", page(data), data)
    draw(rows, given.folder / "growth.svg")


def _apart(series: str, size: float, threads: int) -> dict[str, Any]:
    """One size in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.simulation.growth",
        "--threads",
        str(threads),
        "--one",
        series,
        str(size),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    row = json.loads(done.stdout)
    sys.stderr.write(f"{row}\n")
    return row


if __name__ == "__main__":
    main()
