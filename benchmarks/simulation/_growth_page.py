"""From sizes to a page: how time and memory grow, as a table, fits and a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["draw", "exponent", "line", "page"]

Rows = list[dict[str, Any]]
_TITLE = """# Growth of time and memory

One process per row; the least of five runs, in seconds of processor time per biological second of the run phase. Memory is
what is resident at the highest point beyond imports, building included. COBA has 80 synapses per cell of one weight, 16 to
20 Hz; *fan-out* has 10,000 cells and synapses with a weight and a delay each; *procedural* has 1,000 synapses per cell that are
never stored; the cortical microcircuit goes from a twentieth to full scale, weights and delays for each synapse.
"""
_HEAD = (
    "| series | cells | synapses | build s | processor s | ns per cell and step | ns per synaptic event | memory GB "
    "| bytes per synapse | rate Hz |\n|---|---|---|---|---|---|---|---|---|---|"
)


def exponent(x: np.ndarray, y: np.ndarray) -> float:
    """The b of y = a x^b, by least squares of the logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """y = a + b x by least squares of relative errors: a, b, and the largest relative error."""
    weighted = np.stack([1 / y, x / y], 1)
    (a, b), *_ = np.linalg.lstsq(weighted, np.ones(len(x)), rcond=None)
    return float(a), float(b), float(np.abs((a + b * x) / y - 1).max())


def _columns(rows: Rows) -> dict[str, Rows]:
    return {name: [r for r in rows if r["series"] == name] for name in dict.fromkeys(r["series"] for r in rows)}


def page(data: dict[str, Any]) -> str:
    """The table and the fits."""
    rows, host = data["rows"], data["settings"]["machine"]
    shared = f"load {host['load_1min']} at the end: what else ran shares the core's caches and units."
    lines = [
        _TITLE,
        f"{data['settings']['threads']} thread(s), {host['processor']}, {host['cores']} cores, {shared}",
        "",
        _HEAD,
    ]
    for r in rows:
        events = r["rate"] * r["synapses"]
        lines.append(
            f"| {r['series']} | {r['cells']:,} | {r['synapses']:,} | {r['build_s']:.2f} | {r['processor']:.3g} "
            f"| {r['processor'] * 1e5 / r['cells']:.2f} | {r['processor'] * 1e9 / events:.2f} | {r['grown_GB']:.3g} "
            f"| {r['grown_GB'] * 1e9 / r['synapses']:.3g} | {r['rate']:.2f} |"
        )
    lines += ["", "![Time and memory against the number of synapses](growth.svg)", "", "## How it grows", ""]
    lines += [
        "Exponents of a power law over all sizes of a series, and over its larger half; beside them a straight line by least",
        "squares of relative errors, with the largest relative error of a size. An exponent of 1 is linear growth.", "",
        "| series | time: exponent | larger half | line, s per million synapses | off by at most | memory: exponent | larger half |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, some in _columns(rows).items():
        x, t, m = (np.array([r[key] for r in some], float) for key in ("synapses", "processor", "grown_GB"))
        half = slice(len(x) // 2, None)
        if len(x) < 4:
            continue
        start, slope, error = line(x, t)
        lines.append(
            f"| {name} | {exponent(x, t):.2f} | {exponent(x[half], t[half]):.2f} | {start:.3g} + {slope * 1e6:.3g} "
            f"| {100 * error:.0f} % | {exponent(x, m):.2f} | {exponent(x[half], m[half]):.2f} |"
        )
    return "\n".join([*lines, ""])


def draw(rows: Rows, path: Path) -> None:
    """Time and memory against the number of synapses on logarithmic axes; the grey lines are linear growth."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "growth"
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for axis, name, label in zip(
        axes, ("processor", "grown_GB"), ("processor s per biological s", "memory, GB"), strict=True
    ):
        every = [(r["synapses"], r[name]) for r in rows]
        low, high = min(x for x, _ in every), max(x for x, _ in every)
        for decade in range(-11, 0):
            axis.plot([low, high], [low * 10.0**decade, high * 10.0**decade], color="0.88", linewidth=0.8, zorder=0)
        for series, some in _columns(rows).items():
            axis.plot([r["synapses"] for r in some], [r[name] for r in some], "o-", markersize=4, label=series)
        axis.set(xscale="log", yscale="log", xlabel="synapses", ylabel=label)
        axis.set_ylim(min(y for _, y in every) / 2, max(y for _, y in every) * 2)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
