"""Richer cells, forward and adjoint: who else can do it? Run: `python -m benchmarks.training.hodgkin_huxley_scan`.

Three benches: `cuba_scan` (two states), `adex_scan` (three states, an exponential, a jump) and `hodgkin_huxley_scan`
(four states, no spike: the voltage trace is the output). The equations are in `_cells`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks._protocol import Arrays, Bench, Verdict
from benchmarks.series import main
from benchmarks.training import _contenders
from benchmarks.training._formula import Formula
from benchmarks.training._verify import compare

if TYPE_CHECKING:
    from torch import Tensor

STEPS, BATCH, CELLS = 100, 16, 1024


def _drive(mean: float, spread: float) -> Callable[[np.random.Generator], dict[str, np.ndarray]]:
    def make_inputs(generator: np.random.Generator) -> dict[str, np.ndarray]:
        shape = (STEPS, BATCH, CELLS)
        x = (mean + spread * generator.standard_normal(shape)).astype(np.float32)
        return {"x": x, "upstream": generator.standard_normal(shape, dtype=np.float32)}

    return make_inputs


def _verifier(scan: str, output: str) -> Callable[[Arrays, Arrays, dict[str, Any]], Verdict]:
    def verify(inputs: Arrays, outputs: Arrays, declared: dict[str, Any]) -> Verdict:
        import torch

        from benchmarks.training import _reference

        formula = Formula(**declared)
        x = torch.from_numpy(inputs["x"]).requires_grad_()
        found: Tensor = getattr(_reference, scan)(x, formula)
        found.backward(torch.from_numpy(inputs["upstream"]))
        verdict = compare(outputs, {output: found.detach().numpy(), "grad_x": x.grad.numpy()}, formula)
        density = f"; density {100 * float(found.detach().mean()):.1f} %" if output == "spikes" else ""
        return Verdict(verdict.equal, verdict.summary + density)

    return verify


_SIZES = f"T = {STEPS}, B = {BATCH}, N = {CELLS}, float32, dense upstream gradient; forward and backward to x."
_LIMIT = (
    "The row `limit` streams three tensors with plain copies, what a fused kernel that recomputes would have to move."
)

CUBA = Bench(
    name="cuba_scan",
    title="Current-based LIF (two states), forward and adjoint",
    text=f"i = 0.8 i + x; v' = 0.9 v + i; spike where v' >= 1; soft reset without gradient; arctan. {_SIZES} {_LIMIT}",
    make_inputs=_drive(0.016, 0.15),
    verify=_verifier("cuba", "spikes"),
    contenders=_contenders.ALL,
)
ADEX = Bench(
    name="adex_scan",
    title="AdEx with synaptic current (three states), forward and adjoint",
    text=f"Forward Euler, dt = 1 ms, reset to 0 and adaptation jump without gradient; arctan. {_SIZES} {_LIMIT}",
    make_inputs=_drive(0.4, 0.6),
    verify=_verifier("adex", "spikes"),
    contenders=_contenders.ALL,
)
HODGKIN_HUXLEY = Bench(
    name="hodgkin_huxley_scan",
    title="Hodgkin-Huxley (four states), forward and adjoint",
    text=f"Exponential Euler, dt = 0.05 ms; the voltage trace is the output. {_SIZES} {_LIMIT}",
    make_inputs=_drive(10.0, 5.0),
    verify=_verifier("hodgkin_huxley", "v"),
    contenders=_contenders.ALL,
)

if __name__ == "__main__":
    main(CUBA)
    main(ADEX)
    main(HODGKIN_HUXLEY)
