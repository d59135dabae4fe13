"""Random textures, and their motion before an eye or a camera."""

from __future__ import annotations

import math
from typing import Any

import torch

from ranvier.encoding._checks import real, series
from ranvier.errors import RanvierError, ShapeError
from ranvier.limits import need
from ranvier.values import is_whole

__all__ = ["drift", "textures"]

Tensor = torch.Tensor


def textures(
    count: int, size: int, *, frequency: float = 0.12, bandwidth: float = 0.5, orientation: float | None = None,
    spread: float = 0.3, contrast: float = 0.15, generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Periodic noise with a band of spatial frequencies, and with a preferred orientation if wanted: motion clouds at rest.

        amplitude(f, θ) = 1/f exp(-ln²(f/frequency)/(2 bandwidth²)) exp(cos(2(θ - orientation))/(4 spread²)),   random phases

    Parameters
    ----------
    count, size
        B textures of size x size pixels.
    frequency
        In cycles per pixel, below 1/2.
    bandwidth
        Of ln(f).
    orientation
        Direction in which the waves vary, in radians; None for all directions alike.
    spread
        Of the orientation, in radians.
    contrast
        Standard deviation of light around 0.5, cut at 0 and 1.
    generator
        Decides the noise; None takes torch's own.

    Returns
    -------
    Tensor
        Light [B, size, size] from 0 to 1.

    Source: Leon, Vanzetta, Masson & Perrinet, Journal of Neurophysiology 2012.

    Examples
    --------
    >>> rv.encoding.textures(4, 32).shape
    torch.Size([4, 32, 32])
    """
    for name, value in (("count", count), ("size", size)):
        if not is_whole(value):
            raise RanvierError(f"textures: {name}={value!r}; give a whole number of at least 1.")
    if not 0 < frequency < 0.5:
        raise RanvierError(f"textures: frequency={frequency!r}; give cycles per pixel between 0 and 0.5.")
    for name, value in (("bandwidth", bandwidth), ("spread", spread), ("contrast", contrast)):
        if not 0 < value < math.inf:
            raise RanvierError(f"textures: {name}={value!r}; give a number above 0.")
    need(32 * count * size * size, f"{count:,} textures of {size} x {size}", "give fewer or smaller ones")
    down, right = torch.meshgrid(torch.fft.fftfreq(size), torch.fft.fftfreq(size), indexing="ij")
    f = torch.hypot(down, right).clamp(min=0.5 / size)
    amplitude = torch.exp(-(torch.log(f / frequency) ** 2) / (2 * bandwidth**2)) / f
    if orientation is not None:
        amplitude *= torch.exp((torch.cos(2 * (torch.atan2(down, right) - orientation)) - 1) / (4 * spread**2))
    amplitude[0, 0] = 0
    noise = torch.randn(count, size, size, generator=generator)
    waves = torch.fft.ifft2(torch.fft.fft2(noise) * amplitude).real
    return (0.5 + contrast * waves / waves.std((1, 2), keepdim=True).clamp(min=1e-12)).clamp(0, 1)


def drift(images: Any, path: Any) -> Tensor:
    """Frames of images over which a gaze moves, along a path for each image. The images repeat periodically.

    frame[t](y, x) = image(y + down[t], x + right[t]), between pixels by the Fourier series of the image, cut at 0 and 1.

    Parameters
    ----------
    images
        Light [B, H, W] from 0 to 1.
    path
        Positions of the gaze (right, down) in pixels, [T, B, 2].

    Returns
    -------
    Tensor
        Frames [T, B, H, W].

    Raises
    ------
    ShapeError
        Where the shapes do not fit.

    Examples
    --------
    >>> right = torch.stack([torch.arange(20.0), torch.zeros(20)], 1)  # one pixel per frame
    >>> rv.encoding.drift(rv.encoding.textures(4, 32), right[:, None].expand(20, 4, 2)).shape
    torch.Size([20, 4, 32, 32])
    """
    image, places = real(images, "images"), series(path, "path")
    if image.ndim != 3 or places.ndim != 3 or places.shape[1:] != (len(image), 2):
        raise ShapeError(f"images {tuple(image.shape)}, path {tuple(places.shape)}; expected [B, H, W] and [T, B, 2]")
    height, width = image.shape[1:]
    need(
        24 * len(places) * image.numel(),
        f"{len(places):,} frames of {len(image):,} images",
        "give fewer frames, or a smaller batch at a time",
    )
    turns = (
        2j * math.pi * torch.fft.fftfreq(height, dtype=image.dtype),
        2j * math.pi * torch.fft.rfftfreq(width, dtype=image.dtype),
    )
    right, down = (p[..., None] for p in places.to(image.dtype).unbind(2))
    phase = torch.exp(turns[0] * down)[..., :, None] * torch.exp(turns[1] * right)[..., None, :]
    return torch.fft.irfft2(torch.fft.rfft2(image) * phase, s=(height, width)).clamp(0, 1)
