"""Evidence for motifs along a long raster: a detector, whole and pruned, against a dense convolution along time, on one thread.

Run ``python -m benchmarks.micro.motif_evidence``. The results of all sides are first compared; then the sides run in turn. The table
of medians, with the ratio dense / detector, goes into ``docs/motifs.md``, between its marks. The dense side is ``torch.nn.functional.conv1d`` on stretches of the dense raster, as the
detector reads it. The raster has 100 cells, and the detector 10 motifs and 51 delays.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
import torch
from torch.nn.functional import conv1d

from benchmarks._link import ROOT
from benchmarks._marks import paste
from benchmarks._report import machine
from benchmarks._turns import in_turn
from ranvier.motifs import MotifDetector, Raster

PAGE = ROOT / "docs" / "motifs.md"
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
    """Measure, and write the table into the page."""
    torch.set_num_threads(1)
    head = ("spikes per step and cell", "convolution", "detector", "ratio", f"{LEFT:.0%} of the synapses", "ratio")
    rows = [
        f"{machine()['processor']}, one thread, median of {TURNS} turns.",
        "",
        f"| {' | '.join(head)} |",
        "|---" * len(head) + "|",
    ]
    for density in DENSITIES:
        t = measure(density)
        whole, pruned = (f"{t[side]:.2f} s | {t['dense'] / t[side]:.2f}" for side in ("detector", "pruned"))
        rows.append(f"| {density:.1%} | {t['dense']:.2f} s | {whole} | {pruned} |")
        sys.stderr.write(rows[-1] + "\n")
    paste(PAGE, "evidence", "\n".join(rows))


if __name__ == "__main__":
    main()
