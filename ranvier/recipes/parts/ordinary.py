"""A small convolutional network of torch for handwritten digits, its images, and its training."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import nn

from ranvier.data import load

__all__ = ["accuracy", "fitted", "handwritten", "model"]

Tensor = torch.Tensor
Images = tuple[Tensor, Tensor]
_BATCH = 64


@lru_cache(maxsize=1)
def handwritten(seed: int, count: int) -> tuple[Images, Images, Images]:
    """Pixels from -1 to 1 [S, 1, 28, 28] and classes [S]: ``count`` images to train, drawn by ``seed``; to choose by; to report."""
    sets = load("mnist_t10k")
    parts = [(x.unsqueeze(1) * 2 - 1, y) for x, y in (part.tensors() for part in (sets.train, sets.valid, sets.test))]
    x, y = parts[0]
    drawn = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:count]
    few = [(x[:count], y[:count]) for x, y in parts[1:]]
    return (x[drawn], y[drawn]), *few  # pyright: ignore[reportReturnType]


def model() -> nn.Module:
    """Two convolutions with norms, a hidden layer, ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(1568, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def fitted(net: nn.Module, images: Images, epochs: int, lr: float) -> nn.Module:
    """``net`` after training on images by AdamW, in evaluation."""
    x, y = images
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=1e-3)
    steps = epochs * -(-len(x) // _BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    net.train()
    for _ in range(epochs):
        for part in torch.randperm(len(x)).split(_BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[part]), y[part]).backward()
            optimizer.step()
            schedule.step()
    return net.eval()


@torch.no_grad()
def accuracy(net: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> float:
    """The part of images with the right class."""
    found = [net(part).argmax(1) for part in x.split(_BATCH)]
    return float((torch.cat(found) == y).double().mean())
