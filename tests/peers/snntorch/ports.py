"""The tutorials of snnTorch."""

from __future__ import annotations

from typing import Any

import torch

from tests.peers.port import Port

__all__ = ["PORTS"]


def _lapicque() -> dict[str, Any]:
    """Pulses of four widths, two currents from step 10 on, and random spikes."""
    step = torch.arange(200)
    pulses = [h * ((step >= 10) & (step < 10 + w)) for w, h in ((20, 0.125), (10, 0.140625), (5, 0.1875), (1, 0.5))]
    currents = [h * (step >= 10) for h in (0.203125, 0.296875)]
    spikes = torch.rand(200, 1, generator=torch.Generator().manual_seed(1)) < 0.4
    return {"pulses": torch.stack(pulses, 1), "currents": torch.stack(currents, 1), "spikes": spikes.float()}


PORTS = (Port("snntorch", "lapicque", "2: leaky integrate-and-fire", _lapicque),)
