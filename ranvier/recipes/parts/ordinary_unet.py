"""The ordinary U-Net of torch with the parts of ``rv.blocks.unet`` at two sizes, made to be converted."""

from __future__ import annotations

import torch
from torch import nn

from ranvier.conversion import QCFS
from ranvier.training import Diffusion

__all__ = ["OrdinaryUNet", "fitted_to_noise"]

Tensor = torch.Tensor


def _convolution(given: int, made: int, stride: int = 1) -> list[nn.Module]:
    """Activations of a few levels, a convolution of size 3 and its norm."""
    return [QCFS(8, V_th=2.0), nn.Conv2d(given, made, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(made)]


class _Sum(nn.Module):
    """y = x + parts(x)."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.parts(x)


class OrdinaryUNet(nn.Sequential):
    """Noise [B, 1, H, W] of images with the code of t, [B, given, H, W]; all activations have eight levels (QCFS)."""

    def __init__(self, given: int, here: int = 16, below: int = 32) -> None:
        def block(n: int) -> nn.Module:
            return _Sum(*_convolution(n, n), *_convolution(n, n))

        up = QCFS(8, V_th=2.0), nn.ConvTranspose2d(below, here, 2, stride=2, bias=False), nn.BatchNorm2d(here)
        super().__init__(
            nn.Conv2d(given, here, 4, stride=2, padding=1),
            block(here),
            _Sum(*_convolution(here, below, stride=2), block(below), *up),
            block(here),
            QCFS(8, V_th=2.0),
            nn.ConvTranspose2d(here, 1, 2, stride=2),
        )


def fitted_to_noise(net: nn.Module, process: Diffusion, x: Tensor, epochs: int, seed: int) -> nn.Module:
    """``net`` after training on images x [S, 1, H, W] with the batches, noise and schedule of the spiking networks."""
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    batches = process.batches(x, 64, times=1, seed=seed)
    net.train()
    for epoch in range(1, epochs + 1):
        for given, noise in batches(epoch):
            optimizer.zero_grad()
            nn.functional.mse_loss(net(given[:, 0]), noise).backward()
            optimizer.step()
        schedule.step()
    return net.eval()
