"""Denoisers for diffusion."""

from __future__ import annotations

from typing import Any

from ranvier.blocks import unet
from ranvier.models._registry import register
from ranvier.models._stem import cells
from ranvier.network import Sequential
from ranvier.units import ms

__all__ = ["spiking_unet_mini"]


@register(
    family="unet", input=("inputs", 8, 8), steps=4, papers=("Cao et al., WACV 2024 (SDDPM)",),
    layout="x [T, B, channels + code of t, H, W] to currents [T, B, channels, H, W]; their mean over steps is the noise",
)  # fmt: skip
def spiking_unet_mini(
    *, inputs: int = 9, outputs: int = 1, channels: tuple[int, ...] = (16, 32), patch: int = 2, tau: float = 2.0, **network: Any
) -> Sequential:  # fmt: skip
    """A spiking U-Net that predicts the noise in small images, for ``rv.training.Denoiser``.

    ``inputs`` is the number of channels of an image plus the codes of ``rv.training.Diffusion``; ``channels`` and ``patch`` are those of ``rv.blocks.unet``,
    ``tau`` in ms at steps of 1 ms.
    """
    return Sequential(*unet(inputs, outputs, channels, patch=patch, cell=cells(tau)), dt=1 * ms, **network)
