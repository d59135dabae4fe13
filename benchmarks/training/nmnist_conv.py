"""A small convolutional network on event-camera frames. Run: `python -m benchmarks.training.nmnist_conv`."""

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

STEPS, BATCH, CHANNELS, SIDE = 8, 16, (2, 32, 64), 34
CLASSES = 10
DENSITY = 0.15


def make_inputs(generator: np.random.Generator, steps: int = STEPS) -> dict[str, np.ndarray]:
    """15 % input density; two 3x3 convolutions and a linear read-out after 34 -> 17 -> 8 pixels."""
    inputs, first, second = CHANNELS
    side = SIDE // 2 // 2
    return {
        "x": spikes(generator, (steps, BATCH, inputs, SIDE, SIDE), DENSITY),
        "targets": generator.integers(0, CLASSES, BATCH),
        "w1": weight(generator, (first, inputs, 3, 3), 0.0, 0.32),
        "w2": weight(generator, (second, first, 3, 3), 0.001, 0.07),
        "w3": weight(generator, (CLASSES, second * side * side), 0.0, 0.02),
    }


def forward(x: Tensor, w: dict[str, Tensor], formula: Formula) -> tuple[Tensor, list[Tensor]]:
    """Reference network: logits [B, 10] (mean over time) and both hidden rasters."""
    from torch.nn.functional import conv2d, max_pool2d

    from benchmarks.training import _reference

    steps, batch = x.shape[:2]

    def block(images: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor]:
        drive = conv2d(images, kernel, padding=1).unflatten(0, (steps, batch))
        layer = _reference.lif(drive, formula)
        return layer, max_pool2d(layer.flatten(0, 1), 2)

    first, pooled = block(x.flatten(0, 1), w["w1"])
    second, pooled = block(pooled, w["w2"])
    logits = (pooled.flatten(1) @ w["w3"].T).unflatten(0, (steps, batch)).mean(0)
    return logits, [first, second]


BENCH = Bench(
    name="nmnist_conv",
    title="Convolutional network 2x34x34 conv32-pool-conv64-pool-10, one training step",
    text=f"""
Mean of four steps on end after an untimed one, at a learning rate too small to change the firing rates. T = {STEPS}, B = {BATCH}, {DENSITY:.0%} input density, 3x3 convolutions with padding 1 and no biases, LIF, 2x2 maximum
pooling, linear read-out averaged over time, cross entropy, backward, Adam; float32. The row `limit` does only
convolutions, pooling and the read-out product, without any neuron.
""",
    make_inputs=make_inputs,
    verify=verifier(forward),
    contenders=_contenders.ALL,
    burst=4,
)

if __name__ == "__main__":
    main(BENCH)
