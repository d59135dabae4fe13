"""What NeuroBench finds for a convolutional network of torch and a spiking one of snnTorch."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

__all__ = ["found"]


def found(name: str, given: dict[str, Any], x: torch.Tensor) -> dict[str, Any]:
    """The metrics of network ``name`` with weights ``given`` on a batch."""
    import snntorch as snn
    from neurobench.metrics.static import ConnectionSparsity, Footprint
    from neurobench.metrics.workload import ActivationSparsity, MembraneUpdates, SynapticOperations
    from neurobench.models import TorchModel

    class Asked(TorchModel):
        def __call__(self, batch: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                return self.net(batch) if name == "convolution" else torch.stack([self.net(step) for step in batch])

    how = {"beta": 0.8, "init_hidden": True}
    if name == "convolution":
        net = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
        net.load_state_dict({k: torch.tensor(v) for k, v in given.items()})
    else:
        hidden = snn.Leaky(threshold=0.3, reset_mechanism="zero", reset_delay=False, **how)
        net = nn.Sequential(
            nn.Linear(6, 8), hidden, nn.Linear(8, 3), snn.Leaky(threshold=1e9, reset_mechanism="none", **how)
        )
        for k, letter in ((0, "a"), (2, "b")):
            net[k].load_state_dict({n: torch.tensor(given[f"{letter}.{n}"]) for n in ("weight", "bias")})

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = net

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(x)

    asked = Asked(Whole())
    asked.add_activation_module(snn.SpikingNeuron)
    asked.register_hooks()
    out = asked(x)
    samples = (torch.zeros(x.shape[0 if name == "convolution" else 1], 1),)
    workload = {m.__name__: m()(asked, out, samples) for m in (SynapticOperations, MembraneUpdates, ActivationSparsity)}
    return workload | {m.__name__: m()(asked) for m in (Footprint, ConnectionSparsity)}
