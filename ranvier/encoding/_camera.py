"""Event camera: frames of light to on and off events per pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.encoding._checks import series, time_in_steps
from ranvier.errors import RanvierError, ShapeError
from ranvier.units import Hz, ms, strip

__all__ = ["EventCamera"]

Tensor = torch.Tensor
_LINEAR = 20.0  # of 255: darker light counts linearly


@dataclass(frozen=True)
class EventCamera:
    """Log intensity through a photoreceptor, a memorised level per pixel, and noise.

        I = ln(light) above 20 of 255, linear below, L' = L + (1 - exp(-dt/tau))(I - L),   tau = 1/(2π cutoff (0.1 + 0.9 light))
        on = ⌊(L - M)/θ_on⌋, off = ⌊(M - L)/θ_off⌋,   M += θ_on on - θ_off off - θ_on leak dt

    A pixel that fired is blind for ``refractory``; then its events, if it has several, count as one. Leak lowers
    the level M, so that dark pixels emit on events at ``leak``; shot noise adds events of either sign at ``shot``,
    more of them in the dark.

    Parameters
    ----------
    on, off
        Thresholds in units of ln(light).
    spread
        Standard deviation of the thresholds from pixel to pixel.
    cutoff
        Bandwidth of a pixel in full light; 0 for no limit.
    leak, shot
        Rates per pixel.
    refractory
        Blind time after an event.

    Source: Hu, Liu & Delbruck, v2e, CVPR Workshops 2021.

    Examples
    --------
    >>> frames = rv.encoding.saccades(torch.rand(4, 28, 28), 30)
    >>> rv.encoding.EventCamera()(frames, dt=10 * ms).shape  # [T, B, 2, H, W], on and off
    torch.Size([30, 4, 2, 42, 42])
    """

    on: float = 0.2
    off: float = 0.2
    spread: float = 0.03
    cutoff: Any = 0 * Hz
    leak: Any = 0.1 * Hz
    shot: Any = 0 * Hz
    refractory: Any = 0 * ms

    def __post_init__(self) -> None:
        if not (self.on > 0 and self.off > 0 and self.spread >= 0):
            raise RanvierError(
                f"on={self.on}, off={self.off}, spread={self.spread}: give thresholds above 0, a spread of 0 or more"
            )
        for name in ("cutoff", "leak", "shot"):
            if not self._per_ms(name) >= 0:
                raise RanvierError(f"{name}={getattr(self, name)}: give a rate of at least 0")

    def __call__(self, frames: Any, dt: Any = 1 * ms, *, generator: torch.Generator | None = None) -> Tensor:
        """Watch ``frames`` [T, B, H, W] of light from 0 to 1, one every ``dt``; counts [T, B, 2, H, W], on then off.

        The first frame sets the level of every pixel, and causes no event but noise. ``generator`` decides thresholds
        and noise; None takes torch's own.

        Raises
        ------
        ShapeError
            Where frames are not [T, B, H, W].
        RanvierError
            Where light is outside 0 … 1.
        """
        light = series(frames, "frames")
        if light.ndim != 4:
            raise ShapeError(f"frames have shape {tuple(light.shape)}; expected [T, B, H, W]")
        if not 0 <= float(light.min()) <= float(light.max()) <= 1:
            raise RanvierError(f"light goes from {float(light.min()):g} to {float(light.max()):g}; scale it to 0 … 1")
        step, blind = float(strip(dt, ms, "dt")), round(time_in_steps(self.refractory, dt, "refractory"))
        on, off = (self._thresholds(mean, light[0], generator) for mean in (self.on, self.off))
        seen = _log(light[0])
        level, wait = seen.clone(), torch.zeros_like(seen, dtype=torch.int64)
        out = light.new_zeros(len(light), light.shape[1], 2, *light.shape[2:])
        for t in range(len(light)):
            seen = self._receive(seen, light[t], step) if t else seen
            level -= on * self._per_ms("leak") * step
            ups = torch.floor((seen - level) / on).clamp_(min=0)
            downs = torch.floor((level - seen) / off).clamp_(min=0)
            ready = wait <= 0
            ups, downs = ups * ready, downs * ready
            level += on * ups - off * downs
            noise_up, noise_down = (self._noise(light[t], step, ready, generator) for _ in range(2))
            ups, downs = ups + noise_up, downs + noise_down
            if blind:
                ups, downs = ups.clamp(max=1), downs.clamp(max=1)
            wait = torch.where((ups > 0) | (downs > 0), blind, wait - 1)
            out[t, :, 0], out[t, :, 1] = ups, downs
        return out

    def _per_ms(self, name: str) -> float:
        return float(strip(getattr(self, name), Hz, name))

    def _thresholds(self, mean: float, like: Tensor, generator: torch.Generator | None) -> Tensor:
        draw = torch.randn(like.shape[1:], generator=generator, dtype=like.dtype)
        return (mean + self.spread * draw).clamp(min=mean / 20).to(like.device).expand_as(like)

    def _receive(self, seen: Tensor, light: Tensor, step: float) -> Tensor:
        if self._per_ms("cutoff") == 0:
            return _log(light)
        speed = 2 * math.pi * self._per_ms("cutoff") * (0.1 + 0.9 * light) * step
        return torch.lerp(seen, _log(light), -torch.expm1(-speed))

    def _noise(self, light: Tensor, step: float, ready: Tensor, generator: torch.Generator | None) -> Tensor | float:
        rate = self._per_ms("shot") / 2
        if rate == 0:
            return 0.0
        mean = rate * step * (1 - 0.75 * light) * ready
        return torch.poisson(mean, generator=generator)


def _log(light: Tensor) -> Tensor:
    """ln(255 light), continued in a straight line through 0 below 20, as v2e does so that the dark is not all noise."""
    value = light * 255
    return torch.where(value > _LINEAR, torch.log(value.clamp(min=1)), value * (math.log(_LINEAR) / _LINEAR))
