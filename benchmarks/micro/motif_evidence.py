"""Evidence for motifs along a long raster: a detector, whole and pruned, against a dense convolution along time, on one thread.

Run ``python -m benchmarks.micro.motif_evidence``. The results of all sides are first compared; then the sides run in turn, and the table gives
medians and the ratio dense / detector. The dense side is ``torch.nn.functional.conv1d`` on stretches of the dense raster, as the
detector reads it. The raster has 100 cells, and the detector 10 motifs and 51 delays.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.nn.functional import conv1d

from benchmarks._turns import in_turn
from ranvier.motifs import MotifDetector, Raster

STEPS, CELLS, MOTIFS, WINDOW = 60_000, 100, 10, 51
DENSITIES = (0.002, 0.01, 0.03, 0.1)
STRETCH = (1 << 21) // CELLS
TURNS = 5
#: share of the synapses that is left after pruning
LEFT = 0.05


def dense(raster: Raster, weight: torch.Tensor) -> torch.Tensor:
    """Evidence [T, M] by a convolution, a stretch at a time."""
    made = []
    for start in range(0, STEPS, STRETCH):
        shown = raster.dense(start - WINDOW + 1, min(start + STRETCH, STEPS))
        made.append(conv1d(shown.T[None], weight)[0].T)
    return torch.cat(made)


def measure(density: float) -> dict[str, float]:
    """Check one density; the median seconds of each side."""
    rng = np.random.default_rng(0)
    raster = Raster.of(rng.random((STEPS, CELLS)) < density)
    kernel = rng.standard_normal((MOTIFS, CELLS, WINDOW)).astype(np.float32)
    whole, pruned = (MotifDetector(WINDOW).set_kernel(kernel) for _ in range(2))
    pruned.prune(1 - LEFT)
    for detector in (whole, pruned):
        weight = torch.from_numpy(detector.kernel_).flip(2)
        torch.testing.assert_close(detector.decision_function(raster), dense(raster, weight), rtol=1e-3, atol=1e-3)
    weight = torch.from_numpy(kernel).flip(2)
    sides = {
        "dense": lambda: dense(raster, weight),
        "detector": lambda: whole.decision_function(raster),
        "pruned": lambda: pruned.decision_function(raster),
    }
    return {name: statistics.median(us) / 1e6 for name, us in in_turn(sides, TURNS, 1, time.perf_counter).items()}


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    table = Table(title=f"{STEPS:,} steps, {CELLS} cells, {MOTIFS} motifs, {WINDOW} delays; seconds, median of {TURNS}")
    for column in ("spikes per step and cell", "dense", "detector", "ratio", f"{LEFT:.0%} of synapses", "ratio"):
        table.add_column(column, justify="right")
    for density in DENSITIES:
        t = measure(density)
        cells = [t["dense"], t["detector"], t["dense"] / t["detector"], t["pruned"], t["dense"] / t["pruned"]]
        table.add_row(f"{density:.1%}", *(f"{cell:.2f}" for cell in cells))
    Console().print(table)


if __name__ == "__main__":
    main()
