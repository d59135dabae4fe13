"""The tutorial of Sinabs."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from tests.peers import samples
from tests.peers.port import Port

__all__ = ["PORTS"]


def _transferred() -> dict[str, Any]:
    seed = torch.Generator().manual_seed(1)
    shapes = {"0": (2, 1, 3, 3), "3": (4, 2, 3, 3), "7": (64, 16), "9": (10, 64)}
    state = {}
    for (name, shape), mean in zip(shapes.items(), (0.25, 0.12, 0.06, 0.03), strict=True):
        state[f"{name}.weight"] = (256 * (mean + 2 * mean * torch.randn(shape, generator=seed))).round() / 256
    return {"x": (torch.rand(40, 3, 1, 8, 8, generator=seed) < 0.4).float(), "state": state}


PORTS = (
    Port(
        "sinabs", "weight_transfer_mnist", "weights of a trained network, 100 steps", _transferred,
        quick=partial(samples.digits, 500, 200), samples=partial(samples.mnist, train=1000, test=300), data="images of MNIST", epochs=20, quick_epochs=20,
        enough=lambda s: s > 0.6,
    ),
)  # fmt: skip
