"""The tutorial of Lava-DL on spike trains, with a pattern of our own."""

from __future__ import annotations

from typing import Any

import torch

from tests.peers.port import Port, Samples

__all__ = ["PORTS"]


def _trains() -> dict[str, Any]:
    seed = torch.Generator().manual_seed(1)
    return {
        "x": (torch.rand(60, 1, 30, generator=seed) < 0.1).float(),
        "y": (torch.rand(1, 60, 15, generator=seed) < 0.1).float(),
        "weights": {n: 0.06 * torch.randn(s, generator=seed) for n, s in (("first", (20, 30)), ("second", (15, 20)))},
        "current": torch.randint(-4, 8, (100, 2, 5), generator=seed) / 64,
    }


def wave(folder: Any = None, steps: int = 200, cells: int = 40) -> Samples:
    """One sample: random spikes of 60 trains, and output spikes that draw two periods of a wave."""
    seed = torch.Generator().manual_seed(1)
    x, y, k = torch.rand(1, steps, 60, generator=seed) < 0.05, torch.zeros(1, steps, cells), torch.arange(steps)
    height = cells / 2 * (1 + 0.9 * torch.sin(4 * torch.pi * k / steps))
    y[0, k[10::4], height.long()[10::4]] = 1
    return Samples(x.float(), y, x.float(), y)


PORTS = (
    Port(
        "lava", "oxford", "a pattern of spikes from random spikes", _trains,
        quick=wave, samples=wave, measure="distance of trains", data="sample", epochs=300, quick_epochs=200, enough=lambda s: s < 3.2, tolerance=1e-5,
    ),
)  # fmt: skip
