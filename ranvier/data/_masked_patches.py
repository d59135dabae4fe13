"""Images with hidden patches, to be filled in."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional
from torch.utils.data import Dataset

from ranvier.errors import ShapeError
from ranvier.values import is_whole

__all__ = ["MaskedPatches"]

Tensor = torch.Tensor


class MaskedPatches(Dataset[tuple[Tensor, Tensor]]):
    """Images of which a share of all patches is hidden, with the hidden pixels as targets: pretraining without labels.

    Sample i is (x, y). x [T, C, H, W] is image i in every step, with ``fill`` in each hidden patch. y [C*size², H/size, W/size] holds the pixels of each
    patch in the order of ``torch.nn.functional.pixel_unshuffle``, and NaN where the patch is visible. Each time a sample is read, other patches are hidden.
    :class:`ranvier.losses.MaskedRegression` compares them with a network whose output has this shape.

    Parameters
    ----------
    images
        [S, C, H, W].
    size
        Height and width of a patch; it divides H and W.
    share
        Of patches that are hidden, above 0 and below 1; which are, is drawn from torch's generator.
    steps
        T.
    fill
        What stands in hidden pixels.

    Raises
    ------
    ShapeError
        For images of other axes, a size that does not divide them, another share, and numbers that are not positive and whole.

    Source: He et al., CVPR 2022 (masked autoencoders); Xie et al., CVPR 2022 (a linear decoder on masked images).

    >>> hidden = rv.data.MaskedPatches(torch.rand(20, 1, 28, 28), size=4, share=0.6, steps=4)
    >>> [part.shape for part in hidden[0]]
    [torch.Size([4, 1, 28, 28]), torch.Size([16, 7, 7])]
    """

    def __init__(self, images: Tensor, *, size: int, share: float = 0.6, steps: int = 1, fill: float = 0.5) -> None:
        if not isinstance(images, Tensor) or images.ndim != 4:
            found = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
            raise ShapeError(
                f"MaskedPatches takes images [S, C, H, W], got {found}: give a tensor with an axis of channels."
            )
        for name, value in (("size", size), ("steps", steps)):
            if not is_whole(value):
                raise ShapeError(f"MaskedPatches: {name}={value!r} must be a positive whole number.")
        if images.shape[2] % size or images.shape[3] % size:
            raise ShapeError(
                f"MaskedPatches: size={size} must divide the images, whose space is {tuple(images.shape[2:])}: cut or pad them."
            )
        if not isinstance(share, int | float) or not 0 < share < 1:
            raise ShapeError(f"MaskedPatches: share={share!r} must lie above 0 and below 1.")
        self.images, self.size, self.share, self.steps, self.fill = images, size, float(share), steps, fill

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Any) -> tuple[Tensor, Tensor]:
        image = self.images[index]
        patches = functional.pixel_unshuffle(image, self.size)
        space = patches.shape[1:]
        count = max(1, round(self.share * space.numel()))
        hidden = torch.zeros(space.numel(), dtype=torch.bool)
        hidden[torch.randperm(len(hidden))[:count]] = True
        hidden = hidden.reshape(space)
        pixels = hidden.repeat_interleave(self.size, 0).repeat_interleave(self.size, 1)
        x = image.masked_fill(pixels, self.fill)
        return x.expand(self.steps, *x.shape), patches.masked_fill(~hidden, float("nan"))
