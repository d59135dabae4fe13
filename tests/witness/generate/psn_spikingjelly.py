"""Parallel spiking neurons of SpikingJelly: spikes and gradients of PSN, masked PSN and sliding PSN for one input."""

from __future__ import annotations

import torch
from _store import save
from spikingjelly.activation_based import neuron

STEPS, ORDER = 16, 4


def main() -> None:
    """Write ``data/psn_spikingjelly.npz``."""
    torch.manual_seed(0)
    x, upstream = 1.5 * torch.randn(STEPS, 3, 5), torch.randn(STEPS, 3, 5)
    arrays = {"x": x.numpy(), "upstream": upstream.numpy()}
    cells = {
        "psn": neuron.PSN(STEPS),
        "masked": neuron.MaskedPSN(ORDER, STEPS, lambda_init=1.0, step_mode="m"),
        "sliding": neuron.SlidingPSN(ORDER, step_mode="m"),
    }
    for name, cell in cells.items():
        if name != "sliding":
            with torch.no_grad():
                cell.weight.mul_(3)
        given = x.clone().requires_grad_()
        spikes = cell(given)
        (spikes * upstream).sum().backward()
        arrays |= {
            f"{name}/spikes": spikes.detach().numpy().astype("uint8"), f"{name}/x": given.grad.numpy(),
            f"{name}/weight": cell.weight.detach().numpy(), f"{name}/bias": cell.bias.detach().numpy(),
            f"{name}/weight_gradient": cell.weight.grad.numpy(), f"{name}/bias_gradient": cell.bias.grad.numpy(),
        }  # fmt: skip
    save("psn_spikingjelly", ("spikingjelly", "torch"), **arrays)


if __name__ == "__main__":
    main()
