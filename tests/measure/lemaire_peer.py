"""Linear-LIF-Linear for SpikingJelly's estimate after Lemaire et al.; as a program it writes ``data/lemaire.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

__all__ = ["estimate", "spikes", "weight"]

WITNESS = Path(__file__).parent / "data" / "lemaire.json"


def spikes() -> torch.Tensor:
    """[10, 1, 20], the same anywhere."""
    t, k = torch.arange(10).unsqueeze(1), torch.arange(20)
    return ((7 * t + 3 * k) % 4 == 0).float().unsqueeze(1)


def weight(outputs: int, inputs: int) -> torch.Tensor:
    """The same anywhere."""
    return 0.2 + 0.6 * torch.sin(1.0 + 13 * torch.arange(outputs).unsqueeze(1) + 7 * torch.arange(inputs))


def estimate(bias: bool) -> dict[str, Any]:
    """What SpikingJelly 2 finds [pJ]."""
    from spikingjelly.activation_based import layer, neuron
    from spikingjelly.activation_based.op_counter import estimate_lemaire_energy

    cells = neuron.LIFNode(tau=2.0, decay_input=False, v_reset=None, step_mode="m")
    first, last = (layer.Linear(n, m, bias=bias, step_mode="m") for n, m in ((20, 30), (30, 3)))
    for one in (first, last):
        one.weight.data.copy_(weight(*one.weight.shape))
        if bias:
            one.bias.data.zero_()
    found = estimate_lemaire_energy(nn.Sequential(first, cells, last), (spikes(),))
    return {"total": found.total_pj, "parts": found.breakdown_pj, "counts": found.counts}


if __name__ == "__main__":
    found = {name: estimate(name == "with_bias") for name in ("without_bias", "with_bias")}
    WITNESS.write_text(json.dumps({"made_with": "spikingjelly 2.0.0", **found}, indent=1) + "\n", "utf-8")
