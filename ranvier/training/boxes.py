"""Boxes of objects in an image: how far they overlap, and which of several stay."""

from __future__ import annotations

from dataclasses import dataclass

import torch

__all__ = ["Found", "overlap", "suppressed"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Found:
    """Objects in one image: ``boxes`` [N, 4] as centre x, y, width, height in parts of the image, ``scores`` [N], ``classes`` [N]."""

    boxes: Tensor
    scores: Tensor
    classes: Tensor


def _corners(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Upper left and lower right corners [..., 2] of boxes [..., 4]."""
    half = boxes[..., 2:] / 2
    return boxes[..., :2] - half, boxes[..., :2] + half


def overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union of boxes a and b [..., 4], and the generalised one, IoU - (hull - union)/hull, both [...].

    Source: Rezatofighi et al., CVPR 2019 (the generalised one, whose gradient does not vanish where boxes are apart).
    """
    (a0, a1), (b0, b1) = _corners(a), _corners(b)
    shared = (torch.minimum(a1, b1) - torch.maximum(a0, b0)).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - shared
    hull = (torch.maximum(a1, b1) - torch.minimum(a0, b0)).prod(-1)
    part = shared / union.clamp(min=1e-12)
    return part, part - (hull - union) / hull.clamp(min=1e-12)


def suppressed(found: Found, most: float = 0.5) -> Found:
    """Of boxes of one class that overlap by more than ``most``, keep the one with the highest score. The result is sorted by falling score."""
    order = found.scores.argsort(descending=True, stable=True)
    boxes, scores, classes = found.boxes[order], found.scores[order], found.classes[order]
    same = classes.unsqueeze(0) == classes.unsqueeze(1)
    clash = (overlap(boxes.unsqueeze(0), boxes.unsqueeze(1))[0] > most) & same
    kept: list[int] = []
    for k in range(len(scores)):
        if not bool(clash[k, kept].any()):
            kept.append(k)
    return Found(boxes[kept], scores[kept], classes[kept])
