"""A feed-forward network the size of a spoken-digits model, 700-256-256-20.

Run: `python -m benchmarks.training.shd_feedforward`.
"""

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

STEPS, BATCH, SIZES = 100, 64, (700, 256, 256, 20)
DENSITY = 0.05


def make_inputs(generator: np.random.Generator, steps: int = STEPS) -> dict[str, np.ndarray]:
    """5 % input density; weights such that hidden layers fire at 5-10 %."""
    inputs, first, second, classes = SIZES
    return {
        "x": spikes(generator, (steps, BATCH, inputs), DENSITY),
        "targets": generator.integers(0, classes, BATCH),
        "w1": weight(generator, (first, inputs), 0.0015, 0.06),
        "w2": weight(generator, (second, first), 0.0040, 0.10),
        "w3": weight(generator, (classes, second), 0.0, 0.06),
    }


def forward(x: Tensor, w: dict[str, Tensor], formula: Formula) -> tuple[Tensor, list[Tensor]]:
    """Reference network: logits [B, 20] and both hidden rasters."""
    from benchmarks.training import _reference

    first = _reference.lif(x @ w["w1"].T, formula)
    second = _reference.lif(first @ w["w2"].T, formula)
    return _reference.mean_leaky(second @ w["w3"].T), [first, second]


BENCH = Bench(
    name="shd_feedforward",
    title="Feed-forward network 700-256-256-20, one training step",
    text=f"""
Mean of four steps on end after an untimed one, at a learning rate too small to change the firing rates. T = {STEPS}, B = {BATCH}, {DENSITY:.0%} input density, no biases, leaky read-out (0.9) averaged over time, cross
entropy, backward, Adam; float32. The row `limit` does only the dense matrix products a dense library cannot avoid
(forward three, backward five).
""",
    make_inputs=make_inputs,
    verify=verifier(forward),
    contenders=_contenders.ALL,
    burst=4,
)

if __name__ == "__main__":
    main(BENCH)
