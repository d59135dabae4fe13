"""What the three network benches share: random weights, the reference step and its comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks._protocol import Arrays, Verdict
from benchmarks.training._formula import Formula
from benchmarks.training._verify import compare

if TYPE_CHECKING:
    from torch import Tensor

    Forward = Callable[[Tensor, dict[str, Tensor], Formula], tuple[Tensor, list[Tensor]]]


def spikes(generator: np.random.Generator, shape: tuple[int, ...], density: float) -> np.ndarray:
    """A random float32 raster in which a fraction `density` of entries is 1."""
    return (generator.random(shape, dtype=np.float32) < density).astype(np.float32)


def weight(generator: np.random.Generator, shape: tuple[int, ...], mean: float, spread: float) -> np.ndarray:
    """Gaussian float32 weights."""
    return (mean + spread * generator.standard_normal(shape)).astype(np.float32)


def verifier(forward: Forward) -> Callable[[Arrays, Arrays, dict[str, Any]], Verdict]:
    """Make a `Bench.verify` from the reference's forward pass, (x, weights, formula) to (logits, hidden spikes)."""

    def verify(inputs: Arrays, outputs: Arrays, declared: dict[str, Any]) -> Verdict:
        import torch

        formula = Formula(**declared)
        weights = {n: torch.from_numpy(a).requires_grad_() for n, a in inputs.items() if n.startswith("w")}
        logits, hidden = forward(torch.from_numpy(inputs["x"]), weights, formula)
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(inputs["targets"])).backward()
        expected = {"logits": logits.detach().numpy()}
        expected |= {f"spikes{i}": layer.detach().numpy() for i, layer in enumerate(hidden, 1)}
        expected |= {f"grad_{name}": w.grad.numpy() for name, w in weights.items()}
        return _with_rates(compare(outputs, expected, formula), hidden)

    return verify


def _with_rates(verdict: Verdict, hidden: list[Tensor]) -> Verdict:
    rates = ", ".join(f"{100 * float(layer.detach().mean()):.1f} %" for layer in hidden)
    return Verdict(verdict.equal, f"{verdict.summary}; hidden density {rates}")
