"""Eyes that a camera looks at, and the small fast movements they make."""

from __future__ import annotations

import math
from typing import Any

import torch

from ranvier.encoding._checks import real, step_count
from ranvier.errors import RanvierError, ShapeError
from ranvier.limits import need
from ranvier.values import is_whole

__all__ = ["eyes", "microsaccades"]

Tensor = torch.Tensor
#: lowest and highest light of the parts of an eye; radii in units of that of the iris; depth of the texture
_LIGHT = {"pupil": (0.04, 0.1), "iris": (0.2, 0.5), "sclera": (0.55, 0.95)}
_PUPIL, _TEXTURE, _WAVES = (0.35, 0.55), 0.3, (5, 8, 13)


def eyes(
    count: int, size: int, *, iris: float = 0.3, edge: float = 0.7, generator: torch.Generator | None = None
) -> Tensor:
    """Eyes that look at the camera: a dark pupil, an iris with radial texture, and a bright sclera that fades to its border.

        light(r, φ) = pupil below the radius of the pupil,
                      iris (1 + 0.3 mean_k cos(k φ + phase_k)) (1 - r/4R) up to the radius R of the iris,   k = 5, 8, 13
                      sclera (1 - (r/size)²/2) beyond

    Brightness of the parts, radii, phases and place are drawn for each eye. Neither lids nor lashes are drawn.

    Parameters
    ----------
    count, size
        B eyes of size x size pixels.
    iris
        Mean radius of the iris as a part of ``size``, below 1/2; it varies by a fifth.
    edge
        Width of the edges between parts in pixels, above 0.
    generator
        Decides the eyes; None takes torch's own.

    Returns
    -------
    Tensor
        Light [B, size, size] from 0 to 1.

    Source: after the scenes of Shariff et al., BMVC 2025, which are rendered in Blender.

    Examples
    --------
    >>> rv.encoding.eyes(4, 32).shape
    torch.Size([4, 32, 32])
    """
    for name, value, least in (("count", count, 1), ("size", size, 4)):
        if not is_whole(value, least):
            raise RanvierError(f"eyes: {name}={value!r}; give a whole number of at least {least}.")
    if not isinstance(iris, int | float) or not 0 < iris < 0.5:
        raise RanvierError(f"eyes: iris={iris!r}; give a part of the size between 0 and 0.5.")
    if not isinstance(edge, int | float) or not 0 < edge < math.inf:
        raise RanvierError(f"eyes: edge={edge!r}; give pixels above 0.")
    need(32 * count * size * size, f"{count:,} eyes of {size} x {size}", "give fewer or smaller ones")

    def drawn(low: float, high: float, *more: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *more, 1, 1, generator=generator)

    pupil, coloured, sclera = (drawn(*_LIGHT[part]) for part in ("pupil", "iris", "sclera"))
    outer = drawn(0.8, 1.2) * iris * size
    inner = drawn(*_PUPIL) * outer
    axis = torch.arange(size) - (size - 1) / 2
    right, down = axis - drawn(-1.0, 1.0), axis[:, None] - drawn(-1.0, 1.0)
    r, angle = torch.hypot(right, down), torch.atan2(down, right)
    waves = torch.tensor(_WAVES)[:, None, None] * angle.unsqueeze(1) + drawn(0, 2 * math.pi, len(_WAVES))
    texture = 1 + _TEXTURE * torch.cos(waves).mean(1)
    ring = coloured * texture * (1 - r.clamp(max=1.5 * float(outer.max())) / (4 * outer))
    white = sclera * (1 - (r / size).square() / 2)
    light = torch.lerp(
        torch.lerp(white, ring, torch.sigmoid((outer - r) / (edge / 2))), pupil, torch.sigmoid((inner - r) / (edge / 2))
    )
    return light.clamp(0, 1)


def microsaccades(amplitude: Any, direction: Any, start: Any, duration: Any, steps: int) -> Tensor:
    """Paths of eyes that jerk once: position (right, down) of each eye in every step, as ``drift`` takes it.

        position(t) = amplitude (10 u³ - 15 u⁴ + 6 u⁵) (cos direction, sin direction),   u = (t - start)/duration from 0 to 1

    This is the smoothest path between two places of rest; its peak velocity is 1.875 amplitude/duration. A camera that sees an eye
    go right looks at the image from ever farther left: give ``drift`` the negative path.

    Parameters
    ----------
    amplitude
        In pixels, [B]. A sphere of radius R pixels that turns by a small angle a moves by R a.
    direction
        In radians, 0 to the right and π/2 down; [B] or one number.
    start, duration
        In steps; [B] or one number.
    steps
        T.

    Returns
    -------
    Tensor
        Positions [T, B, 2].

    Raises
    ------
    ShapeError
        Where shapes do not fit.
    RanvierError
        Where an amplitude is negative or a duration is not above 0.

    Source: Flash & Hogan, Journal of Neuroscience 1985 (minimum jerk).

    Examples
    --------
    >>> path = rv.encoding.microsaccades([1.0, 2.0], 0.0, 4, 10, 20)
    >>> path[-1]
    tensor([[1., 0.],
            [2., 0.]])
    """
    step_count(steps)
    size = real(amplitude, "amplitude")
    if size.ndim != 1:
        raise ShapeError(f"amplitude has shape {tuple(size.shape)}; expected [B], one for each eye")
    told = [real(x, name).to(size) for x, name in ((direction, "direction"), (start, "start"), (duration, "duration"))]
    for x, name in zip(told, ("direction", "start", "duration"), strict=True):
        if x.ndim and x.shape != size.shape:
            raise ShapeError(
                f"{name} has shape {tuple(x.shape)}; expected {tuple(size.shape)}, as amplitude, or one number"
            )
    way, first, lasts = told
    if not bool((size >= 0).all()) or not bool((lasts > 0).all()):
        raise RanvierError("microsaccades: give amplitudes of 0 or more and durations above 0 steps")
    u = ((torch.arange(steps).to(size)[:, None] - first) / lasts).clamp(0, 1)
    gone = size * u**3 * (10 - 15 * u + 6 * u * u)
    return torch.stack([gone * torch.cos(way), gone * torch.sin(way)], 2)
