"""Mean average precision of detected objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.boxes import Found, overlap

__all__ = ["AveragePrecision"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class AveragePrecision:
    """Mean over classes, and over thresholds of overlap, of the area below precision over recall, as for COCO.

    The detections of a class in all images are taken by falling score. Each takes, of the objects of its class in its image that are still free, the one
    with the largest overlap. It is right if that overlap reaches the threshold; else the object stays free. Precision is made to fall with recall, and read
    at 101 recalls from 0 to 1. Classes without an object are left out. The value is 0 to 1, NaN without any object.

    Parameters
    ----------
    found
        Output and lengths to the objects of each sample: ``rv.losses.Detection(…).found``.
    overlaps
        Thresholds of intersection over union: ``(0.5,)`` is mAP@50; ``AveragePrecision.COCO``, 0.5 to 0.95 in ten steps, mAP@50:95.

    Targets are those of :class:`ranvier.training.losses.Detection`.

    Source: Lin et al., ECCV 2014 (COCO).

    >>> loss = rv.losses.Detection(classes=3)
    >>> rv.training.metrics.AveragePrecision(loss.found).name
    'mAP@50'
    """

    found: Callable[..., list[Found]]
    overlaps: Sequence[float] = (0.5,)

    larger = True
    COCO = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))

    def __post_init__(self) -> None:
        if not self.overlaps or not all(isinstance(x, int | float) and 0 < x <= 1 for x in self.overlaps):
            raise TrainingError(f"AveragePrecision: overlaps={self.overlaps!r} must hold numbers above 0, up to 1.")

    @property
    def name(self) -> str:
        """mAP@50, mAP@50:95, …"""
        low, high = (round(100 * f(self.overlaps)) for f in (min, max))
        return f"mAP@{low}" if low == high else f"mAP@{low}:{high}"

    def tally(self) -> Precision:
        """A tally without batches."""
        return Precision(self.found, tuple(self.overlaps))


class Precision:
    """The objects of all batches that were added."""

    def __init__(self, found: Callable[..., list[Found]], overlaps: tuple[float, ...]) -> None:
        self.find, self.overlaps = found, overlaps
        self.images: list[tuple[Found, Tensor]] = []

    def add(self, out: Any, target: Any, lengths: Tensor | None, samples: int) -> None:
        """Count a batch.

        Raises
        ------
        ShapeError
            Where targets are not [B, M, 5] for the samples of the output.
        """
        detected = self.find(out, lengths)
        if not isinstance(target, Tensor) or target.ndim != 3 or target.shape[2] != 5 or len(target) != len(detected):
            given = tuple(target.shape) if isinstance(target, Tensor) else type(target).__name__
            raise ShapeError(
                f"AveragePrecision takes targets [B, M, 5] for {len(detected)} samples, got {given}: class, centre, size; a class of -1 pads."
            )
        for found, truth in zip(detected, target.cpu(), strict=True):
            self.images.append(
                (Found(found.boxes.cpu(), found.scores.cpu(), found.classes.cpu()), truth[truth[:, 0] >= 0])
            )

    def value(self) -> float:
        """The metric of all batches so far."""
        kinds = {int(k) for _, truth in self.images for k in truth[:, 0]}
        areas = [self._area(kind, least) for kind in sorted(kinds) for least in self.overlaps]
        return sum(areas) / len(areas) if areas else float("nan")

    def _area(self, kind: int, least: float) -> float:
        scores, right, objects = [], [], 0
        for found, truth in self.images:
            wanted = truth[truth[:, 0] == kind, 1:]
            own = found.classes == kind
            objects += len(wanted)
            scores.append(found.scores[own])
            right.append(_right(found.boxes[own], found.scores[own], wanted, least))
        order = torch.cat(scores).argsort(descending=True, stable=True)
        hits = torch.cat(right)[order].double().cumsum(0)
        if not len(hits):
            return 0.0
        precision = hits / torch.arange(1, len(hits) + 1)
        falling = precision.flip(0).cummax(0).values.flip(0)
        at = torch.searchsorted(hits / objects, torch.linspace(0, 1, 101, dtype=torch.float64) - 1e-12)
        return float(torch.cat([falling, falling.new_zeros(1)])[at].mean())


def _right(boxes: Tensor, scores: Tensor, wanted: Tensor, least: float) -> Tensor:
    """Which of the boxes in one image are right; the better ones choose first."""
    right = torch.zeros(len(boxes), dtype=torch.bool)
    if not len(wanted) or not len(boxes):
        return right
    shared = overlap(boxes.unsqueeze(1), wanted.to(boxes).unsqueeze(0))[0]
    for k in scores.argsort(descending=True, stable=True).tolist():
        best = int(shared[k].argmax())
        if float(shared[k, best]) >= least:
            right[k] = True
            shared[:, best] = -1
    return right
