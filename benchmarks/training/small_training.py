"""Small networks, one training step each, beside a hand-written loop.

Run: `python -m benchmarks.training.small_training [small_digits_t4_b1 …] [options]`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks._protocol import Bench
from benchmarks.series import main
from benchmarks.training import _contenders
from benchmarks.training._formula import Formula
from benchmarks.training._network import spikes, verifier, weight
from benchmarks.training._small import SMALL, Small

if TYPE_CHECKING:
    from torch import Tensor

DENSITY = 0.2
#: the loop needs no other library than torch, so it takes the interpreter of the series
CONTENDERS = (_contenders.RANVIER, replace(_contenders.TORCH_LOOP, interpreter="main"))


def inputs_of(small: Small, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """20 % input density, and weights such that the hidden layer fires."""
    pre, hidden, classes = small.layers
    images = (small.side, small.side) if small.side else ()
    first, features = ((hidden, pre), hidden) if not images else ((hidden, pre, 3, 3), hidden * (small.side // 2) ** 2)
    spread = 2.0 / np.sqrt(np.prod(first[1:]))
    return {
        "x": spikes(generator, (small.steps, small.batch, pre, *images), DENSITY),
        "targets": generator.integers(0, classes, small.batch),
        "w1": weight(generator, first, 0.0, spread),
        "w2": weight(generator, (classes, features), 0.0, 0.1),
    }


def dense(x: Tensor, w: dict[str, Tensor], formula: Formula) -> tuple[Tensor, list[Tensor]]:
    """Reference network: logits [B, 10] and the hidden raster."""
    from benchmarks.training import _reference

    hidden = _reference.lif(x @ w["w1"].T, formula)
    return _reference.mean_leaky(hidden @ w["w2"].T), [hidden]


def convolutional(x: Tensor, w: dict[str, Tensor], formula: Formula) -> tuple[Tensor, list[Tensor]]:
    """Reference network: logits [B, 10] (mean over time) and the hidden raster."""
    from torch.nn.functional import conv2d, max_pool2d

    from benchmarks.training import _reference

    drive = conv2d(x.flatten(0, 1), w["w1"], padding=1).unflatten(0, x.shape[:2])
    hidden = _reference.lif(drive, formula)
    features = max_pool2d(hidden.flatten(0, 1), 2).flatten(1)
    return (features @ w["w2"].T).unflatten(0, x.shape[:2]).mean(0), [hidden]


def bench(name: str) -> Bench:
    """The bench of a small network."""
    small = SMALL[name]
    size = "-".join(map(str, small.layers)) if not small.side else f"conv{small.layers[1]} on 8x8, pool, 10"
    return Bench(
        name=name,
        title=f"{size}, T {small.steps}, B {small.batch}, one training step",
        text=f"""
Mean of twenty steps on end after an untimed one, at a learning rate too small to change the firing rates. {DENSITY:.0%} input
density, no biases, LIF, read-out averaged over time, cross entropy, backward, Adam; float32.
""",
        make_inputs=lambda generator: inputs_of(small, generator),
        verify=verifier(convolutional if small.side else dense),
        contenders=CONTENDERS,
        burst=20,
    )


if __name__ == "__main__":
    names = [a for a in sys.argv[1:] if a in SMALL]
    options = [a for a in sys.argv[1:] if a not in SMALL]
    for each in names or SMALL:
        main(bench(each), options)
