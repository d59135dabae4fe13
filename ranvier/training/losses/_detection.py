"""Objects in images: each cell of a grid says whether one is centred in it, where, and of which class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.boxes import Found, overlap, suppressed
from ranvier.training.losses.loss import Kind, Loss, mean_over_time, series
from ranvier.values import is_whole

__all__ = ["Detection"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Detection(Loss):
    """Detection of objects on a grid, without anchors: presence + box*(1 - GIoU) + class.

    out [T, B, 5 + classes, G, H]: a map of currents, whose mean over time is read in every cell of the grid. The first value is the
    logit of presence; then come the centre in the cell, and width and height in parts of the image, each through a sigmoid; the
    rest are logits of classes. Targets [B, M, 5] hold class, centre x, y, width and height, in parts of the image (0 to 1), for up to M
    objects; a class of -1 pads. A cell holds one object: of several that are centred in one cell, the last counts.

    Presence is a binary cross entropy, its mean over cells with an object plus ``empty`` times that over cells without; box and class
    are means over the cells with an object. GIoU is that of :func:`ranvier.training.boxes.overlap`.

    Parameters
    ----------
    classes
        C.
    box, empty
        Weights.

    Raises
    ------
    ShapeError
        Where output or targets have other shapes.
    TrainingError
        Where a target is no class, a centre lies outside the image, or a size is not from 0 to 1.

    Source: Redmon et al., CVPR 2016 (a grid whose cells are responsible for their objects); Su et al., ICCV 2023 (spiking).

    >>> loss = rv.losses.Detection(classes=3)
    >>> out = torch.zeros(4, 1, 8, 5, 5)  # a grid of 5 x 5 cells
    >>> loss(out, torch.tensor([[[2, 0.5, 0.5, 0.3, 0.3]]])).shape
    torch.Size([])
    """

    classes: int
    box: float = 2.0
    empty: float = 1.0

    def __post_init__(self) -> None:
        if not is_whole(self.classes):
            raise TrainingError(f"Detection: classes={self.classes!r} must be a positive whole number.")
        for name in ("box", "empty"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise TrainingError(f"Detection: {name}={value!r} must be a number of at least 0.")

    @property
    def targets(self) -> Kind:
        """Lists of objects, which no metric of pairs compares; :class:`ranvier.training.metrics.AveragePrecision` does."""
        return "any"

    @property
    def classifies(self) -> bool:
        """False: a sample has no single class."""
        return False

    def __call__(self, out: Any, target: Any, lengths: Tensor | None = None) -> Tensor:
        """The loss of the batch."""
        o = self._map(out, lengths)
        sample, row, column, kinds, truth = self._cells(target, o)
        present = torch.zeros(o.shape[0], *o.shape[2:], dtype=torch.bool, device=o.device)
        present[sample, row, column] = True
        entropy = functional.binary_cross_entropy_with_logits(o[:, 0], present.to(o.dtype), reduction="none")
        total = self.empty * _mean(entropy[~present]) + _mean(entropy[present])
        here = o[sample, :, row, column]
        boxes = _boxes(here, row, column, o.shape[2:])
        apart = 1 - overlap(boxes, truth)[1]
        kind = functional.cross_entropy(here[:, 5:], kinds, reduction="none")
        return total + self.box * _mean(apart) + _mean(kind)

    def predict(self, out: Any, lengths: Tensor | None = None) -> None:
        """None: :meth:`found` gives the objects."""
        return

    @torch.no_grad()
    def found(self, out: Any, lengths: Tensor | None = None, *, least: float = 0.01, most: float = 0.5) -> list[Found]:
        """The objects of each sample by falling score, the probability of presence times that of the likeliest class.

        Scores below ``least`` are left out, and boxes that overlap a better one of their class by more than ``most``.
        """
        o = self._map(out, lengths)
        rows, columns = torch.meshgrid(*(torch.arange(n, device=o.device) for n in o.shape[2:]), indexing="ij")
        each = []
        for one in o:
            here = one.flatten(1).t()
            likely, kinds = here[:, 5:].softmax(1).max(1)
            scores = here[:, 0].sigmoid() * likely
            kept = scores >= least
            boxes = _boxes(here, rows.flatten(), columns.flatten(), o.shape[2:])
            each.append(suppressed(Found(boxes[kept], scores[kept], kinds[kept]), most))
        return each

    def _map(self, out: Any, lengths: Tensor | None) -> Tensor:
        """The mean over time [B, 5 + classes, G, H]."""
        o = series(out, self, lengths, shaped=True)
        if o.ndim != 5 or o.shape[2] != 5 + self.classes:
            raise ShapeError(
                f"Detection({self.classes}) takes an output [T, B, {5 + self.classes}, G, H], got {tuple(o.shape)}: end the network with "
                f"rv.Conv2d(…, {5 + self.classes}, 1)."
            )
        return mean_over_time(o, lengths)

    def _cells(self, target: Any, o: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Sample, row, column, class and box of the last object of every cell that holds one."""
        if not isinstance(target, Tensor) or target.ndim != 3 or target.shape[2] != 5 or len(target) != len(o):
            found = tuple(target.shape) if isinstance(target, Tensor) else type(target).__name__
            raise ShapeError(
                f"Detection takes targets [B, M, 5] for {len(o)} samples, got {found}: class, centre, size."
            )
        target = target.to(o.device)
        kind = target[..., 0]
        wrong = kind[(kind != -1) & ~((kind >= 0) & (kind < self.classes) & (kind == kind.round()))]
        if len(wrong):
            raise TrainingError(
                f"target {float(wrong[0]):g} is no class: give classes from 0 to {self.classes - 1}, -1 to pad."
            )
        sample, place = (kind >= 0).nonzero(as_tuple=True)
        kinds, boxes = kind[sample, place].long(), target[sample, place, 1:].to(o.dtype)
        if not bool(((boxes[:, :2] >= 0) & (boxes[:, :2] < 1)).all()):
            raise TrainingError("a centre lies outside the image: give boxes in parts of the image, from 0 to 1.")
        sizes = boxes[:, 2:]
        wrong = sizes[~((sizes > 0) & (sizes <= 1))]
        if len(wrong):
            raise TrainingError(
                f"a box has the width or height {float(wrong[0]):g}: give sizes in parts of the image, above 0, up to 1."
            )
        height, width = o.shape[2:]
        row, column = (boxes[:, 1] * height).long(), (boxes[:, 0] * width).long()
        last = _last((sample * height + row) * width + column, len(o) * height * width)
        return sample[last], row[last], column[last], kinds[last], boxes[last]


def _last(cell: Tensor, cells: int) -> Tensor:
    """Whether an object [N] is the last of its ``cell`` [N]."""
    order = torch.arange(len(cell), device=cell.device)
    return order == cell.new_zeros(cells).scatter_reduce(0, cell, order, "amax")[cell]


def _mean(x: Tensor) -> Tensor:
    """The mean, 0 where there is nothing."""
    return x.sum() / max(x.numel(), 1)


def _boxes(here: Tensor, row: Tensor, column: Tensor, grid: torch.Size) -> Tensor:
    """Boxes [N, 4] that values [N, 5 + C] of cells stand for."""
    raw = here[:, 1:5].sigmoid()
    centre = torch.stack([(raw[:, 0] + column) / grid[1], (raw[:, 1] + row) / grid[0]], 1)
    return torch.cat([centre, raw[:, 2:]], 1)
