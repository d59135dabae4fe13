"""Time and memory against size. Run: `python -m benchmarks.simulation.growth`.

The conductance-based circuit with 80 synapses per cell from 1,000 to 1,000,000 cells, and the cortical microcircuit from a
twentieth to full scale; each in a process of its own. Writes `docs/benchmarks/growth.md`, `.json` and a figure.
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
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
COBA = (1_000, 4_000, 10_000, 40_000, 100_000, 400_000, 1_000_000)
MICROCIRCUIT = (0.05, 0.1, 0.2, 0.5, 1.0)


def measure(model: str, size: float, seconds: float, threads: int) -> dict[str, Any]:
    """Build, settle, run; seconds of wall and processor time per biological second of the last run."""
    import torch

    from ranvier.network import Network
    from ranvier.recipes._coba import circuit
    from ranvier.recipes._microcircuit import microcircuit
    from ranvier.units import ms, second

    torch.set_num_threads(threads)
    idle, start = _resident_peak(), time.perf_counter()
    net: Network = circuit(int(size)) if model == "coba" else microcircuit(size)
    built = time.perf_counter() - start
    record = {name: ["spikes"] for name in net.populations}
    state = net.run(100 * ms, record=record).state
    wall, processor = time.perf_counter(), time.process_time()
    run = net.run(seconds * second, state, record=record)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    cells = sum(p.shape[0] for p in net.populations.values() if p.shape)
    return {
        "model": model, "cells": cells,
        "synapses": sum(len(p.synapses) for p in net.projections.values() if p.pre in net.populations),
        "build_s": built, "wall": wall / seconds, "processor": processor / seconds,
        "grown_GB": _resident_peak() - idle,
        "rate": sum(len(run[name].spikes) for name in record) / cells / seconds,
    }  # fmt: skip


def _resident_peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def page(rows: list[dict[str, Any]]) -> str:
    """The table."""
    lines = [
        "# Growth of time and memory",
        "",
        "Wall and processor time per biological second of the run phase, one process per row; memory beyond imports, its peak.",
        "",
        "| model | cells | synapses | build s | wall s | processor s | ns per cell and step | memory GB | bytes per synapse | rate Hz |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        each = r["processor"] * 1e5 / r["cells"]
        lines.append(
            f"| {r['model']} | {r['cells']:,} | {r['synapses']:,} | {r['build_s']:.2f} | {r['wall']:.3g} | {r['processor']:.3g} "
            f"| {each:.2f} | {r['grown_GB']:.2f} | {r['grown_GB'] * 1e9 / r['synapses']:.1f} | {r['rate']:.2f} |"
        )
    return "\n".join([*lines, "", "![Time and memory against the number of synapses](growth.svg)", ""])


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Both against the number of synapses, on logarithmic axes; a straight line of slope one is linear growth."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for axis, name, label in zip(
        axes, ("processor", "grown_GB"), ("processor s per biological s", "memory, GB"), strict=True
    ):
        for model in dict.fromkeys(r["model"] for r in rows):
            some = [r for r in rows if r["model"] == model]
            axis.loglog([r["synapses"] for r in some], [r[name] for r in some], "o-", label=model)
        axis.set(xlabel="synapses", ylabel=label)
        axis.legend(frameon=False)
    figure.savefig(path)
    pyplot.close(figure)


def main() -> None:
    """Measure every size in a fresh process, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--most", type=float, default=float("inf"), help="largest number of cells")
    parser.add_argument("--one", nargs=3, metavar=("MODEL", "SIZE", "SECONDS"), help="measure one size, print JSON")
    given = parser.parse_args()
    if given.one:
        found = measure(given.one[0], float(given.one[1]), float(given.one[2]), given.threads)
        sys.stdout.write(json.dumps(found) + "\n")
        return
    wanted = [("coba", n, max(0.05, min(1.0, 20_000 / n))) for n in COBA if n <= given.most]
    wanted += [("microcircuit", s, 0.2 if s > 0.2 else 0.5) for s in MICROCIRCUIT if 77_169 * s <= given.most]
    rows = []
    for model, size, seconds in wanted:
        command = [sys.executable, "-m", "benchmarks.simulation.growth", "--threads", str(given.threads)]
        command += ["--one", model, str(size), str(seconds)]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
        )
        rows.append(json.loads(done.stdout))
        sys.stderr.write(f"{rows[-1]}\n")
    given.folder.mkdir(parents=True, exist_ok=True)
    (given.folder / "growth.json").write_text(json.dumps(rows, indent=1) + "\n")
    (given.folder / "growth.md").write_text(page(rows))
    draw(rows, given.folder / "growth.svg")


if __name__ == "__main__":
    main()
