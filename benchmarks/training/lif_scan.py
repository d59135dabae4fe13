"""A neuron layer only, [T=100, B=64, N=1024]: forward and backward. Run: `python -m benchmarks.training.lif_scan`.

Two benches: `lif_scan` (a', dense upstream gradient, what a next layer sends) and `lif_scan_sum` (a, `output.sum()`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks._protocol import Arrays, Bench, Verdict
from benchmarks.series import main
from benchmarks.training import _contenders
from benchmarks.training._formula import Formula
from benchmarks.training._verify import compare

STEPS, BATCH, CELLS = 100, 64, 1024


def make_inputs(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Gaussian drive (about 8 % of cells spike per step) and a dense upstream gradient."""
    shape = (STEPS, BATCH, CELLS)
    x = 0.08 + 0.35 * generator.standard_normal(shape, dtype=np.float32)
    return {"x": x, "upstream": generator.standard_normal(shape, dtype=np.float32)}


def _verify(inputs: Arrays, outputs: Arrays, declared: dict[str, Any], *, summed: bool) -> Verdict:
    import torch

    from benchmarks.training import _reference

    formula = Formula(**declared)
    x = torch.from_numpy(inputs["x"]).requires_grad_()
    spikes = _reference.lif(x, formula)
    spikes.backward(torch.ones_like(spikes) if summed else torch.from_numpy(inputs["upstream"]))
    return compare(outputs, {"spikes": spikes.detach().numpy(), "grad_x": x.grad.numpy()}, formula)


_TEXT = f"""
v' = 0.9 v + x, spike where v' >= 1, soft reset without gradient, arctan surrogate; T = {STEPS}, B = {BATCH},
N = {CELLS}, float32; forward and backward to x. The row `limit` streams as many bytes as a fused kernel must (forward:
read x, write spikes and one saved tensor; backward: read saved and upstream, write one gradient) with plain copies.
"""
DENSE = Bench(
    name="lif_scan",
    title="LIF layer, forward and backward, dense upstream gradient",
    text=_TEXT,
    make_inputs=make_inputs,
    verify=lambda inputs, outputs, formula: _verify(inputs, outputs, formula, summed=False),
    contenders=_contenders.ALL,
)
SUMMED = replace(
    DENSE,
    name="lif_scan_sum",
    title="LIF layer, forward and backward of the sum of spikes",
    verify=lambda inputs, outputs, formula: _verify(inputs, outputs, formula, summed=True),
)

if __name__ == "__main__":
    main(DENSE)
    main(SUMMED)
