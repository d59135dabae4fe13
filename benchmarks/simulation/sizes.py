"""Cost against one size at a time: cells, synapses, populations, projections, delays, steps of a call. Run: `python -m benchmarks.simulation.sizes`.

All sizes of a series live in one process and take turns, so that slow changes of the machine hit all alike. Writes
`docs/benchmarks/sizes.md`, `.json` and a figure.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._report import machine, publish
from benchmarks.simulation._growth_page import line
from benchmarks.simulation._sizes import SERIES, Series

ROOT = Path(__file__).resolve().parent.parent.parent
_ROUNDS = 7
#: calls after which resident memory is read
_CALLS = (100, 300, 1000, 3000, 10_000)
_TITLE = """# Cost against size

Each series varies one size and fixes all others. Cost is the processor time of one call in ms, the least of {rounds} rounds in which
all sizes of a series take turns, on one thread. A call has 500 steps of 0.1 ms, except in the series of steps. The table gives for each
series the straight line a + b · size by least squares of relative errors, the largest distance from it, and the steepest exponent
between neighbouring sizes: cost that grows like size² has exponent 2, and a jump has an exponent far above 1.

{processor}, {cores} cores, load {load} at the end.
"""


def measure(series: Series) -> list[dict[str, float]]:
    """Least processor time of a call for each size, in turns."""
    from ranvier.units import ms

    nets = {size: series.make(size) for size in series.sizes}
    lengths = {size: 0.1 * (series.steps or size) * ms for size in nets}
    states = {size: net.run(100 * ms, stream=0).state for size, net in nets.items()}
    least = dict.fromkeys(nets, float("inf"))
    for _ in range(_ROUNDS):
        for size, net in nets.items():
            for _ in range(1 if series.steps else max(1, int(300 // size))):
                start = time.process_time()
                run = net.run(lengths[size], states[size])
                least[size] = min(least[size], time.process_time() - start)
                states[size] = run.state
    return [{"size": size, "ms": 1e3 * seconds} for size, seconds in least.items()]


def memory() -> list[dict[str, float]]:
    """Resident MB after so many calls of one step, from the first reading on."""
    from ranvier.units import ms

    series = SERIES["steps"]
    net = series.make(1)
    state, done, rows = net.run(10 * ms).state, 0, []
    for calls in _CALLS:
        for _ in range(calls - done):
            state = net.run(0.1 * ms, state).state
        done = calls
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
        rows.append({"size": calls, "MB": resident / 1e6})
    return rows


def steepest(rows: list[dict[str, float]]) -> float:
    """The largest exponent of cost between neighbouring sizes."""
    x, y = (np.log([row[key] for row in rows]) for key in ("size", "ms"))
    return float((np.diff(y) / np.diff(x)).max())


def page(data: dict[str, Any]) -> str:
    """Tables of every series, and what its line says."""
    host = data["machine"]
    title = _TITLE.format(rounds=_ROUNDS, processor=host["processor"], cores=host["cores"], load=host["load_1min"])
    lines = [title, "![Cost of a call against each size](sizes.svg)", ""]
    lines += ["| varies | fixed | line, ms | off by at most | steepest exponent |", "|---|---|---|---|---|"]
    for name, rows in data["series"].items():
        x, y = (np.array([row[key] for row in rows]) for key in ("size", "ms"))
        start, slope, error = line(x, y)
        lines.append(
            f"| {SERIES[name].varies} | {SERIES[name].stays} | {start:.3g} + {slope:.3g} · size | {100 * error:.0f} % | {steepest(rows):.2f} |"
        )
    for name, rows in data["series"].items():
        lines += ["", f"| {SERIES[name].varies} | ms a call |", "|---|---|"]
        lines += [f"| {row['size']:,g} | {row['ms']:.3g} |" for row in rows]
    lines += ["", "Resident memory of a process that calls a circuit of 20 populations one step at a time:", ""]
    lines += ["| calls | MB |", "|---|---|", *(f"| {row['size']:,} | {row['MB']:.1f} |" for row in data["memory"]), ""]
    return "\n".join(lines)


def draw(series: dict[str, list[dict[str, float]]], path: Path) -> None:
    """One panel for each series, on logarithmic axes, with its line in grey."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "sizes"
    figure, axes = pyplot.subplots(2, 3, figsize=(9, 5.4), layout="constrained")
    for axis, (name, rows) in zip(axes.flat, series.items(), strict=True):
        x, y = (np.array([row[key] for row in rows]) for key in ("size", "ms"))
        start, slope, _ = line(x, y)
        axis.plot(x, start + slope * x, color="0.8", linewidth=3, zorder=0)
        axis.plot(x, y, "o-", markersize=4)
        axis.set(xscale="log", yscale="log", xlabel=SERIES[name].varies, ylabel="ms a call")
        axis.set_ylim(y.min() / 2, y.max() * 2)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


def main() -> None:
    """Measure every series, or some of them, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"series, of {', '.join(SERIES)}; all where none is named")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "benchmarks")
    given = parser.parse_args()
    if unknown := set(given.names) - set(SERIES):
        parser.error(f"there is no series {', '.join(sorted(unknown))}; there are {', '.join(SERIES)}")

    import torch

    torch.set_num_threads(1)
    kept = given.folder / "sizes.json"
    found = json.loads(kept.read_text())["series"] if given.names else {}
    for name in given.names or SERIES:
        found[name] = measure(SERIES[name])
        sys.stderr.write(f"{name} {found[name]}\n")
    data = {"machine": machine(), "series": {name: found[name] for name in SERIES if name in found}, "memory": memory()}
    publish(given.folder, "sizes", page(data), data)
    draw(data["series"], given.folder / "sizes.svg")


if __name__ == "__main__":
    main()
