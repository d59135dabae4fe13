"""Hands that move before an event camera: eight gestures, drawn anew for every sample."""

from __future__ import annotations

import math
from functools import partial

import torch

from ranvier.encoding import EventCamera
from ranvier.recipes.parts.drawn import uniform
from ranvier.units import Hz, ms

__all__ = ["GESTURES", "gestures"]

Tensor = torch.Tensor
#: classes in order
GESTURES = (
    "wave left and right", "wave up and down", "circle clockwise", "circle counter-clockwise", "clap left and right",
    "clap up and down", "turn a bar clockwise", "turn a bar counter-clockwise",
)  # fmt: skip
#: rows or columns of pixels, milliseconds between frames, standard deviation of the edge of a hand in pixels
SIDE, FRAME, _SOFT = 24, 10.0, 0.7


def gestures(count: int, frames: int, seed: int, noise: float = 2.0) -> tuple[Tensor, Tensor]:
    """Events of ``count`` gestures, 10 ms a frame: counts [T, S, 2, 24, 24], on then off, and classes [S].

    Place, size, brightness, background, speed, extent and phase differ from sample to sample. Pixels also fire by chance, ``noise`` times
    per second.
    """
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(count)[torch.randperm(count, generator=generator)] % len(GESTURES)
    seen = torch.cat([_watched(part, frames, generator) for part in y.split(100)], 1)
    drawn = int(torch.poisson(torch.tensor(noise * FRAME / 1000 * seen.numel() / 2), generator=generator))
    place = torch.randint(seen.numel(), (drawn,), generator=generator)
    return seen.view(-1).index_add_(0, place, torch.ones(drawn)).view(seen.shape), y


def _watched(y: Tensor, frames: int, generator: torch.Generator) -> Tensor:
    """Events of gestures ``y`` [S] without noise."""
    count, drawn = len(y), partial(uniform, generator)
    first, second, angle = _paths(y, frames, generator)
    dark = drawn(0.15, 0.25, count)[:, None, None]
    hand = drawn(0.5, 0.9, count)[:, None, None]
    size = drawn(1.8, 3.0, count)
    shape = torch.empty(frames, count, SIDE, SIDE)
    hands, bars = y < 6, y >= 6
    shape[:, hands] = torch.maximum(*(_disc(path[:, hands], size[hands]) for path in (first, second)))
    shape[:, bars] = _bar(first[:, bars], angle[:, bars], size[bars])
    camera = EventCamera(spread=0.03, leak=0 * Hz)
    return camera(dark + (hand - dark) * shape, FRAME * ms, generator=generator)


def _paths(y: Tensor, frames: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Places [T, S, 2] (right, down) of two hands, which are one but for claps, and twice the angles [T, S] of a bar."""
    count, middle, drawn = len(y), (SIDE - 1) / 2, partial(uniform, generator)
    centre = torch.stack([drawn(middle - 3, middle + 3, count) for _ in range(2)], 1)
    reach, speed = drawn(3.0, 6.0, count), drawn(2.5, 5.0, count)  # pixels, Hz
    phase = drawn(0, 2 * math.pi, count)
    turn = 2 * math.pi * speed * (torch.arange(frames) * FRAME / 1000)[:, None] + phase  # [T, S]
    turn = torch.where((y == 3) | (y == 7), -turn, turn)  # the axes point right and down: clockwise as one sees it
    swing = reach * torch.sin(turn)
    right = torch.where((y == 1) | (y == 5), 0.3 * torch.sin(phase), swing)
    down = torch.where((y == 0) | (y == 4), 0.3 * torch.cos(phase), swing)
    circles = (y == 2) | (y == 3)
    right = torch.where(circles, reach * torch.cos(turn), right)
    apart = (1.2 + swing.div(reach)) * reach / 2 + 1.0  # claps: from one to 1.1 reach and one from the middle
    right, down = torch.where(y == 4, apart, right), torch.where(y == 5, apart, down)
    bars = y >= 6
    moved = torch.stack([right.masked_fill(bars, 0), down.masked_fill(bars, 0)], -1)
    two = ((y == 4) | (y == 5))[:, None]
    return centre + moved, torch.where(two, centre - moved, centre + moved), turn


def _grid() -> tuple[Tensor, Tensor]:
    """Columns and rows of all pixels."""
    axis = torch.arange(SIDE, dtype=torch.float32)
    return axis[None, :], axis[:, None]


def _edge(inside: Tensor) -> Tensor:
    """1 where a distance to the edge is above 0, 0 below, softly."""
    return torch.sigmoid(inside / _SOFT * 1.7)


def _disc(path: Tensor, size: Tensor) -> Tensor:
    """Discs [T, S, H, W] around ``path`` [T, S, 2]."""
    x, y = _grid()
    away = ((x - path[..., 0, None, None]).square() + (y - path[..., 1, None, None]).square()).sqrt()
    return _edge(size[:, None, None] - away)


def _bar(path: Tensor, angle: Tensor, size: Tensor) -> Tensor:
    """Bars [T, S, H, W] of three times their width around ``path``."""
    x, y = _grid()
    right, down = x - path[..., 0, None, None], y - path[..., 1, None, None]
    c, s = (f(angle / 2)[..., None, None] for f in (torch.cos, torch.sin))
    along, across = (right * c + down * s).abs(), (down * c - right * s).abs()
    return _edge(torch.minimum(2.6 * size[:, None, None] - along, 0.7 * size[:, None, None] - across))
