"""A recurrent network 700-R256-20. Run: `python -m benchmarks.training.shd_recurrent`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks._protocol import Bench
from benchmarks.series import main
from benchmarks.training import _contenders
from benchmarks.training._formula import Formula
from benchmarks.training._network import spikes, verifier, weight

if TYPE_CHECKING:
    from torch import Tensor

STEPS, BATCH, SIZES = 100, 64, (700, 256, 20)
DENSITY = 0.05


def make_inputs(generator: np.random.Generator, steps: int = STEPS) -> dict[str, np.ndarray]:
    """5 % input density; `w2` [256, 256] feeds spikes back with one step of latency."""
    inputs, hidden, classes = SIZES
    return {
        "x": spikes(generator, (steps, BATCH, inputs), DENSITY),
        "targets": generator.integers(0, classes, BATCH),
        "w1": weight(generator, (hidden, inputs), 0.0015, 0.06),
        "w2": weight(generator, (hidden, hidden), 0.0, 0.05),
        "w3": weight(generator, (classes, hidden), 0.0, 0.06),
    }


def forward(x: Tensor, w: dict[str, Tensor], formula: Formula) -> tuple[Tensor, list[Tensor]]:
    """Reference network: logits [B, 20] and the hidden raster."""
    from benchmarks.training import _reference

    hidden = _reference.lif(x @ w["w1"].T, formula, recurrent=w["w2"])
    return _reference.mean_leaky(hidden @ w["w3"].T), [hidden]


BENCH = Bench(
    name="shd_recurrent",
    title="Recurrent network 700-R256-20, one training step",
    text=f"""
Mean of four steps on end after an untimed one, at a learning rate too small to change the firing rates. T = {STEPS}, B = {BATCH}, {DENSITY:.0%} input density, no biases; the spikes of step t reach the same layer in step
t + 1 through a dense 256x256 matrix; leaky read-out (0.9) averaged over time, cross entropy, backward, Adam; float32.
The row `limit` does only the dense matrix products.
""",
    make_inputs=make_inputs,
    verify=verifier(forward),
    contenders=_contenders.ALL,
    burst=4,
)

if __name__ == "__main__":
    main(BENCH)
