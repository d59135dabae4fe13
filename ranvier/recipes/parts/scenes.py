"""Generated scenes: handwritten digits of several sizes on one canvas, and where they are."""

from __future__ import annotations

import torch
from torch.nn import functional

from ranvier.recipes.parts.images import images

__all__ = ["scenes"]

Tensor = torch.Tensor


def scenes(
    seed: int, counts: tuple[int, int], classes: int = 5, canvas: int = 24, most: int = 2
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """So many scenes to train and to report: pixels from 0 to 1 [S, 1, canvas, canvas], and objects [S, most, 5].

    A scene holds one to ``most`` digits below ``classes``, 8 to 12 pixels wide, apart from one another, on noise. Scenes to report have
    digits that no other scene has. Objects are class, centre x, y, width and height in parts of the canvas; class -1 pads.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = images(seed)
    return tuple(_drawn(parts[k], n, classes, canvas, most, generator) for k, n in ((0, counts[0]), (2, counts[1])))  # pyright: ignore[reportReturnType]


def _drawn(
    part: tuple[Tensor, Tensor], count: int, classes: int, canvas: int, most: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    x, y = part[0][:, 0] / 2 + 0.5, part[1]
    x, y = x[y < classes], y[y < classes]
    out = 0.2 * torch.rand(count, 1, canvas, canvas, generator=generator)
    objects = torch.tensor([-1.0, 0, 0, 0, 0]).repeat(count, most, 1)
    for k in range(count):
        placed: list[tuple[int, int, int]] = []
        for m in range(1 + _whole(most, generator)):
            size = 8 + _whole(5, generator)
            for _ in range(20):
                top, left = _whole(canvas - size + 1, generator), _whole(canvas - size + 1, generator)
                if all(top >= t + n or t >= top + size or left >= a + n or a >= left + size for t, a, n in placed):
                    break
            else:
                continue
            which = _whole(len(y), generator)
            digit = functional.interpolate(x[which][None], (size, size), mode="bilinear", align_corners=False)[0, 0]
            area = out[k, 0, top : top + size, left : left + size]
            out[k, 0, top : top + size, left : left + size] = torch.maximum(area, digit)
            placed.append((top, left, size))
            centre = (left + size / 2, top + size / 2, size, size)
            objects[k, m] = torch.tensor([float(y[which]), *(v / canvas for v in centre)])
    return out, objects


def _whole(below: int, generator: torch.Generator) -> int:
    return int(torch.randint(below, (), generator=generator))
